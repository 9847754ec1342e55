import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/address/address.js';
import { exitCodeOf } from '../../src/cli/cli-error.js';
import type { LocalAddress } from '../../src/cli/doctor/doctor-ports.js';
import { ownSourcesOnly, refuseSourceSetting } from '../../src/cli/own-source.js';
import type { ProbeTransport, Route } from '../../src/transport/probe-transport.js';

const HERE: readonly LocalAddress[] = [
  { interface: 'lo', address: '::1', loopback: true, scopeId: 1 },
  { interface: 'eth0', address: '2001:db8:1::1', loopback: false, scopeId: 2 },
  { interface: 'eth0', address: 'fe80::1', loopback: false, scopeId: 2 },
  { interface: 'eth1', address: 'fe80::2', loopback: false, scopeId: 3 },
];

function octets(text: string): Uint8Array {
  return parseAddress(text)!.octets;
}

describe('a source that is set', () => {
  it.each(['2001:db8:1::1', '2001:0DB8:0001::0001', '::1', 'fe80::1%eth0', 'fe80::1%2', 'fe80::2', null])(
    'may be %s, which is here',
    (source) => {
      expect(refuseSourceSetting(source, () => HERE)).toBeNull();
    },
  );

  it('is never the loopback address for a list', () => {
    expect(refuseSourceSetting('::1', () => HERE, true)?.message).toBe(
      '--source ::1 is the loopback address, which no packet that leaves this host may have as its source; give a global address that `ip -6 address` lists, or leave --source out',
    );
    expect(refuseSourceSetting('fe80::1', () => HERE, true)).toBeNull();
  });

  it('that is an address of no interface is refused with what, the value and the remedy, in one line', () => {
    const refusal = refuseSourceSetting('2001:db8:1::2', () => HERE);
    expect(refusal?.message).toBe(
      "--source 2001:db8:1::2 is not an address of this host, and nothing is sent in another's name; give one that `ip -6 address` lists (addresses that only a local route gives this host, AnyIP, are not covered)",
    );
    expect(refusal).toMatchObject({ code: 'EADDRNOTAVAIL', exitCode: 69 });
    expect(exitCodeOf(refusal)).toBe(69);
  });

  it.each([
    ['fe80::1%eth1', 'is not an address of eth1 (it is one of eth0)'],
    ['fe80::1%3', 'is not an address of 3 (it is one of eth0)'],
    ['fe80::9%eth0', 'is not an address of this host'],
    ['::ffff:192.0.2.1', 'is not an address of this host'],
  ])('%s %s', (source, text) => {
    expect(refuseSourceSetting(source, () => HERE)?.message).toContain(`--source ${source} ${text}`);
  });
});

describe('a route for a source', () => {
  const ROUTE: Route = { source: octets('2001:db8:1::1'), interface: 'eth0', mtu: 1500 };
  let asked = 0;
  const transport = {
    route: () => {
      asked += 1;
      return Promise.resolve(ROUTE);
    },
  } as unknown as ProbeTransport;
  const target = octets('2001:db8:d::80');

  it('is given for an own one, and where none is named', async () => {
    const route = ownSourcesOnly(transport, () => HERE);
    await expect(route(target)).resolves.toBe(ROUTE);
    await expect(route(target, { source: octets('2001:db8:1::1'), interface: 'eth1' })).resolves.toBe(ROUTE);
    await expect(route(octets('fe80::9'), { source: octets('fe80::1'), interface: 'eth0' })).resolves.toBe(ROUTE);
  });

  it('is refused for a foreign one, and for one that has gone meanwhile, without asking the transport', async () => {
    let addresses = HERE;
    const route = ownSourcesOnly(transport, () => addresses);
    const before = asked;
    await expect(route(target, { source: octets('2001:db8::bad') })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await expect(route(octets('fe80::9'), { source: octets('fe80::1'), interface: 'eth1' })).rejects.toThrow('eth1');
    addresses = [];
    await expect(route(target, { source: octets('2001:db8:1::1') })).rejects.toThrow('not an address of this host');
    expect(asked).toBe(before);
  });

  it.each([
    ['::1', '2001:db8:d::80', 'the loopback address, which no packet that leaves this host may have as its source'],
    ['::1', 'fe80::9', 'the loopback address, which no packet that leaves this host may have as its source'],
    ['fe80::1', '2001:db8:d::80', 'a link-local address, which no router forwards packets of'],
    ['fe80::1', '::1', 'a link-local address, which no router forwards packets of'],
  ])('is refused for %s to %s, in one line', async (source, to, kind) => {
    const route = ownSourcesOnly(transport, () => HERE);
    const before = asked;
    await expect(route(octets(to), { source: octets(source), interface: 'eth0' })).rejects.toMatchObject({
      exitCode: 69,
      message: `--source ${source} is ${kind}, so nothing is sent to ${to}; give a global address that \`ip -6 address\` lists, or leave --source out`,
    });
    expect(asked).toBe(before);
  });

  it.each([
    ['::1', '::1'],
    ['fe80::1', 'fe80::9'],
    ['2001:db8:1::1', 'fe80::9'],
    ['2001:db8:1::1', '::1'],
  ])('is given for %s to %s', async (source, to) => {
    const route = ownSourcesOnly(transport, () => HERE);
    await expect(route(octets(to), { source: octets(source), interface: 'eth0' })).resolves.toBe(ROUTE);
  });
});
