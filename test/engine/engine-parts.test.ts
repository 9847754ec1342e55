/** The way in and the way out: traces found by address, probes handed over in batches. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProbeBatch } from '../../src/engine/probe-batch.js';
import { RandomMaterial } from '../../src/engine/random-material.js';
import { createRunningTrace, freshFlow, type RunningTrace } from '../../src/engine/running-trace.js';
import { TraceIndex } from '../../src/engine/trace-index.js';
import type { SendOutcome } from '../../src/transport/probe-transport.js';
import { octetsOf, packetOf, sendPair, SOURCE, TARGET } from '../trace/trace-fixture.js';
import { FakeTransport, requestFor } from './engine-fixture.js';

const material = new RandomMaterial(new FakeTransport().randomBytes);
const running = (target = TARGET): RunningTrace =>
  createRunningTrace(requestFor('udp', target), SOURCE, material, {
    startedAtMs: 0,
    kernelDropsAtStart: null,
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
