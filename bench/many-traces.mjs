// @ts-check
/**
 * Memory of many traces in flight over a transport that moves nothing: as many targets, none of which answers. The time
 * is virtual, the memory is not. Nothing asks for a collection before the peak is read. Prints JSON.
 */
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { createTraceEngine } from '../dist/engine/create-trace-engine.js';
import { keepHeapLean } from '../dist/engine/lean-heap.js';

const TRACES = 25_000;
const RATE = 20_000;
const PROBES_EACH = 40;

/** Virtual time: whoever waits is called in order. @type {{ atNs: number, call: () => void }[]} */
const waiting = [];
let nowNs = 0;
const time = {
  nowNs: () => nowNs,
  wallMs: () => 1_700_000_000_000 + nowNs / 1e6,
  at: (/** @type {number} */ atNs, /** @type {() => void} */ call) => {
    const entry = { atNs, call };
    waiting.push(entry);
    return () => {
      const index = waiting.indexOf(entry);
      if (index >= 0) waiting.splice(index, 1);
    };
  },
};
let sent = 0;
/** @type {import('../src/transport/probe-transport.js').ProbeTransport} */
const transport = {
  name: 'simulated',
  capabilities: {
    receivedHopLimit: true,
    kernelTimestamps: true,
    transmitTimes: true,
    receivesExtensionHeaders: true,
    maxBatch: 256,
  },
  send: (_arena, offsets) => {
    sent += offsets.length;
    return Promise.resolve(Array.from(offsets, () => ({ ok: /** @type {const} */ (true), sentAtNs: nowNs })));
  },
  onPackets: () => undefined,
  onError: () => undefined,
  watch: () => Promise.resolve(),
  route: () => Promise.resolve({ source: new Uint8Array(16).fill(1), interface: 'none', mtu: 1500 }),
  stats: () => ({ kernelDrops: 0 }),
  close: () => Promise.resolve(),
};
// As everything does that measures lists.
keepHeapLean(TRACES);
const { gc } = globalThis;
gc?.();
const before = process.memoryUsage();
const engine = createTraceEngine({ transport, time, randomBytes: (length) => randomBytes(length), rate: RATE });
const handles = [];
for (let index = 0; index < TRACES; index += 1) {
  // Each its own: the engine reads it after start() has returned.
  // Without touching `.buffer`, which would move the octets off the heap and count the bench's own memory.
  const target = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, index >> 8, index & 0xff, 0, 0, 0, 1);
  handles.push(
    engine.start({
      id: String(index),
      runId: 'bench',
      vantage: null,
      company: null,
      toolVersion: '0',
      input: 'target.example',
      aliases: [],
      target,
      protocol: 'udp',
      destinationPort: 33434,
      source: null,
      interface: null,
      parameters: {
        confidence: 0.999,
        maxHops: 30,
        timeoutMs: 60_000,
        hopIntervalMs: 250,
        gapLimit: 8,
        explain: true,
        seed: index,
        flowLabel: null,
        probeUri: null,
      },
    }),
  );
}
while (sent < TRACES * PROBES_EACH) {
  await new Promise((resolve) => setImmediate(resolve));
  waiting.sort((a, b) => a.atNs - b.atNs);
  const next = waiting.shift();
  if (next === undefined) continue;
  nowNs = Math.max(nowNs, next.atNs);
  next.call();
}
const atWork = process.memoryUsage().rss;
const peakKb = process.resourceUsage().maxRSS;
// Collected garbage leaves the process a moment later.
for (let round = 0; round < 3; round += 1) {
  gc?.();
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const after = process.memoryUsage();
const inFlight = engine.stats().tracesInFlight;
process.stdout.write(
  JSON.stringify({
    peakMb: peakKb / 1024,
    rssMb: atWork / 2 ** 20,
    collectedMb: after.rss / 2 ** 20,
    inFlight,
    probes: sent,
    bytesPerTrace: (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / inFlight,
  }),
);
process.exit(0);
