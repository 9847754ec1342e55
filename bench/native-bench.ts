/**
 * What the native transport reaches on this machine, beside bare C in the same namespaces.
 *   node --expose-gc --import ./bench/native-typescript.mjs bench/native-bench.ts [send] [receive] [match] [rtt] [heap]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openNativeTransport } from '../src/transport/native/native-transport.js';
import type { ProbeTransport, SendOutcome } from '../src/transport/probe-transport.js';
import { octets, OURS, enterContractNetwork, TARGET } from '../test/native/contract-network.js';
import { connect, enterNewNamespace, Host, openTunSink, run } from '../test/native/network-namespace.js';
import { echoRequest, udpPacket } from '../test/transport/contract-packets.js';
import { measureMatching } from './native-match.js';
import { type Arena, BenchTraces, createArena, LOCAL_PORTS } from './native-traces.js';

const BATCH = 256;
const startedAt = process.hrtime.bigint();
const clock = { nowNs: () => Number(process.hrtime.bigint() - startedAt) };
const SOURCE = '2001:db8:1::1';

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const count = (value: number): string => Math.round(value).toLocaleString('en');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Probes without a reply yet, at most: they fit into the interface's queue, so that whatever is lost is lost by us. */
const WINDOW = 8000;

/** Keeps `outstanding` batches on their way until `total` probes have been given to the transport. */
async function pump(
  transport: ProbeTransport,
  traces: BenchTraces,
  total: number,
  outstanding: number,
  mostUnanswered = Infinity,
): Promise<number> {
  let failed = 0;
  let left = total;
  let matched = 0;
  let matchedAtNs = clock.nowNs();
  const lastMatchNs = (): number => {
    if (matched !== traces.matched) matchedAtNs = clock.nowNs();
    matched = traces.matched;
    return matchedAtNs;
  };
  const worker = async (arena: Arena): Promise<void> => {
    while (left > 0) {
      if (total - left - traces.matched > mostUnanswered) {
        if (clock.nowNs() - lastMatchNs() > 3e8) mostUnanswered += total; // they are lost: go on, and be counted
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const size = Math.min(BATCH, left);
      left -= size;
      traces.fill(arena, size, clock.nowNs());
      const outcomes: readonly SendOutcome[] = await transport.send(
        arena.bytes,
        arena.offsets.subarray(0, size),
        arena.lengths.subarray(0, size),
      );
      for (const { ok } of outcomes) if (!ok) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: outstanding }, () => worker(createArena(BATCH))));
  return failed;
}

async function benchSend(): Promise<void> {
  const peer = await Host.create();
  connect(null, peer, { near: 'wire0', far: 'far0', nearAddress: `${SOURCE}/64`, farAddress: '2001:db8:1::2/64' });
  const far = (JSON.parse(peer.run('ip', '-json', 'link', 'show', 'far0')) as { address: string }[])[0]?.address ?? '';
  run('ip', 'neigh', 'replace', '2001:db8:1::2', 'lladdr', far, 'dev', 'wire0');
  run('ip', '-6', 'route', 'add', '2001:db8:5::/64', 'via', '2001:db8:1::2');
  const program = join(mkdtempSync(join(tmpdir(), 'native-send-')), 'native-send');
  execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('native-send.c', import.meta.url))]);
  const total = 300_000;
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    // 78 octets: the mean of `plain` (62) and `pdm` (78) would favour nobody; the longer one is what C sends.
    bare.push(Number(run(program, SOURCE, '2001:db8:5::1', '78', String(total), String(BATCH))));
    const transport = await openNativeTransport({ clock, transmitTimes: false });
    const traces = new BenchTraces(octets(SOURCE), octets('2001:db8:5::'), total);
    const began = clock.nowNs();
    const failed = await pump(transport, traces, total, 2);
    ours.push(total / ((clock.nowNs() - began) / 1e9));
    if (failed > 0) say(`  ${failed} sends failed`);
    await transport.close();
  }
  say(
    `send, encoding included: ${count(median(ours))} packets/s, bare C ${count(median(bare))}: ${(median(ours) / median(bare)).toFixed(2)} × (goal 0.90)`,
  );
  rmSync(join(program, '..'), { recursive: true });
  peer.close();
}

async function benchReceive(transmitTimes: boolean): Promise<void> {
  const end = await openTunSink('tun0');
  run('ip', 'link', 'set', 'tun0', 'txqueuelen', '10000');
  run('ip', '-6', 'address', 'add', '2001:db8:6::ffff/64', 'dev', 'tun0', 'nodad');
  const total = 600_000;
  const rates: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const transport = await openNativeTransport({ clock, transmitTimes });
    const traces = new BenchTraces(octets('2001:db8:6::ffff'), octets('2001:db8:6::'), total);
    await transport.watch([{ protocol: 'udp', ...LOCAL_PORTS }]);
    transport.onPackets((batch) => {
      traces.take(batch);
    });
    const sinkBefore = interfaceDrops('tun0');
    const began = clock.nowNs();
    const failed = await pump(transport, traces, total, transmitTimes ? 16 : 2, WINDOW);
    let matched = -1;
    let lastChangeNs = clock.nowNs();
    while (clock.nowNs() - lastChangeNs < 3e8 && traces.matched < total) {
      if (matched !== traces.matched) {
        matched = traces.matched;
        lastChangeNs = clock.nowNs();
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    rates.push(traces.matched / ((lastChangeNs - began) / 1e9));
    const { kernelDrops } = transport.stats();
    const network = interfaceDrops('tun0') - sinkBefore;
    const unaccounted = total - failed - traces.matched - (kernelDrops ?? 0) - network;
    say(
      `  ${count(rates.at(-1) ?? 0)} probes/s: ${count(traces.matched)} of ${count(total)} matched, ring drops ${kernelDrops ?? 0}, interface drops ${network}, foreign ${traces.foreign}, sends failed ${failed}, otherwise missing ${unaccounted}`,
    );
    await transport.close();
  }
  say(
    `send + receive + match, transmit times ${transmitTimes ? 'on' : 'off'}: ${count(median(rates))} probes/s (goal ${transmitTimes ? '90,000' : '150,000'})`,
  );
  end();
}

async function benchMatch(): Promise<void> {
  const { ring, memory, missing } = await measureMatching(clock);
  for (const [what, rates] of [
    ['receive + parse + match', ring],
    ['parse + match', memory],
  ] as const) {
    say(
      `${what}: ${count(median(rates))} matched replies per second of processor time, ${count(Math.min(...rates))} to ${count(Math.max(...rates))} in ${rates.length} rounds (goal 250,000)`,
    );
  }
  if (missing > 0) say(`  ${missing} replies were not matched`);
}

/** Packets that the kernel could not put into the TUN device's queue, because the sink (the other process) reads too slowly. */
function interfaceDrops(name: string): number {
  const [link] = JSON.parse(run('ip', '-json', '-statistics', 'link', 'show', name)) as {
    stats64: { rx: { dropped: number }; tx: { dropped: number } };
  }[];
  return (link?.stats64.tx.dropped ?? 0) + (link?.stats64.rx.dropped ?? 0);
}

async function benchRtt(): Promise<void> {
  const network = await enterContractNetwork();
  const folder = mkdtempSync(join(tmpdir(), 'native-rtt-'));
  const file = join(folder, 'capture.pcap');
  const tcpdump = spawn('tcpdump', ['-i', 'up0', '-U', '-w', file, '--time-stamp-precision=nano', 'icmp6'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise((resolve) => tcpdump.stderr.once('data', resolve));
  for (const transmitTimes of [true, false]) {
    const transport = await openNativeTransport({ clock, transmitTimes });
    const identifier = transmitTimes ? 1 : 2;
    await transport.watch([{ protocol: 'icmp6', from: identifier, to: identifier }]);
    const ours = new Map<number, number>();
    const arrivals = new Map<number, number>();
    transport.onPackets((batch) => {
      for (const { direction, bytes, timeNs } of batch) {
        if (direction === 'in' && bytes[40] === 129) arrivals.set(((bytes[46] ?? 0) << 8) | (bytes[47] ?? 0), timeNs);
      }
    });
    for (let sequence = 0; sequence < 2000; sequence += 1) {
      const packet = echoRequest({ source: octets(OURS), destination: octets(TARGET) }, { identifier, sequence });
      const [outcome] = await transport.send(packet, Uint32Array.of(0), Uint32Array.of(packet.length));
      while (!arrivals.has(sequence)) await new Promise((resolve) => setImmediate(resolve));
      if (outcome?.ok === true) ours.set(sequence, (arrivals.get(sequence) ?? NaN) - outcome.sentAtNs);
    }
    await transport.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const captured = roundTripsOf(readFileSync(file), identifier);
    const differences = [...ours].flatMap(([sequence, rttNs]) => {
      const other = captured.get(sequence);
      return other === undefined ? [] : [rttNs - other];
    });
    say(
      `round trips against tcpdump, transmit times ${transmitTimes ? 'on' : 'off'}: ${differences.length} compared, median difference ${(median(differences) / 1000).toFixed(2)} µs, largest ${(Math.max(...differences.map(Math.abs)) / 1000).toFixed(2)} µs, negative round trips ${[...ours.values()].filter((rtt) => rtt < 0).length} (${transmitTimes ? 'goal ≤ 2 µs, 0' : 'for comparison: the program always has them on'})`,
    );
  }
  tcpdump.kill();
  rmSync(folder, { recursive: true });
  network.close();
}

/** Nanoseconds between echo request and reply, by sequence number, of a pcap file of Ethernet frames. */
function roundTripsOf(pcap: Buffer, identifier: number): Map<number, number> {
  const sent = new Map<number, bigint>();
  const trips = new Map<number, number>();
  for (let at = 24; at + 16 <= pcap.length;) {
    const timeNs = BigInt(pcap.readUInt32LE(at)) * 1_000_000_000n + BigInt(pcap.readUInt32LE(at + 4));
    const length = pcap.readUInt32LE(at + 8);
    const packet = pcap.subarray(at + 16 + 14, at + 16 + length);
    at += 16 + length;
    if (packet.length < 48 || packet.readUInt16BE(44) !== identifier) continue;
    const sequence = packet.readUInt16BE(46);
    const request = sent.get(sequence);
    if (packet[40] === 128) sent.set(sequence, timeNs);
    else if (packet[40] === 129 && request !== undefined) trips.set(sequence, Number(timeNs - request));
  }
  return trips;
}

async function benchHeap(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run node with --expose-gc');
  const loopback = octets('::1');
  const transport = await openNativeTransport({ clock, transmitTimes: false });
  await transport.watch([{ protocol: 'udp', from: 50_000, to: 50_000 }]);
  let received = 0;
  let octetsSeen = 0;
  transport.onPackets((batch) => {
    for (const { bytes } of batch) {
      received += 1;
      octetsSeen += bytes.length;
    }
  });
  const packet = udpPacket({ source: loopback, destination: loopback }, { sourcePort: 9, destinationPort: 50_000 });
  const lengths = new Uint32Array(1024).fill(packet.length);
  const offsets = new Uint32Array(1024);
  const pass = async (total: number): Promise<void> => {
    const until = received + total;
    while (received + (transport.stats().kernelDrops ?? 0) < until) await transport.send(packet, offsets, lengths);
  };
  await pass(500_000);
  gc();
  const before = process.memoryUsage();
  const began = clock.nowNs();
  await pass(10_000_000);
  const seconds = (clock.nowNs() - began) / 1e9;
  await new Promise((resolve) => setTimeout(resolve, 50));
  gc();
  const after = process.memoryUsage();
  say(
    `receive path: ${count(received)} packets (${count(octetsSeen / received)} octets each) in ${seconds.toFixed(0)} s, heap grew ${((after.heapUsed - before.heapUsed) / 1e6).toFixed(2)} MB, outside the heap ${((after.external - before.external) / 1e6).toFixed(2)} MB (goal < 1 MB), ring drops ${transport.stats().kernelDrops ?? 0}`,
  );
  await transport.close();
}

const wanted = process.argv.slice(2);
const [processor] = cpus();
say(`Node ${process.version}, ${cpus().length} × ${processor?.model ?? 'unknown processor'}`);
enterNewNamespace();
if (wanted.length === 0 || wanted.includes('send')) await benchSend();
if (wanted.length === 0 || wanted.includes('receive')) {
  await benchReceive(false);
  await benchReceive(true);
}
if (wanted.length === 0 || wanted.includes('match')) await benchMatch();
if (wanted.length === 0 || wanted.includes('heap')) await benchHeap();
if (wanted.length === 0 || wanted.includes('rtt')) await benchRtt();
