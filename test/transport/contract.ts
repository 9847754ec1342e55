/**
 * What the engine relies on, for every adapter of the port: simulated, raw-socket, native. An adapter's test gives a fixture,
 * whose network is: us, one router, the target.
 */
import { expect } from 'vitest';
import type { EngineClock, ObservedPacket, ProbeTransport, SendOutcome } from '../../src/transport/probe-transport.js';
import { type Behaviour, describeBehaviours, failed, Inbox, OK, sendAll } from './behaviour.js';
import {
  echoRequest,
  type Ends,
  isEchoReply,
  isTimeExceeded,
  isUdpTo,
  type Received,
  udpPacket,
  upperLayerChecksum,
} from './contract-packets.js';

export interface TransportFixture {
  readonly transport: ProbeTransport;
  readonly clock: EngineClock;
  /** Ours. 16 octets, as the other addresses. */
  readonly source: Uint8Array;
  /** The address that the only router's errors come from. */
  readonly router: Uint8Array;
  /** Answers echo requests, and sends UDP payloads back from `udpEchoPort`. Nothing on the way limits or loses. */
  readonly target: Uint8Array;
  readonly udpEchoPort: number;
  /** No route leads there. */
  readonly unroutable: Uint8Array;
  /** Longest packet that can be sent towards the target; null where any length can. */
  readonly mtu: number | null;
  /** Waits for a promise while the fixture's time passes. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** Forces a garbage collection; null where the adapter has no native objects. */
  readonly collectGarbage: (() => void) | null;
  /** Closes the transport too. */
  close(): Promise<void>;
}

export function describeTransportContract(name: string, makeFixture: () => Promise<TransportFixture>): void {
  describeBehaviours(`the ${name} transport`, transportContract, makeFixture);
}

function towards(fixture: TransportFixture, destination = fixture.target): Ends {
  return { source: fixture.source, destination };
}

const IDENTIFIER = 0x2c17;
const PORT = 45_678;
const CLOSED_PORT = 33_434;

export const transportContract: readonly Behaviour<TransportFixture>[] = [
  {
    title: 'sends packets exactly as written: class, flow label, hop limit, option octets, payload',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      const fields = { sourcePort: PORT, destinationPort: CLOSED_PORT, hopLimit: 1, flowLabel: 0x9abcd } as const;
      const packet = udpPacket(towards(fixture), { ...fields, trafficClass: 0x04, withPdm: true });
      expect(await settle(sendAll(transport, [packet]))).toEqual([OK]);
      const { message } = await settle(inbox.first(isTimeExceeded));
      expect(message.subarray(8).toString('hex')).toBe(packet.toString('hex'));
    },
  },
  {
    title: 'sends with the hop limit as written: one more hop reaches the target',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      const request = (sequence: number, hopLimit: number): Buffer =>
        echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence, hopLimit });
      await settle(sendAll(transport, [request(1, 1), request(2, 2)]));
      await settle(inbox.first((packet) => isEchoReply(packet, IDENTIFIER, 2)));
      await settle(inbox.first(isTimeExceeded));
      expect(inbox.incoming.some((packet) => isEchoReply(packet, IDENTIFIER, 1))).toBe(false);
    },
  },
  {
    title: 'delivers a Time Exceeded whole, with its source and a right checksum, and nothing behind its end',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      const packet = echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence: 1, hopLimit: 1 });
      await settle(sendAll(transport, [packet]));
      const { message, source } = await settle(inbox.first(isTimeExceeded));
      expect([...source]).toEqual([...fixture.router]);
      expect([...message.subarray(0, 2), ...message.subarray(4, 8)]).toEqual([3, 0, 0, 0, 0, 0]);
      expect(message).toHaveLength(8 + packet.length);
      expect(upperLayerChecksum({ source: fixture.router, destination: fixture.source }, 58, message)).toBe(0);
    },
  },
  {
    title: 'delivers ICMPv6 errors although nothing is watched',
    async run(fixture) {
      const { transport, settle } = fixture;
      await settle(transport.watch([]));
      const inbox = new Inbox(transport);
      await settle(
        sendAll(transport, [
          udpPacket(towards(fixture), { sourcePort: PORT, destinationPort: CLOSED_PORT, hopLimit: 1 }),
        ]),
      );
      const { message } = await settle(inbox.first(isTimeExceeded));
      expect(message.readUInt16BE(8 + 40)).toBe(PORT);
    },
  },
  {
    title: 'delivers the reply to an echo request, payload included',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER + 1 }]));
      const payload = Buffer.from('0123456789abcdef0123456789abcdef', 'hex');
      const request = echoRequest(towards(fixture), { identifier: IDENTIFIER + 1, sequence: 7, payload });
      await settle(sendAll(transport, [request]));
      const { message, source } = await settle(inbox.first((packet) => isEchoReply(packet, IDENTIFIER + 1, 7)));
      expect([...source]).toEqual([...fixture.target]);
      expect(message.subarray(8).toString('hex')).toBe(payload.toString('hex'));
    },
  },
  {
    title: 'delivers UDP answers to watched ports, the ends of a range included, and to no other port',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'udp', from: PORT, to: PORT + 2 }]));
      const ports = [PORT - 1, PORT + 3, PORT, PORT + 2];
      const packets = ports.map((port) => toEchoPort(fixture, port));
      await settle(sendAll(transport, packets));
      const answer = await settle(inbox.first((packet) => isUdpTo(packet, PORT + 2)));
      // The target answers in order, so what was not watched would have come before.
      expect(inbox.incoming.filter(({ protocol }) => protocol === 'udp').map(portOf)).toEqual([PORT, PORT + 2]);
      expect([...answer.source]).toEqual([...fixture.target]);
      expect(answer.message.subarray(8).toString()).toBe(`for ${PORT + 2}`);
      expect(answer.message).toHaveLength(8 + `for ${PORT + 2}`.length);
    },
  },
  {
    title: 'replaces what is watched, in effect before the promise resolves',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'udp', from: PORT, to: PORT }]));
      await settle(sendAll(transport, [toEchoPort(fixture, PORT)]));
      await settle(inbox.first((packet) => isUdpTo(packet, PORT)));
      await settle(transport.watch([{ protocol: 'udp', from: PORT + 1, to: PORT + 1 }]));
      await settle(sendAll(transport, [toEchoPort(fixture, PORT), toEchoPort(fixture, PORT + 1)]));
      await settle(inbox.first((packet) => isUdpTo(packet, PORT + 1)));
      expect(inbox.incoming.filter(({ protocol }) => protocol === 'udp').map(portOf)).toEqual([PORT, PORT + 1]);
    },
  },
  {
    title: 'delivers to the last listener only',
    async run(fixture) {
      const { transport, settle } = fixture;
      const before = new Inbox(transport);
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      await settle(sendAll(transport, [echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence: 1 })]));
      await settle(inbox.first((packet) => isEchoReply(packet, IDENTIFIER, 1)));
      expect(before.all).toEqual([]);
    },
  },
  {
    title: 'delivers in the order of reception',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      const sequences = Array.from({ length: Math.min(16, transport.capabilities.maxBatch) }, (_, i) => i);
      const packets = sequences.map((sequence) => echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence }));
      await settle(sendAll(transport, packets));
      const replies = await settle(inbox.count(({ message }) => message[0] === 129, sequences.length));
      expect(replies.map(({ message }) => message.readUInt16BE(6))).toEqual(sequences);
    },
  },
  {
    title: 'resolves to one outcome per packet, in order, and none of an empty batch',
    async run(fixture) {
      const { transport, settle } = fixture;
      const good = toEchoPort(fixture, PORT);
      const lost = udpPacket(towards(fixture, fixture.unroutable), { sourcePort: PORT, destinationPort: CLOSED_PORT });
      expect(await settle(sendAll(transport, [good, lost, good, lost, lost, good]))).toEqual([
        OK,
        failed('ENETUNREACH'),
        OK,
        failed('ENETUNREACH'),
        failed('ENETUNREACH'),
        OK,
      ]);
      expect(await settle(sendAll(transport, []))).toEqual([]);
    },
  },
  {
    title: 'reports a packet longer than the link takes as EMSGSIZE, and goes on',
    async run(fixture) {
      const { transport, settle, mtu } = fixture;
      const longest = mtu ?? 1500;
      const ofLength = (length: number): Buffer => {
        const payload = Buffer.alloc(length - 48);
        return udpPacket(towards(fixture), { sourcePort: PORT, destinationPort: fixture.udpEchoPort, payload });
      };
      const packets = [ofLength(longest), ofLength(longest + 1), ofLength(longest - 1)];
      const middle = mtu === null ? OK : failed('EMSGSIZE');
      expect(await settle(sendAll(transport, packets))).toEqual([OK, middle, OK]);
    },
  },
  {
    title: 'gives sends and receptions times of one clock, and no reply a time before its request',
    async run(fixture) {
      const { transport, settle, clock } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      for (let sequence = 0; sequence < 8; sequence += 1) {
        const beforeNs = clock.nowNs();
        const request = echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence });
        const [outcome] = await settle(sendAll(transport, [request]));
        const reply = await settle(inbox.first((packet) => isEchoReply(packet, IDENTIFIER, sequence)));
        const afterNs = clock.nowNs();
        expect(outcome).toEqual(OK);
        const sentAtNs = outcome?.ok === true ? outcome.sentAtNs : Number.NaN;
        expect(sentAtNs).toBeGreaterThanOrEqual(beforeNs);
        expect(reply.observed.timeNs).toBeGreaterThanOrEqual(sentAtNs);
        expect(afterNs).toBeGreaterThanOrEqual(reply.observed.timeNs);
      }
    },
  },
  {
    title: 'shows what it cannot observe as null or not at all, never as a made-up value',
    async run(fixture) {
      const { transport, settle } = fixture;
      const { receivedHopLimit, receivesExtensionHeaders, transmitTimes, maxBatch } = transport.capabilities;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      await settle(sendAll(transport, [echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence: 1 })]));
      const { observed } = await settle(inbox.first((packet) => isEchoReply(packet, IDENTIFIER, 1)));
      if (!receivedHopLimit || observed.layer === 'ipv6') expect(observed.hopLimit).toBeNull();
      else expect(observed.hopLimit).toBe(63);
      expect(observed.layer === 'ipv6').toBe(receivesExtensionHeaders);
      expect(inbox.all.some(({ observed: { direction } }) => direction === 'out')).toBe(transmitTimes);
      expect(maxBatch).toBeGreaterThanOrEqual(1);
      const { kernelDrops } = transport.stats();
      expect(kernelDrops ?? 0).toBe(0);
    },
  },
  {
    title: 'knows the route to the target, and sends by it from the source it named',
    async run(fixture) {
      const { transport, settle } = fixture;
      const route = await settle(transport.route(fixture.target));
      expect([...route.source]).toEqual([...fixture.source]);
      expect(route.interface).toMatch(/^\S+$/);
      expect(route.mtu).toBe(fixture.mtu ?? route.mtu);
      expect(route.mtu).toBeGreaterThanOrEqual(1280);
    },
  },
  {
    title: 'rejects the route to where none leads with ENETUNREACH',
    async run(fixture) {
      const { transport, settle, unroutable } = fixture;
      await expect(settle(transport.route(unroutable))).rejects.toMatchObject({ code: 'ENETUNREACH' });
    },
  },
  {
    title: 'loses no outcome of 2,000 packets sent at once',
    async run(fixture) {
      const { transport, settle } = fixture;
      const { maxBatch } = transport.capabilities;
      const sends: Promise<readonly SendOutcome[]>[] = [];
      for (let sent = 0; sent < 2000; sent += maxBatch) {
        const batch = Array.from({ length: Math.min(maxBatch, 2000 - sent) }, (_, i) =>
          echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence: sent + i }),
        );
        sends.push(sendAll(transport, batch));
      }
      const outcomes = (await settle(Promise.all(sends))).flat();
      expect(outcomes).toHaveLength(2000);
      expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    },
  },
  {
    title: 'still sends and receives after garbage collections',
    async run(fixture) {
      const { transport, settle } = fixture;
      const inbox = new Inbox(transport);
      await settle(transport.watch([{ protocol: 'udp', from: PORT, to: PORT }]));
      for (let round = 1; round <= 3; round += 1) {
        fixture.collectGarbage?.();
        await settle(sendAll(transport, [toEchoPort(fixture, PORT)]));
        await settle(inbox.count((packet) => isUdpTo(packet, PORT), round));
      }
      expect(inbox.incoming.filter((packet) => isUdpTo(packet, PORT))).toHaveLength(3);
    },
  },
  {
    title: 'resolves what is pending when closed, and whatever is sent later, with ECANCELED',
    async run(fixture) {
      const { transport, settle } = fixture;
      const count = Math.min(100, transport.capabilities.maxBatch);
      const packets = Array.from({ length: count }, () => toEchoPort(fixture, PORT));
      const pending = sendAll(transport, packets);
      await settle(transport.close());
      const outcomes = await settle(pending);
      expect(outcomes).toHaveLength(count);
      for (const outcome of outcomes) expect(outcome).toEqual(outcome.ok ? OK : failed('ECANCELED'));
      expect(await settle(sendAll(transport, packets))).toEqual(packets.map(() => failed('ECANCELED')));
    },
  },
  {
    title: 'can be closed twice, and delivers nothing afterwards',
    async run(fixture) {
      const { transport, settle } = fixture;
      let afterClose = 0;
      let closed = false;
      await settle(transport.watch([{ protocol: 'icmp6', from: IDENTIFIER, to: IDENTIFIER }]));
      transport.onPackets((_batch: readonly ObservedPacket[]) => {
        if (closed) afterClose += 1;
      });
      await settle(sendAll(transport, [echoRequest(towards(fixture), { identifier: IDENTIFIER, sequence: 1 })]));
      closed = true;
      await settle(transport.close());
      await settle(transport.close());
      expect(afterClose).toBe(0);
      expect(transport.stats()).toEqual({ kernelDrops: expect.toSatisfy((n) => n === null || n === 0) as number });
    },
  },
];

function toEchoPort(fixture: TransportFixture, sourcePort: number): Buffer {
  const payload = Buffer.from(`for ${sourcePort}`);
  return udpPacket(towards(fixture), { sourcePort, destinationPort: fixture.udpEchoPort, payload });
}

function portOf({ message }: Received): number {
  return message.readUInt16BE(2);
}
