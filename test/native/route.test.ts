import { networkInterfaces } from 'node:os';
import * as shim from 'pdm-native-shim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import type { ProbeTransport } from '../../src/transport/probe-transport.js';
import { openNativeTransport } from '../../src/transport/native/native-transport.js';
import { echoRequest, isEchoReply } from '../transport/contract-packets.js';
import { Inbox, OK, sendAll } from '../transport/behaviour.js';
import { octets } from './contract-network.js';
import { connect, enterNewNamespace, Host, openTunSink, run } from './network-namespace.js';

let peer: Host;
let transport: ProbeTransport;
let endSink: () => void;

beforeAll(async () => {
  enterNewNamespace();
  peer = await Host.create();
  connect(null, peer, { near: 'wire0', far: 'far0', nearAddress: '2001:db8:1::1/64', farAddress: '2001:db8:1::2/64' });
  connect(null, peer, { near: 'wire1', far: 'far1', nearAddress: '2001:db8:2::1/64', farAddress: '2001:db8:2::2/64' });
  run('ip', 'link', 'set', 'wire1', 'mtu', '1400');
  const add = (...route: string[]): unknown => run('ip', '-6', 'route', 'add', ...route);
  add('2001:db8:5::/64', 'via', '2001:db8:1::2');
  add('2001:db8:5::/64', 'via', '2001:db8:2::2', 'metric', '9999');
  add('2001:db8:6::/64', 'via', '2001:db8:1::2', 'mtu', '1300');
  add('unreachable', '2001:db8:7::/64');
  add('prohibit', '2001:db8:8::/64');
  add('blackhole', '2001:db8:9::/64');
  endSink = await openTunSink('tun0', 'silent');
  add('2001:db8:a::/64', 'dev', 'tun0');
  transport = await openNativeTransport({ clock: { nowNs: () => performance.now() * 1e6 } });
});
afterAll(async () => {
  await transport.close();
  endSink();
  peer.close();
});

const routeTo = async (target: string, options?: { interface?: string; source?: Uint8Array }): Promise<unknown> => {
  const route = await transport.route(octets(target), options);
  return [formatAddress(route.source), route.interface, route.mtu];
};

describe('the route', () => {
  it('has the kernel’s source, interface and the MTU of the link', async () => {
    expect(await routeTo('2001:db8:5::1')).toEqual(['2001:db8:1::1', 'wire0', 1500]);
    expect(await routeTo('2001:db8:2::2')).toEqual(['2001:db8:2::1', 'wire1', 1400]);
    expect(await routeTo('::1')).toEqual(['::1', 'lo', 65_536]);
  });

  it('has the MTU of the route where that is smaller', async () => {
    expect(await routeTo('2001:db8:6::1')).toEqual(['2001:db8:1::1', 'wire0', 1300]);
  });

  it('goes over the interface that is named, and keeps the source that is named', async () => {
    expect(await routeTo('2001:db8:5::1', { interface: 'wire1' })).toEqual(['2001:db8:2::1', 'wire1', 1400]);
    const source = octets('2001:db8:2::1');
    expect(await routeTo('2001:db8:5::1', { source })).toEqual(['2001:db8:2::1', 'wire0', 1500]);
  });

  it('takes another interface’s address where the link has none', async () => {
    expect(await routeTo('2001:db8:a::1')).toEqual([expect.stringMatching(/^2001:db8:[12]::1$/), 'tun0', 1500]);
  });

  it.each([
    ['2001:db8:ffff::1', 'ENETUNREACH'],
    ['2001:db8:7::1', 'EHOSTUNREACH'],
    ['2001:db8:8::1', 'EACCES'],
    ['2001:db8:9::1', 'EINVAL'],
    ['fe80::1', 'EINVAL'],
  ])('to %s fails with %s', async (target, code) => {
    await expect(routeTo(target)).rejects.toMatchObject({ code, message: expect.stringContaining(target) as string });
  });

  it('over an interface that is not there fails with ENODEV', async () => {
    await expect(routeTo('2001:db8:5::1', { interface: 'none0' })).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(routeTo('2001:db8:5::1', { interface: 'a name that is too long' })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  it('is what packets take afterwards: another interface than the kernel’s, and link-local links', async () => {
    const target = octets('2001:db8:5::1');
    const { source } = await transport.route(target, { interface: 'wire1' });
    const seen = new Inbox(transport);
    await transport.watch([{ protocol: 'icmp6', from: 1, to: 2 }]);
    peer.run('ip', 'address', 'add', '2001:db8:5::1/128', 'dev', 'lo');
    const farAddress = Object.values(
      JSON.parse(peer.run('ip', '-json', '-6', 'address', 'show', 'dev', 'far0')) as IpAddress[],
    )
      .flatMap(({ addr_info }) => addr_info)
      .find(({ scope }) => scope === 'link')!.local;
    const link = octets(farAddress);
    const withoutLink = echoRequest({ source, destination: link }, { identifier: 2, sequence: 1 });
    expect(await sendAll(transport, [withoutLink])).toMatchObject([{ ok: false, code: 'EINVAL' }]);
    const near = (await transport.route(link, { interface: 'wire0' })).source;
    expect(networkInterfaces()['wire0']?.map(({ address }) => address)).toContain(formatAddress(near));
    const outcomes = await sendAll(transport, [
      echoRequest({ source, destination: target }, { identifier: 1, sequence: 1 }),
      echoRequest({ source: near, destination: link }, { identifier: 2, sequence: 1 }),
    ]);
    expect(outcomes).toEqual([OK, OK]);
    await seen.first((packet) => isEchoReply(packet, 1, 1));
    await seen.first((packet) => isEchoReply(packet, 2, 1));
  });

  it('is refused for wrong arguments with a code', () => {
    const code = 'ERR_INVALID_ARG_TYPE';
    for (const wrong of [new Uint8Array(15), new Uint8Array(17), 'x', null, undefined, new Uint16Array(16)]) {
      expect(() => shim.route(wrong as Uint8Array)).toThrow(expect.objectContaining({ code }) as Error);
      if (wrong === null || wrong === undefined) continue;
      expect(() => shim.route(octets('::1'), wrong as Uint8Array)).toThrow(expect.objectContaining({ code }) as Error);
    }
    expect(() => shim.route(octets('::1'), null, 7 as unknown as string)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });
});

interface IpAddress {
  readonly addr_info: readonly { readonly scope: string; readonly local: string }[];
}
