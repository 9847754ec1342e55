import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import { parsePrefixList } from '../../src/address/prefix.js';
import { readPrefixFile } from '../../src/annotate/prefix-file.js';
import { refuseNonPublic, refuseTarget, type TargetPolicy } from '../../src/annotate/target-policy.js';

const doNotProbe = parsePrefixList('2001:db8:bad::/48\n2001:db8::1 # one host\n').set;

function refuse(text: string, changes: Partial<TargetPolicy> = {}): string | null {
  const { octets, zone } = parseAddress(text)!;
  return refuseTarget(octets, zone, { doNotProbe, allowSpecial: false, isOnLink: () => false, ...changes });
}

function sixToFour(ipv4: string): string {
  const [a, b, c, d] = ipv4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `2002:${a}${b}:${c}${d}::1`;
}

const IMPOSSIBLE: [string, string][] = [
  ['::', ':: is the unspecified address, which no host has; give that of a host.'],
  [
    'ff02::1',
    'ff02::1 is a multicast address: probes to a group are answered by many and prove nothing; give the address of one host.',
  ],
  [
    'ff0e::1234',
    'ff0e::1234 is a multicast address: probes to a group are answered by many and prove nothing; give the address of one host.',
  ],
  ['fe80::1', 'fe80::1 is a link-local address without a zone; name the interface, as in fe80::1%eth0.'],
  [
    '::ffff:192.0.2.1',
    '::ffff:192.0.2.1 is an IPv4-mapped address: it means an IPv4 host, and PDM is an IPv6 option; give an IPv6 address of the host.',
  ],
  [
    '::7f00:1',
    '::7f00:1 is an IPv4-compatible address (::/96, RFC 4291 section 2.5.5.1): it leads to an IPv4 host, and PDM is an IPv6 option; give an IPv6 address of the host.',
  ],
  [
    '64:ff9b::808:808',
    '64:ff9b::808:808 is an address of a NAT64 (64:ff9b::/96, RFC 6052): it leads to an IPv4 host, and the option cannot pass a NAT64; give an IPv6 address of the host.',
  ],
  [
    '64:ff9b:1::1',
    '64:ff9b:1::1 is an address of a local-use NAT64 (64:ff9b:1::/48, RFC 8215): it leads to an IPv4 host, and the option cannot pass a NAT64; give an IPv6 address of the host.',
  ],
  [
    '2002:a01:203::1',
    '2002:a01:203::1 is a 6to4 address (2002::/16, RFC 3056): it leads to the IPv4 host 10.1.2.3, which is not globally reachable; give another IPv6 address of the host.',
  ],
  [
    '2001:db8:bad:1::1',
    '2001:db8:bad:1::1 is in the do-not-probe list; take its prefix out of that file if it may be probed.',
  ],
  ['2001:db8::1', '2001:db8::1 is in the do-not-probe list; take its prefix out of that file if it may be probed.'],
];

describe('a target', () => {
  it.each(IMPOSSIBLE)('%s is refused, whatever is allowed: %s', (text, reason) => {
    expect(refuse(text)).toBe(reason);
    expect(refuse(text, { allowSpecial: true, isOnLink: () => true })).toBe(reason);
  });

  it('that is not globally reachable is refused with the block, its source and the remedy', () => {
    expect(refuse('2001:db8::2')).toBe(
      '2001:db8::2 is a documentation address (2001:db8::/32, RFC 3849): not globally reachable, and on no link of this host; --allow-special traces it all the same.',
    );
  });

  it.each([
    ['::1', 'the loopback address'],
    ['::ffff:0:7f00:1', 'an address that is not allocated'],
    ['100::1', 'a discard-only address'],
    ['100:0:0:1::1', 'a dummy address'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'a Teredo address'],
    ['2001:2::1', 'a benchmarking address'],
    ['2001:1::9', 'an address of an IETF protocol assignment'],
    ['2001:10::1', 'an ORCHID, an identifier without a route'],
    ['2001:2f::1', 'an ORCHIDv2, an identifier without a route'],
    ['3fff:fff::1', 'a documentation address'],
    ['4000::1', 'an address that is not allocated'],
    ['5f00::1', 'a segment identifier (SRv6)'],
    ['fd00::1', 'a unique local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['fec0::1', 'a site-local address'],
    ['1fff::1', 'an address that is not allocated'],
  ])('%s is %s, and may be probed where it is on a link or allowed', (text, what) => {
    expect(refuse(text)).toContain(` is ${what} (`);
    expect(refuse(text, { allowSpecial: true })).toBeNull();
    expect(refuse(text, { isOnLink: () => true })).toBeNull();
  });

  it('is looked for on the links with its zone', () => {
    const asked: (string | null)[] = [];
    const isOnLink = (_: Uint8Array, zone: string | null): boolean => asked.push(zone) > 0;
    expect(refuse('fe80::1%eth0', { isOnLink })).toBeNull();
    expect(asked).toEqual(['eth0']);
  });

  it.each(['2606:4700::1', '2001:4860::1', '2001:3::1', '2001:1::1', '2001:30::1', '2002:808:808::1', '3fff:1000::1'])(
    '%s may be probed',
    (text) => {
      expect(refuse(text)).toBeNull();
    },
  );

  it.each(
    ['0.0.0.1', '10.0.0.1', '100.127.0.1', '127.0.0.1', '169.254.1.1', '172.31.0.1', '192.0.0.8', '192.0.2.1']
      .concat([
        '192.88.99.1',
        '192.168.1.1',
        '198.19.0.1',
        '198.51.100.1',
        '203.0.113.1',
        '224.0.0.1',
        '255.255.255.255',
      ])
      .map((ipv4) => [ipv4]),
  )('that is the 6to4 address of %s is refused', (ipv4) => {
    expect(refuse(sixToFour(ipv4), { allowSpecial: true })).toContain(`the IPv4 host ${ipv4}, which is not globally`);
  });

  it.each(['1.1.1.1', '9.255.255.255', '100.128.0.1', '172.32.0.1', '192.0.1.1', '198.20.0.1', '223.255.255.255'])(
    'that is the 6to4 address of %s may be probed',
    (ipv4) => {
      expect(refuse(sixToFour(ipv4))).toBeNull();
    },
  );

  it('may be probed without any list', () => {
    expect(refuse('2001:db8::1', { doNotProbe: null, allowSpecial: true })).toBeNull();
  });
});

describe('a file of prefixes', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'prefixes-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('is read with comments and empty lines', async () => {
    const path = join(directory, 'good');
    writeFileSync(path, '# exchanges\n2001:7f8::/29\n\n2001:db8:1::/48 # mine\n');
    const set = await readPrefixFile(path, 'ixp-prefixes');
    expect(['2001:7f8::1', '2001:db8:1::', '2001:db8:2::'].map((text) => set.has(parseAddress(text)!.octets))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is refused as a whole where a line is no prefix, so that nobody is probed by mistake', async () => {
    const path = join(directory, 'bad');
    writeFileSync(path, '2001:db8::/32\n2001:db8::/129\nnonsense\n');
    await expect(readPrefixFile(path, 'do-not-probe')).rejects.toMatchObject({
      code: 'prefix-file-malformed',
      exitCode: 66,
      message: `do-not-probe: line 2 of "${path}" is not an IPv6 prefix: "2001:db8::/129" (and 1 more lines); write it as 2001:db8::/32 or comment it out with #`,
    });
  });

  it('is refused where it cannot be read', async () => {
    const path = join(directory, 'missing');
    await expect(readPrefixFile(path, 'do-not-probe')).rejects.toMatchObject({
      code: 'prefix-file-unreadable',
      exitCode: 66,
      message: `do-not-probe: cannot read "${path}" (ENOENT); give a readable file with one prefix a line`,
    });
  });
});

describe('a target that somebody asked for over the network', () => {
  it.each([
    ['::1', 'the loopback address'],
    ['fe80::1', 'a link-local address'],
    ['febf::1', 'a link-local address'],
    ['fc00::1', 'a unique local address'],
    ['fdff:1::1', 'a unique local address'],
    ['fec0::1', 'a site-local address'],
    ['2001:0:4136:e378:8000:63bf:f5ff:fffe', 'a Teredo address'],
    ['::ffff:0:7f00:1', 'an address that is not allocated'],
    ['100::1', 'a discard-only address'],
    ['2001:db8::1', 'a documentation address'],
    ['3fff::1', 'a documentation address'],
    ['5f00::1', 'a segment identifier (SRv6)'],
    ['2001:20::1', 'an ORCHIDv2, an identifier without a route'],
    ['4000::1', 'an address that is not allocated'],
  ])('is refused when it is %s, %s', (text, kind) => {
    expect(refuseNonPublic(parseAddress(text)!.octets)).toBe(
      `${formatAddress(parseAddress(text)!.octets)} is ${kind}: only public ones are traced on request; trace it from a command line on this host.`,
    );
  });

  it.each([
    '::',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '2002:c0a8:101::1',
  ])('is refused when it is %s, as for everybody', (text) => {
    expect(refuseNonPublic(parseAddress(text)!.octets)).toBe(refuse(text));
  });

  it.each(['2606:4700::1', '2001:4860::1', '2002:808:808::1'])('may be %s', (text) => {
    expect(refuseNonPublic(parseAddress(text)!.octets)).toBeNull();
  });
});
