/** The way in and the way out: traces found by address, probes handed over in batches. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProbeBatch } from '../../src/engine/probe-batch.js';
import { RandomMaterial } from '../../src/engine/random-material.js';
import { createRunningTrace, freshFlow, type RunningTrace } from '../../src/engine/running-trace.js';
import { TraceIndex } from '../../src/engine/trace-index.js';
import { matchReply } from '../../src/trace/reply/match-reply.js';
import type { Protocol } from '../../src/record/record.js';
import { parseReply } from '../../src/trace/reply/reply.js';
import type { SendOutcome } from '../../src/transport/probe-transport.js';
import {
  echoReplyTo,
  errorAbout,
  octetsOf,
  packetOf,
  replyFrom,
  sendPair,
  SOURCE,
  TARGET,
} from '../trace/trace-fixture.js';
import { FakeTransport, requestFor } from './engine-fixture.js';

const material = new RandomMaterial(new FakeTransport().randomBytes);
const running = (target = TARGET): RunningTrace =>
  createRunningTrace(requestFor('udp', target), SOURCE, material, {
    startedAtMs: 0,
    order: 1,
    kernelDropsAtStart: null,
    progressAtNs: 0,
    isAgain: false,
    finish: () => undefined,
  });

describe('the index of traces', () => {
  it('finds exactly the traces to an address, whatever was added and removed before', () => {
    const traces = Array.from({ length: 12 }, (_, i) => running(octetsOf(`2001:db8::${i % 5}`)));
    const operations = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 11 })), { maxLength: 60 });
    fc.assert(
      fc.property(operations, (list) => {
        const index = new TraceIndex();
        const model = new Set<RunningTrace>();
        for (const [adds, which] of list) {
          const trace = traces[which]!;
          if (adds && !model.has(trace)) {
            index.add(trace);
            model.add(trace);
          } else if (!adds) {
            index.remove(trace);
            model.delete(trace);
          }
        }
        for (const { target } of traces) {
          const expected = [...model].filter((trace) => Buffer.compare(trace.target, target) === 0);
          expect(new Set(index.find(target, 0))).toEqual(new Set(expected));
        }
      }),
    );
  });

  it('reads the address at an offset, as in a quote', () => {
    const index = new TraceIndex();
    const trace = running();
    index.add(trace);
    const { plain } = sendPair(trace.state);
    expect(index.find(packetOf(trace.state, plain), 24)).toEqual([trace]);
    expect(index.find(packetOf(trace.state, plain), 8)).toEqual([]);
  });
});

describe('the index, asked whom a reply concerns,', () => {
  const tracesFor = (protocols: readonly Protocol[], probeUri: string | null = null): RunningTrace[] =>
    protocols.map((protocol, i) => {
      const request = requestFor(protocol, octetsOf(`2001:db8:10:${i}::1`));
      return createRunningTrace({ ...request, parameters: { ...request.parameters, probeUri } }, SOURCE, material, {
        startedAtMs: 0,
        order: 1,
        kernelDropsAtStart: null,
        progressAtNs: 0,
        isAgain: false,
        finish: () => undefined,
      });
    });
  const ELSEWHERE = octetsOf('fd00::77');
  const moved = (packet: Uint8Array): Uint8Array =>
    Uint8Array.from([...packet.subarray(0, 24), ...ELSEWHERE, ...packet.subarray(40)]);
  const indexed = (...lists: RunningTrace[][]): [TraceIndex, RunningTrace[]] => {
    const index = new TraceIndex();
    const all = lists.flat();
    for (const trace of all) index.add(trace);
    return [index, all];
  };

  it('finds the trace by its nonce, whatever destination is quoted and however long its description URI is', () => {
    const [index, all] = indexed(
      tracesFor(['udp', 'icmp6', 'udp']),
      tracesFor(['udp', 'icmp6'], 'https://example.com/pdm'),
      tracesFor(['udp'], 'https://example.net/'),
    );
    for (const trace of all) {
      const { plain, treated } = sendPair(trace.state);
      for (const row of [plain, treated]) {
        const quote = moved(packetOf(trace.state, row));
        expect(index.candidates(replyFrom(errorAbout(quote)))).toEqual([trace]);
      }
    }
    for (const trace of all) index.remove(trace);
    for (const trace of all) {
      const quote = moved(packetOf(trace.state, 0));
      expect(index.candidates(replyFrom(errorAbout(quote)))).toEqual([]);
    }
  });

  it('finds it by its nonce in an echo reply of another address, as anycast gives', () => {
    const [index, all] = indexed(tracesFor(['icmp6', 'icmp6']));
    for (const trace of all) {
      const { treated } = sendPair(trace.state);
      const reply = replyFrom({ ...echoReplyTo(packetOf(trace.state, treated)), source: ELSEWHERE });
      expect(index.candidates(reply)).toEqual([trace]);
      expect(matchReply(trace.state, reply)).toMatchObject({ row: treated });
    }
  });

  it('finds it by the sequence number that a SYN-ACK of another address acknowledges', () => {
    const [index, all] = indexed(tracesFor(['tcp', 'tcp', 'tcp']));
    for (const trace of all) {
      for (let i = 0; i < 40; i += 1) sendPair(trace.state);
      const { plain } = sendPair(trace.state);
      const syn = packetOf(trace.state, plain).subarray(40);
      const bytes = Uint8Array.from([
        ...syn.subarray(2, 4),
        ...syn.subarray(0, 2),
        0,
        0,
        0,
        1,
        ...syn.subarray(4, 8),
        0x50,
        0x12,
        ...new Uint8Array(6),
      ]);
      bytes[11]! += 1;
      const reply = replyFrom({ layer: 'tcp', source: ELSEWHERE, bytes, hopLimit: null, timeNs: 1e6 });
      expect(index.candidates(reply)).toContain(trace);
      expect(matchReply(trace.state, reply)).toMatchObject({ row: plain });
    }
  });

  it('finds it by the flow label of any of its flows where the quote holds no nonce and the destination is nobody’s', () => {
    const [index, all] = indexed(tracesFor(['udp', 'tcp', 'icmp6']));
    for (let round = 0; round < 3; round += 1) {
      for (const trace of all) {
        trace.state.flows.push(freshFlow(trace, trace.state.identity.protocol, material));
        const { plain } = sendPair(trace.state, { flow: round });
        const quote = moved(packetOf(trace.state, plain)).subarray(0, 48);
        expect(index.candidates(replyFrom(errorAbout(quote)))).toEqual([trace]);
      }
    }
    for (const trace of all) index.remove(trace);
    for (const trace of all) {
      const quote = moved(packetOf(trace.state, 0)).subarray(0, 48);
      expect(index.candidates(replyFrom(errorAbout(quote)))).toEqual([]);
    }
  });

  it('names nobody for octets that are not ours', () => {
    const [index, all] = indexed(tracesFor(['udp', 'tcp', 'icmp6']));
    for (const { state } of all) sendPair(state);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 120 }), fc.constantFrom(1, 3, 129), (octets, type) => {
        const parsed = parseReply({ ...errorAbout(octets, type), source: ELSEWHERE });
        if (parsed.ok) expect(index.candidates(parsed.value)).toEqual([]);
      }),
    );
  });
});

describe('flows of a trace', () => {
  it('never share a port or identifier, and have labels and echo checksums that are not zero', () => {
    const trace = running();
    for (let i = 0; i < 190; i += 1) trace.state.flows.push(freshFlow(trace, i % 3 === 0 ? 'icmp6' : 'udp', material));
    const { flows } = trace.state;
    expect(new Set(flows.map(({ localId }) => localId)).size).toBe(flows.length);
    for (const flow of flows) {
      expect(flow.flowLabel).toBeGreaterThan(0);
      expect(flow.flowLabel).toBeLessThanOrEqual(0xfffff);
      expect(flow.echoChecksum).toBeGreaterThan(0);
      expect(flow.destinationPort).toBe(flow.protocol === 'icmp6' ? 0 : 33434);
    }
  });

  it('of two traces have different secrets', () => {
    const nonces = Array.from({ length: 50 }, () =>
      Buffer.from(running().state.identity.secrets.nonce).toString('hex'),
    );
    expect(new Set(nonces).size).toBe(50);
  });
});

describe('a batch of probes', () => {
  function batchOver(transport: FakeTransport) {
    const seen: { row: number; outcome: SendOutcome; packets: Uint8Array[] }[] = [];
    let packets: Uint8Array[] = [];
    const batch = new ProbeBatch(transport, {
      onProbe: (_trace, row, outcome) => {
        seen.push({ row, outcome, packets });
        packets = [];
      },
      onPacketSent: (_trace, _row, _fragment, packet) => packets.push(packet.slice()),
    });
    return { batch, seen };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('brings each outcome back to its row, with the octets that were sent', async () => {
    const transport = new FakeTransport();
    transport.sendFailure = (packet) => (packet[6] === 60 ? { ok: false, code: 'ENOBUFS', message: 'full' } : null);
    const { batch, seen } = batchOver(transport);
    const trace = running();
    const rows = [0, 1, 2].flatMap(() => Object.values(sendPair(trace.state)));
    for (const row of rows) batch.add(trace, row);
    batch.flush();
    await settle();
    expect(seen.map(({ row }) => row)).toEqual(rows);
    for (const { row, outcome, packets } of seen) {
      const left = trace.state.probes.arm(row) === 0;
      expect(packets).toEqual(left ? [packetOf(trace.state, row)] : []);
      expect(outcome.ok).toBe(left);
    }
  });

  it('goes out by itself when it is full, and never when it is empty', async () => {
    const transport = new FakeTransport();
    const { batch } = batchOver(transport);
    const trace = running();
    for (let i = 0; i < 20; i += 1) for (const row of Object.values(sendPair(trace.state))) batch.add(trace, row);
    expect(transport.batches).toEqual([16, 16]);
    batch.flush();
    batch.flush();
    await settle();
    expect(transport.batches).toEqual([16, 16, 8]);
  });

  it('keeps its octets to itself until the transport has answered for them', async () => {
    const transport = new FakeTransport();
    const arenas: Uint8Array[] = [];
    const answers: (() => void)[] = [];
    transport.send = (arena, offsets) => {
      arenas.push(arena);
      return new Promise((resolve) => {
        answers.push(() => {
          resolve([...offsets].map(() => ({ ok: true, sentAtNs: 0 })));
        });
      });
    };
    const { batch } = batchOver(transport);
    const trace = running();
    const send = (): void => {
      batch.add(trace, sendPair(trace.state).plain);
      batch.flush();
    };
    send();
    send();
    expect(arenas[1]).not.toBe(arenas[0]);
    answers[0]!();
    await settle();
    send();
    expect(arenas[2]).toBe(arenas[0]);
  });

  it('that the transport rejects, or answers for in part, fails and is not forgotten', async () => {
    for (const rejects of [true, false]) {
      const transport = new FakeTransport();
      transport.sendRejects = rejects;
      if (!rejects) transport.send = () => Promise.resolve([]);
      const { batch, seen } = batchOver(transport);
      const trace = running();
      batch.add(trace, sendPair(trace.state).plain);
      batch.flush();
      await settle();
      expect(seen.map(({ outcome }) => outcome)).toMatchObject([{ ok: false, code: 'EIO' }]);
    }
  });
});
