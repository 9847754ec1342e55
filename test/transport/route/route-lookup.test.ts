import { describe, expect, it } from 'vitest';
import { isInPrefixOf, isOnLink, isRoutedOnLink, routedInterfaces } from '../../../src/transport/route/route-lookup.js';
import { chooseSource } from '../../../src/transport/route/route-source.js';
import { octets } from '../inside-fixture.js';

const hex = (text: string): string => Buffer.from(octets(text)).toString('hex');

/** As in `/proc/net/ipv6_route`. */
function route(prefix: string, length: number, name: string, metric = 1024, flags = 0x1, gateway = '::'): string {
  const number = (value: number): string => value.toString(16).padStart(8, '0');
  const [none, bits] = [hex('::'), length.toString(16).padStart(2, '0')];
  return `${hex(prefix)} ${bits} ${none} 00 ${hex(gateway)} ${number(metric)} 00000001 00000000 ${number(flags)} ${name.padStart(8)}`;
}

describe('the interfaces of the longest matching route', () => {
  const table = [
    route('::', 0, 'eth0'),
    route('2001:db8::', 32, 'eth1'),
    route('2001:db8:0:fff0::', 61, 'eth2'),
    route('::', 0, 'lo', 0xffffffff, 0x200201),
    '',
  ].join('\n');

  it.each([
    ['2001:db9::1', ['eth0']],
    ['2001:db8:1::1', ['eth1']],
    ['2001:db8:0:fff7::1', ['eth2']],
    ['2001:db8:0:fff8::1', ['eth1']],
    ['2001:db8:0:ffe0::1', ['eth1']],
  ])('to %s are %j', (target, names) => {
    expect(routedInterfaces(table, octets(target))).toEqual(names);
  });

  it('have the lowest metric, and are several where that is equal', () => {
    const equal = [route('::', 0, 'slow', 2000), route('::', 0, 'a', 100), route('::', 0, 'b', 100)].join('\n');
    expect(routedInterfaces(equal, octets('2001:db8::1'))).toEqual(['a', 'b']);
  });

  it('are none where only a rejecting route matches, or the table is unreadable', () => {
    expect(routedInterfaces(route('::', 0, 'lo', 1, 0x201), octets('2001:db8::1'))).toEqual([]);
    expect(routedInterfaces('no table at all\n\n', octets('2001:db8::1'))).toEqual([]);
  });
});

describe('an address that is on a link', () => {
  const table = [
    route('::', 0, 'tun0'),
    route('fd00::', 8, 'tun0'),
    route('fd00:1::', 48, 'eth0', 256),
    route('fd00:1:2::', 64, 'eth0', 1024, 0x3, 'fe80::1'),
    route('fd00:3::', 48, 'eth0', 256, 0x201),
    route('fd00:4::', 64, 'eth0', 256),
    route('fd00:4::', 64, 'eth1', 256, 0x3, 'fe80::1'),
  ].join('\n');

  it.each([
    ['fd00:1::9', true, 'a route without a gateway'],
    ['fd00:1:2::9', false, 'a longer route with one'],
    ['fd00:5::9', false, 'a short route into a tunnel'],
    ['2001:db8::9', false, 'a default route into a tunnel'],
    ['fd00:3::9', false, 'a route that refuses'],
    ['fd00:4::9', false, 'one of two equal routes with a gateway'],
  ])('%s: %s, by %s', (target, expected) => {
    expect(isRoutedOnLink(table, octets(target))).toBe(expected);
  });

  it("is one in the prefix of an interface's address", () => {
    const own = [
      { octets: octets('fd00:7::1'), prefixLength: 64 },
      { octets: octets('fd00:8::1'), prefixLength: 128 },
    ];
    expect(isInPrefixOf(own, octets('fd00:7::9'))).toBe(true);
    expect(isInPrefixOf(own, octets('fd00:7:0:1::9'))).toBe(false);
    expect(isInPrefixOf(own, octets('fd00:8::1'))).toBe(true);
    expect(isInPrefixOf(own, octets('fd00:8::2'))).toBe(false);
    expect(isInPrefixOf([{ octets: octets('fd00:9::1'), prefixLength: 0 }], octets('2001:db8::1'))).toBe(false);
  });

  it('is link-local only where a zone says on which', () => {
    expect(isOnLink(octets('fe80::1'), 'eth0')).toBe(true);
    expect(isOnLink(octets('fe80::1'), null)).toBe(false);
    expect(isOnLink(octets('4000::1'), null)).toBe(false);
  });
});

/** As in `/proc/net/if_inet6`. */
function address(text: string, name: string, flags = 0x80, scope = 0): string {
  const byte = (value: number): string => value.toString(16).padStart(2, '0');
  return `${hex(text)} 02 40 ${byte(scope)} ${byte(flags)} ${name.padStart(8)}`;
}

describe('the source on an interface', () => {
  const TENTATIVE = 0x40;
  const DEPRECATED = 0x20;
  const choose = (target: string, rows: readonly string[], name: string | null = 'eth0'): string | null => {
    const chosen = chooseSource(rows.join('\n'), octets(target), name);
    return chosen === null ? null : Buffer.from(chosen).toString('hex');
  };
  const linkLocal = address('fe80::2', 'eth0', 0x80, 0x20);

  it('is of that interface only', () => {
    const rows = [address('2001:db8:9::1', 'eth1'), address('2001:db8:1::1', 'eth0')];
    expect(choose('2001:db8:9::5', rows)).toBe(hex('2001:db8:1::1'));
    expect(choose('2001:db8:9::5', rows, null)).toBe(hex('2001:db8:9::1'));
  });

  it('has the scope of the target: link-local for link-local, global for all else', () => {
    const rows = [linkLocal, address('2001:db8::2', 'eth0')];
    expect(choose('fe80::1', rows)).toBe(hex('fe80::2'));
    expect(choose('2001:db9::1', rows)).toBe(hex('2001:db8::2'));
    expect(choose('2001:db9::1', [...rows].reverse())).toBe(hex('2001:db8::2'));
    expect(choose('fe80::1', [...rows].reverse())).toBe(hex('fe80::2'));
  });

  it('shares the longest prefix with the target', () => {
    const rows = ['2001:db8:1::1', '2001:db8:2::1', 'fd00::1'].map((text) => address(text, 'eth0'));
    expect(choose('2001:db8:2::99', rows)).toBe(hex('2001:db8:2::1'));
    expect(choose('fd00:1::9', rows)).toBe(hex('fd00::1'));
  });

  it('is deprecated only where nothing else is there, and never tentative', () => {
    const deprecated = address('2001:db8:2::1', 'eth0', DEPRECATED);
    const rows = [deprecated, address('2001:db8:2::2', 'eth0', TENTATIVE), address('fd00::1', 'eth0')];
    expect(choose('2001:db8:2::99', rows)).toBe(hex('fd00::1'));
    expect(choose('2001:db8:2::99', rows.slice(0, 2))).toBe(hex('2001:db8:2::1'));
  });

  it('is null where the interface has none that could get an answer', () => {
    expect(choose('2001:db8::1', [linkLocal])).toBeNull();
    expect(choose('2001:db8::1', ['nonsense', ''])).toBeNull();
  });
});
