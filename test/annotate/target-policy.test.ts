import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../src/address/address.js';
import { parsePrefixList } from '../../src/address/prefix.js';
import { readPrefixFile } from '../../src/annotate/prefix-file.js';
import { refuseNonPublic, refuseTarget } from '../../src/annotate/target-policy.js';

const doNotProbe = parsePrefixList('2001:db8:bad::/48\n2001:db8::1 # one host\n').set;

function refuse(text: string): string | null {
  const { octets, zone } = parseAddress(text)!;
  return refuseTarget(octets, zone, doNotProbe);
}

describe('a target', () => {
  it.each([
    ['::', ':: is the unspecified address, which no host has.'],
    ['ff02::1', 'ff02::1 is a multicast address: probes to a group are answered by many and prove nothing.'],
    ['ff0e::1234', 'ff0e::1234 is a multicast address: probes to a group are answered by many and prove nothing.'],
    ['fe80::1', 'fe80::1 is a link-local address without a zone; name the interface, as in fe80::1%eth0.'],
    ['2001:db8:bad:1::1', '2001:db8:bad:1::1 is in the do-not-probe list.'],
    ['2001:db8::1', '2001:db8::1 is in the do-not-probe list.'],
  ])('%s is refused: %s', (text, reason) => {
    expect(refuse(text)).toBe(reason);
  });

  it('that is IPv4-mapped is refused', () => {
    expect(refuse('::ffff:192.0.2.1')).toMatch(
      /is an IPv4-mapped address: it means an IPv4 host, and PDM is an IPv6 option\.$/,
    );
  });

  it.each(['2001:db8::2', '2606:4700::1', 'fd00::1', '::1', 'fe80::1%eth0', '2001:db8:bae::1'])(
    '%s may be probed',
    (text) => {
      expect(refuse(text)).toBeNull();
    },
  );

  it('may be probed without any list', () => {
    const { octets, zone } = parseAddress('2001:db8::1')!;
    expect(refuseTarget(octets, zone, null)).toBeNull();
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
    ['::1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fc00::1', 'unique local'],
    ['fdff:1::1', 'unique local'],
    ['fec0::1', 'site-local'],
    ['::7f00:1', 'IPv4-compatible'],
    ['2002:c0a8:101::1', '6to4 (of a private IPv4)'],
    ['64:ff9b::7f00:1', 'NAT64 (of a private IPv4)'],
    ['64:ff9b::a9fe:a9fe', 'NAT64 (of a private IPv4)'],
    ['64:ff9b::6440:1', 'NAT64 (of a private IPv4)'],
    ['64:ff9b::ac1f:1', 'NAT64 (of a private IPv4)'],
  ])('is refused when it is %s, a %s address', (text, kind) => {
    expect(refuseNonPublic(parseAddress(text)!.octets)).toBe(
      `${formatAddress(parseAddress(text)!.octets)} is a ${kind} address: only public ones are traced on request.`,
    );
  });

  it.each(['2001:db8::1', '2606:4700::1', '2002:c000:201::1', '64:ff9b::808:808', '64:ff9b::ac20:1', '64:ff9b:1::1'])(
    'may be %s',
    (text) => {
      expect(refuseNonPublic(parseAddress(text)!.octets)).toBeNull();
    },
  );
});
