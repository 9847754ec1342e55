import { describe, expect, it } from 'vitest';
import { emptyPlace, type Place } from '../../../src/trace/evidence/place.js';
import { namelessAddresses } from '../../../src/trace/evidence/nameless.js';
import { formatAddress } from '../../../src/address/address.js';
import { makeState, TARGET } from '../trace-fixture.js';

const state = makeState('udp');
const own = formatAddress(TARGET);
const place = (plainResponders: readonly string[], pdmResponders: readonly string[] = plainResponders): Place => ({
  ...emptyPlace(),
  plainResponders,
  pdmResponders,
});
const nameless = (hops: readonly (Place | undefined)[]): string[] =>
  [...namelessAddresses(state, hops)].filter((address) => address !== own).sort();

describe('addresses that name no place', () => {
  it('are those met at two hops, by either arm, and not at one hop by both', () => {
    expect(nameless([undefined, place(['2001:a::1']), place(['2001:a::2'])])).toEqual([]);
    expect(nameless([undefined, place(['2001:a::1'], ['2001:a::2']), undefined, place(['2001:a::2'])])).toEqual([
      '2001:a::2',
    ]);
    expect(nameless([undefined, place(['2001:a::1']), place([], ['2001:a::1', '2001:a::3'])])).toEqual(['2001:a::1']);
  });

  it('are none outside 2000::/3, and always the target', () => {
    expect(nameless([undefined, place(['fd00::1', '2001:a::1'], ['fe80::1'])])).toEqual(['fd00::1', 'fe80::1']);
    expect(namelessAddresses(state, []).has(own)).toBe(true);
  });

  it('are the same however many names a hop has: many are looked up, few looked through', () => {
    const many = Array.from({ length: 300 }, (_, index) => `2001:a::${index.toString(16)}`);
    const hops = [undefined, place(many), place(['2001:a::7', '2001:b::1']), place(['2001:b::1', '2001:b::2'])];
    expect(nameless(hops)).toEqual(['2001:a::7', '2001:b::1']);
    const few = [undefined, place(many.slice(0, 9)), ...hops.slice(2)];
    expect(nameless(few)).toEqual(['2001:a::7', '2001:b::1']);
  });
});
