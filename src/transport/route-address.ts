import { isIPv6, SocketAddress } from 'node:net';
export function parseAddress(text: string): { octets: Uint8Array; zone: string | null } | null {
  const [a = '', zone = null] = text.split('%');
  if (!isIPv6(a)) return null;
  const [head = '', tail] = a.split('::');
  const w = (s: string): number[] => (s === '' ? [] : s.split(':').map((x) => Number.parseInt(x, 16)));
  const h = w(head);
  const t = w(tail ?? '');
  const words = tail === undefined ? h : [...h, ...new Array<number>(8 - h.length - t.length).fill(0), ...t];
  const octets = new Uint8Array(16);
  words.forEach((x, i) => {
    octets[2 * i] = x >> 8;
    octets[2 * i + 1] = x & 255;
  });
  return { octets, zone };
}
export function formatAddress(octets: Uint8Array): string {
  const words: string[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((octets[i]! << 8) | octets[i + 1]!).toString(16));
  return new SocketAddress({ address: words.join(':'), family: 'ipv6' }).address;
}
export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
export function isLinkLocal(a: Uint8Array): boolean {
  return a[0] === 0xfe && (a[1]! & 0xc0) === 0x80;
}
export function isLoopback(a: Uint8Array): boolean {
  return formatAddress(a) === '::1';
}
