/** What holds for the raw-socket adapter on a real kernel beyond the contract. */
import { execFileSync } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import type { ProbeTransport } from '../../../src/transport/probe-transport.js';
import { openRawSocketTransport } from '../../../src/transport/raw-socket/raw-socket-transport.js';
import { type Behaviour, failed, Inbox, OK, sendAll } from '../behaviour.js';
import {
  echoRequest,
  icmpPacket,
  isEchoReply,
  isTimeExceeded,
  isUdpTo,
  udpPacket,
  wholePacket,
} from '../contract-packets.js';
import type { TransportFixture } from '../contract.js';
import { octets } from '../inside-fixture.js';
import { NETWORK } from '../transport-network.js';

const IDENTIFIER = 0x1a2b;
const PORT = 40_123;
const NOBODY = 65_534;

export const rawSocketBehaviours: readonly Behaviour<TransportFixture>[] = [
  {
    title: 'opens only with CAP_NET_RAW: EPERM and what to do about it',
    run: async ({ clock }) => {
      process.seteuid?.(NOBODY);
      try {
        await expect(openRawSocketTransport({ clock })).rejects.toMatchObject({
          code: 'EPERM',
          errno: -1,
          syscall: 'socket',
          message: expect.stringMatching(/Operation not permitted.*sudo setcap cap_net_raw\+ep/) as string,
        });
      } finally {
        process.seteuid?.(0);
      }
    },
  },
  {
    title: 'stays open when nothing refers to it any more',
    run: async ({ clock, collectGarbage, source }) => {
      const open = async (): Promise<{ readonly inbox: Inbox; readonly weak: WeakRef<ProbeTransport> }> => {
        const forgotten = await openRawSocketTransport({ clock });
        await forgotten.watch([{ protocol: 'udp', from: PORT, to: PORT }]);
        return { inbox: new Inbox(forgotten), weak: new WeakRef(forgotten) };
      };
      const { inbox, weak } = await open();
      for (let round = 0; round < 3; round += 1) {
        await nextTurn(); // a WeakRef holds its target until the end of the turn in which it was made
        collectGarbage?.();
      }
      const transport = weak.deref();
      if (transport === undefined) throw new Error('The transport was collected while it was open.');
      await sendAll(transport, [udpPacket({ source, destination: source }, { sourcePort: 9, destinationPort: PORT })]);
      await inbox.first((packet) => isUdpTo(packet, PORT));
      await transport.close();
    },
  },
  {
    title: 'leaves UDP with a wrong checksum out and lets it show in the kernel drops',
    run: async ({ transport, source }) => {
      const inbox = new Inbox(transport);
      await transport.watch([{ protocol: 'udp', from: PORT, to: PORT }]);
      const ends = { source, destination: source };
      const fields = { sourcePort: 9, destinationPort: PORT } as const;
      const bad = udpPacket(ends, { ...fields, wrongChecksum: true, payload: Buffer.from('bad') });
      const good = udpPacket(ends, { ...fields, payload: Buffer.from('good') });
      expect(await sendAll(transport, [bad, good])).toEqual([OK, OK]);
      const { message } = await inbox.first((packet) => isUdpTo(packet, PORT));
      expect(message.subarray(8).toString()).toBe('good');
      await vi.waitFor(() => {
        expect(transport.stats()).toEqual({ kernelDrops: 1 });
      }, 5000);
    },
  },
  {
    title: 'counts the packets that the kernel dropped while nobody read',
    run: async ({ transport, source }) => {
      await transport.watch([{ protocol: 'udp', from: PORT, to: PORT }]);
      expect(transport.stats()).toEqual({ kernelDrops: 0 });
      floodWhileWeWait(source);
      const inbox = new Inbox(transport);
      await vi.waitFor(() => {
        expect(transport.stats().kernelDrops).toBeGreaterThan(0);
      }, 5000);
      const { kernelDrops } = transport.stats();
      await transport.watch([]);
      expect(transport.stats()).toEqual({ kernelDrops });
      expect(inbox.all.length).toBeLessThan(FLOOD);
    },
  },
  {
    title: 'keeps all of 2,000 replies to 2,000 packets sent at once',
    run: async ({ transport, source, target }) => {
      const inbox = new Inbox(transport);
      await transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]);
      const packets = Array.from({ length: 1000 }, (_, sequence) =>
        echoRequest({ source, destination: target }, { identifier: IDENTIFIER, sequence }),
      );
      await Promise.all([sendAll(transport, packets), sendAll(transport, packets)]);
      await inbox.count(({ message }) => message[0] === 129, 2000);
      expect(transport.stats()).toEqual({ kernelDrops: 0 });
    },
  },
  {
    title: 'reports a packet that a filter of this host refused as EPERM',
    run: async ({ transport, source, target }) => {
      const packet = udpPacket({ source, destination: target }, { sourcePort: PORT, destinationPort: 4444 });
      command('nft', 'add table ip6 refuse; add chain ip6 refuse out { type filter hook output priority 0; };');
      command('nft', 'add rule ip6 refuse out udp dport 4444 drop');
      try {
        expect(await sendAll(transport, [packet])).toEqual([failed('EPERM')]);
      } finally {
        command('nft', 'delete table ip6 refuse');
      }
      expect(await sendAll(transport, [packet])).toEqual([OK]);
    },
  },
  {
    title: 'reports a packet that fell out of the full queue of this host as ENOBUFS, and goes on',
    run: async ({ transport, source, target }) => {
      const packets = Array.from({ length: 20 }, () =>
        udpPacket(
          { source, destination: target },
          { sourcePort: PORT, destinationPort: 4444, payload: Buffer.alloc(900) },
        ),
      );
      const device = `dev ${NETWORK.interface} root`;
      command('tc', `qdisc add ${device} tbf rate 8kbit burst 2000 limit 3000`);
      try {
        const outcomes = await sendAll(transport, packets);
        expect(outcomes.slice(0, 2)).toEqual([OK, OK]);
        expect(outcomes.slice(-10)).toEqual(packets.slice(-10).map(() => failed('ENOBUFS')));
      } finally {
        command('tc', `qdisc del ${device}`);
      }
      expect(await sendAll(transport, packets)).toEqual(packets.map(() => OK));
    },
  },
  {
    title: 'goes on after ICMPv6 errors that blame its sending socket, and after packets of its protocol',
    run: async ({ transport, source, target }) => {
      const inbox = new Inbox(transport);
      await transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]);
      const toUs = { source, destination: source };
      const blamed = wholePacket({ source, destination: target }, {}, 255, Buffer.alloc(8));
      const attacks = [1, 2, 3, 4].map((type) =>
        icmpPacket(toUs, {}, type, 0, Buffer.concat([Buffer.alloc(4), blamed])),
      );
      attacks.push(wholePacket(toUs, {}, 255, Buffer.alloc(8)));
      const request = echoRequest({ source, destination: target }, { identifier: IDENTIFIER, sequence: 1 });
      const all = [...attacks, ...attacks, request];
      expect(await sendAll(transport, all)).toEqual(all.map(() => OK));
      await inbox.first((packet) => isEchoReply(packet, IDENTIFIER, 1));
      expect(await sendAll(transport, all)).toEqual(all.map(() => OK));
    },
  },
  {
    title: 'takes the interface asked for: its source and MTU, and packets of that route leave over it',
    run: async ({ transport, target, source }) => {
      const { second } = NETWORK;
      const route = await transport.route(target, { interface: second.interface });
      expect(route).toEqual({ source: octets(second.source), interface: second.interface, mtu: second.mtu });
      const inbox = new Inbox(transport);
      const payload = Buffer.alloc(second.mtu + 1 - 48);
      const fields = { sourcePort: PORT, destinationPort: 33_434, payload } as const;
      // Only the second link is too narrow for it.
      const bound = udpPacket({ source: route.source, destination: target }, fields);
      const free = udpPacket({ source, destination: target }, fields);
      const expiring = udpPacket(
        { source: route.source, destination: target },
        { ...fields, payload: Buffer.alloc(8), hopLimit: 1 },
      );
      expect(await sendAll(transport, [bound, free, expiring])).toEqual([failed('EMSGSIZE'), OK, OK]);
      const { source: router } = await inbox.first(isTimeExceeded);
      expect([...router]).toEqual([...octets(second.router)]);
    },
  },
  {
    title: 'takes the source asked for, on the interface of the route or on another',
    run: async ({ transport, target, source }) => {
      const second = octets(NETWORK.second.source);
      expect(await transport.route(target, { source })).toMatchObject({ source, interface: NETWORK.interface });
      expect(await transport.route(target, { source: second })).toMatchObject({ source: second });
      expect(await transport.route(target, { source: second, interface: NETWORK.interface })).toEqual({
        source: second,
        interface: NETWORK.interface,
        mtu: NETWORK.mtu,
      });
    },
  },
  {
    title: 'knows that its own addresses are on the loopback interface',
    run: async ({ transport, source }) => {
      for (const own of [source, octets('::1')]) {
        expect(await transport.route(own)).toEqual({ source: own, interface: 'lo', mtu: 65_536 });
      }
    },
  },
  {
    title: 'reaches a link-local target over the interface asked for, and refuses to guess one',
    run: async ({ transport }) => {
      const target = octets(NETWORK.routerLinkLocal);
      await expect(transport.route(target)).rejects.toMatchObject({
        code: 'EINVAL',
        message: expect.stringContaining('--interface') as string,
      });
      const request = (source: Uint8Array, sequence: number): Buffer =>
        echoRequest({ source, destination: target }, { identifier: IDENTIFIER, sequence });
      expect(await sendAll(transport, [request(octets('fe80::2'), 1)])).toEqual([failed('EINVAL')]);
      const inbox = new Inbox(transport);
      await transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]);
      const route = await transport.route(target, { interface: NETWORK.interface });
      expect(route).toMatchObject({ interface: NETWORK.interface, mtu: NETWORK.mtu });
      expect([...route.source.subarray(0, 8)]).toEqual([0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
      expect(await sendAll(transport, [request(route.source, 2)])).toEqual([OK]);
      const { source } = await inbox.first((packet) => isEchoReply(packet, IDENTIFIER, 2));
      expect([...source]).toEqual([...target]);
    },
  },
  {
    title: 'says why there is no route: no such interface, no route over it, not our source, a route that forbids',
    run: async ({ transport, target }) => {
      const why = async (options: Parameters<typeof transport.route>[1], to = target): Promise<string> => {
        const error = await transport.route(to, options).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (!(error instanceof Error) || !('code' in error)) throw new Error('A route was found.');
        return `${String(error.code)}: ${error.message}`;
      };
      expect(await why({ interface: 'nosuch0' })).toMatch(/^ENODEV: .*nosuch0.*ip link/);
      expect(await why({ interface: '../lo' })).toMatch(/^ENODEV/);
      expect(await why({ interface: 'lo' })).toMatch(/^ENETUNREACH: .*over lo/);
      expect(await why({ source: octets('2001:db8:1::99') })).toMatch(/^EADDRNOTAVAIL: 2001:db8:1::99 /);
      const forbidden = octets('2001:db8:eeee::1');
      for (const kind of ['prohibit', 'unreachable']) {
        command('ip', `-6 route add ${kind} 2001:db8:eeee::/64`);
        try {
          expect(await why({}, forbidden)).toMatch(/^EHOSTUNREACH: .*2001:db8:eeee::1/);
        } finally {
          command('ip', `-6 route del ${kind} 2001:db8:eeee::/64`);
        }
      }
    },
  },
  {
    title: 'follows an interface that went away and came back under its name',
    run: async ({ transport }) => {
      const target = octets('2001:db8:4::1');
      const make = (): void => {
        command('ip', 'link add again0 type veth peer name again1');
        command('ip', '-6 address add 2001:db8:4::2/64 dev again0 nodad');
        command('ip', 'link set again0 up');
        command('ip', 'link set again1 up');
      };
      make();
      try {
        await transport.route(target, { interface: 'again0' });
        command('ip', 'link del again0');
        await expect(transport.route(target, { interface: 'again0' })).rejects.toMatchObject({ code: 'ENODEV' });
        make();
        expect(await transport.route(target, { interface: 'again0' })).toMatchObject({ interface: 'again0' });
      } finally {
        command('ip', 'link del again0');
      }
    },
  },
  {
    title: 'refuses flows that are no port numbers, and goes on with those it watched',
    run: async ({ transport, source }) => {
      const inbox = new Inbox(transport);
      await transport.watch([{ protocol: 'udp', from: PORT, to: PORT }]);
      for (const [from, to] of [
        [2, 1],
        [-1, 5],
        [0, 65_536],
        [0.5, 2],
      ] as const) {
        await expect(transport.watch([{ protocol: 'udp', from, to }])).rejects.toMatchObject({
          code: 'ERR_OUT_OF_RANGE',
        });
      }
      await sendAll(transport, [udpPacket({ source, destination: source }, { sourcePort: 9, destinationPort: PORT })]);
      await inbox.first((packet) => isUdpTo(packet, PORT));
    },
  },
];

function command(program: string, args: string): void {
  execFileSync(program, args.split(' '), { stdio: ['ignore', 'inherit', 'inherit'] });
}

const FLOOD = 20_000;

/** Fills the UDP socket's memory from a second process, while this one stands still. */
function floodWhileWeWait(target: Uint8Array): void {
  const script = `
    const socket = require('node:dgram').createSocket('udp6');
    const payload = Buffer.alloc(1200);
    let left = ${FLOOD};
    const next = () => (left-- > 0 ? socket.send(payload, ${PORT}, process.argv[1], next) : socket.close());
    next();
  `;
  const text = Buffer.from(target)
    .toString('hex')
    .replace(/(.{4})(?=.)/g, '$1:');
  execFileSync(process.execPath, ['-e', script, text], { stdio: 'inherit' });
}
