/** ICMPv6 errors in words (RFC 4443, RFC 4890, RFC 6550, RFC 7112, RFC 8754, RFC 8883; IANA registry "ICMPv6 Parameters"). */

const DESTINATION_UNREACHABLE: readonly string[] = [
  'no route to the destination',
  'administratively prohibited',
  'beyond the scope of the source address',
  'address unreachable',
  'port unreachable',
  'source address failed a policy',
  'reject route',
  'error in a source routing header',
  'headers too long',
];

const PARAMETER_PROBLEM: readonly string[] = [
  'erroneous header field',
  'unrecognised next header',
  'unrecognised option',
  'first fragment without the whole header chain',
  'upper-layer header not understood by a segment routing node',
  'unrecognised next header at a router',
  'extension header too big',
  'extension header chain too long',
  'too many extension headers',
  'too many options',
  'option too big',
];

/** E.g. `administratively prohibited (ICMPv6 1/1)`, `unrecognised option (ICMPv6 4/2, pointer 42)`. */
export function icmpErrorText(type: number, code: number, pointer: number | null): string {
  const numbers = `ICMPv6 ${type}/${code}${pointer === null ? '' : `, pointer ${pointer}`}`;
  const words = icmpWords(type, code);
  return words === null ? numbers : `${words} (${numbers})`;
}

function icmpWords(type: number, code: number): string | null {
  if (type === 1) return DESTINATION_UNREACHABLE[code] ?? 'destination unreachable';
  if (type === 2) return 'packet too big';
  if (type === 3) return code === 1 ? 'reassembly time exceeded' : 'hop limit exceeded';
  if (type === 4) return PARAMETER_PROBLEM[code] ?? 'parameter problem';
  return null;
}
