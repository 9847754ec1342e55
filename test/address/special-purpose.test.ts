import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/address/address.js';
import { prefixContains } from '../../src/address/prefix.js';
import { blockText, specialPurposeOf } from '../../src/address/special-purpose.js';

function blockOf(text: string): string {
  const kind = specialPurposeOf(parseAddress(text)!.octets);
  return `${blockText(kind)}: ${kind.reach}`;
}

describe('the block of an address', () => {
  it.each([
    ['::', '::/128, RFC 4291: never'],
    ['::1', '::1/128, RFC 4291: local'],
    ['::2', '::/96, RFC 4291 section 2.5.5.1: never'],
    ['::ffff:192.0.2.1', '::ffff:0.0.0.0/96, RFC 4291: never'],
    ['::fffe:0:0', 'outside 2000::/3, RFC 4291 section 2.4: unallocated'],
    ['64:ff9b::1', '64:ff9b::/96, RFC 6052: never'],
    ['64:ff9b:0:0:0:1::', 'outside 2000::/3, RFC 4291 section 2.4: unallocated'],
    ['64:ff9b:1:ffff::', '64:ff9b:1::/48, RFC 8215: never'],
    ['100::ffff', '100::/64, RFC 6666: local'],
    ['100:0:0:1::', '100:0:0:1::/64, RFC 9780: local'],
    ['2001:0:ffff::', '2001::/32, RFC 4380: local'],
    ['2001:1::1', '2001:1::1/128, RFC 7723: global'],
    ['2001:1::4', '2001::/23, RFC 2928: local'],
    ['2001:2:0:ffff::', '2001:2::/48, RFC 5180: local'],
    ['2001:2:1::', '2001::/23, RFC 2928: local'],
    ['2001:1f:ffff::', '2001:10::/28, RFC 4843: local'],
    ['2001:2f:ffff::', '2001:20::/28, RFC 7343: local'],
    ['2001:1ff:ffff::', '2001::/23, RFC 2928: local'],
    ['2001:200::', '2000::/3, RFC 4291 section 2.4: global'],
    ['2001:db8:ffff::', '2001:db8::/32, RFC 3849: local'],
    ['2001:db9::', '2000::/3, RFC 4291 section 2.4: global'],
    ['3fff:fff:ffff::', '3fff::/20, RFC 9637: local'],
    ['3fff:1000::', '2000::/3, RFC 4291 section 2.4: global'],
    ['4000::', 'outside 2000::/3, RFC 4291 section 2.4: unallocated'],
    ['5f00:ffff::', '5f00::/16, RFC 9602: local'],
    ['fdff::', 'fc00::/7, RFC 4193: local'],
    ['febf::', 'fe80::/10, RFC 4291: local'],
    ['feff::', 'fec0::/10, RFC 3879: local'],
    ['ff02::1', 'ff00::/8, RFC 4291: never'],
  ])('%s is %s', (text, block) => {
    expect(blockOf(text)).toBe(block);
  });

  it('is there for every address, at any offset, and outside 2000::/3 never global', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(7), (octets, offset) => {
        const kind = specialPurposeOf(octets);
        expect(prefixContains(kind.prefix, octets)).toBe(true);
        expect(specialPurposeOf(Uint8Array.from([...new Uint8Array(offset), ...octets]), offset)).toBe(kind);
        if (((octets[0] ?? 0) & 0xe0) !== 0x20) expect(kind.reach).not.toBe('global');
      }),
    );
  });
});
