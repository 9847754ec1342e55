import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/address/address.js';
import { formatPrefix } from '../../../src/address/prefix.js';
import { isOfNat64, mayBeOfNat64, nat64PrefixesOf } from '../../../src/annotate/names/nat64.js';

const octets = (text: string): Uint8Array => parseAddress(text)!.octets;

describe('the prefix of a NAT64', () => {
  // RFC 6052 section 2.4 has these for 192.0.2.33; here they hold 192.0.0.170.
  it.each([
    ['2001:db8:c000:aa::', '2001:db8::/32'],
    ['2001:db8:1c0:0:aa::', '2001:db8:100::/40'],
    ['2001:db8:122:c000:0:aa00::', '2001:db8:122::/48'],
    ['2001:db8:122:3c0:0:aa::', '2001:db8:122:300::/56'],
    ['2001:db8:122:344:c0:0:aa00::', '2001:db8:122:344::/64'],
    ['2001:db8:122:344::c000:aa', '2001:db8:122:344::/96'],
    ['64:ff9b::c000:ab', '64:ff9b::/96'],
  ])('is found in %s', (address, prefix) => {
    expect(nat64PrefixesOf([octets(address)]).map(formatPrefix)).toEqual([prefix]);
  });

  it('is in no other address', () => {
    expect(
      nat64PrefixesOf(['2001:db8::80', '2001:db8::c000:2aa', '2001:db8:122:344:100::c000:aa'].map(octets)),
    ).toEqual([]);
  });

  it('tells addresses that lead through it from others, and is asked for only where an address may be such', () => {
    const prefixes = nat64PrefixesOf([octets('2001:db8:64::c000:aa')]);
    expect(isOfNat64(octets('2001:db8:64::c633:6407'), prefixes)).toBe(true);
    expect(isOfNat64(octets('2001:db8:65::c633:6407'), prefixes)).toBe(false);
    expect(mayBeOfNat64(octets('2001:db8:65::c633:6407'))).toBe(true);
    for (const text of ['2001:db8::80', '2001:db8:1:2:3:4:5:6', '2001:db8::7f00:1', '2001:db8::e000:1'])
      expect([text, mayBeOfNat64(octets(text))]).toEqual([text, false]);
  });
});
