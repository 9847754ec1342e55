/** The simulator's own idea of address text, apart from `src/address`. */

/** 16 octets of an IPv6 address as text (no zone, no embedded IPv4), or null. */
export function octetsOf(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const head = words(halves[0] ?? '');
  const tail = words(halves[1] ?? '');
  const gap = halves.length === 2 ? 8 - head.length - tail.length : 0;
  const all = [...head, ...new Array<number>(Math.max(0, gap)).fill(0), ...tail];
  if (all.length !== 8 || all.some((group) => !(group >= 0 && group <= 0xffff))) return null;
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Eight groups, zeros and all: for reading logs, not RFC 5952. */
export function formatText(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) => ((octets[2 * at]! << 8) | octets[2 * at + 1]!).toString(16));
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}
