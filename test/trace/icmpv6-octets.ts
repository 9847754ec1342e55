/** An ICMPv6 error of 8 octets and what it quotes; the checksum is the kernel's business where its header is gone. */
export function emitIcmpv6Octets(type: number, code: number, quote: Uint8Array, word = 0): Uint8Array {
  const bytes = new Uint8Array(8 + quote.length);
  bytes[0] = type;
  bytes[1] = code;
  new DataView(bytes.buffer).setUint32(4, word);
  bytes.set(quote, 8);
  return bytes;
}
