/**
 * Receiving, parsing and matching without sending: replies are made beforehand, and the processor time of this process alone counts.
 * Once from the kernel's ring, where all of them wait before the first is looked at, and once from batches in memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NativeBatchReader } from '../src/transport/native/batch.js';
import { openNativeTransport } from '../src/transport/native/native-transport.js';
import type { EngineClock } from '../src/transport/probe-transport.js';
import { readU16, writeU16 } from '../src/wire/big-endian.js';
import { upperLayerChecksum } from '../src/wire/checksum.js';
import { ICMPV6 } from '../src/wire/icmpv6.js';
import { NEXT_HEADER } from '../src/wire/ipv6.js';
import { octets } from '../test/native/contract-network.js';
import { run } from '../test/native/network-namespace.js';
import { BenchTraces, createArena, LOCAL_PORTS } from './native-traces.js';

const SOURCE = octets('2001:db8:6::ffff');
const ROUTER = octets('2001:db8:ffff::1');
/** A ring of the usual size holds half as many more. */
const REPLIES = 30_000;
const TRACES = 250;
const BATCH = 1024;
const SLOT = 256;
const WARM_UP = 4;
const ROUNDS = 25;

/** Matched replies per second of processor time, one a round. */
export interface MatchRates {
  readonly ring: readonly number[];
  readonly memory: readonly number[];
  /** Replies of all rounds that were not matched. */
  readonly missing: number;
}

/** Needs a network namespace of its own. */
export async function measureMatching(clock: EngineClock): Promise<MatchRates> {
  const folder = mkdtempSync(join(tmpdir(), 'native-match-'));
  const program = join(folder, 'native-replay');
  execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('native-replay.c', import.meta.url))]);
  run('ip', 'tuntap', 'add', 'mode', 'tun', 'name', 'tun1');
  run('ip', 'link', 'set', 'tun1', 'up');
  const ring: number[] = [];
  const memory: number[] = [];
  let missing = 0;
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    const received = new BenchTraces(SOURCE, octets('2001:db8:6::'), REPLIES, TRACES);
    const ringSeconds = await receiveAll(
      clock,
      received,
      repliesTo(received, clock.nowNs()),
      program,
      join(folder, 'replies'),
    );
    const read = new BenchTraces(SOURCE, octets('2001:db8:6::'), REPLIES, TRACES);
    const memorySeconds = readAll(read, repliesTo(read, clock.nowNs()));
    if (round < 0) continue;
    ring.push(received.matched / ringSeconds);
    memory.push(read.matched / memorySeconds);
    missing += 2 * REPLIES - received.matched - read.matched;
  }
  rmSync(folder, { recursive: true });
  run('ip', 'link', 'delete', 'tun1');
  return { ring, memory, missing };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What was made for a round is not to be collected while it is measured. */
function collectGarbage(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run node with --expose-gc');
  gc();
}

/** A Time Exceeded about each probe, which it quotes whole: of each its length, 16 bits, and its octets, as native-replay.c reads them. */
function repliesTo(traces: BenchTraces, nowNs: number): Uint8Array {
  const arena = createArena(REPLIES);
  traces.fill(arena, REPLIES, nowNs);
  const replies = new Uint8Array(REPLIES * SLOT);
  let at = 0;
  for (const [index, offset] of arena.offsets.entries()) {
    const probe = arena.lengths[index] ?? 0;
    const reply = replies.subarray(at + 2, at + 2 + 48 + probe);
    writeU16(reply.length, replies, at);
    reply.set([0x60, 0, 0, 0, 0, 8 + probe, NEXT_HEADER.icmp6, 64]);
    reply.set(ROUTER, 8);
    reply.set(SOURCE, 24);
    reply[40] = ICMPV6.timeExceeded;
    reply.set(arena.bytes.subarray(offset, offset + probe), 48);
    writeU16(upperLayerChecksum(ROUTER, SOURCE, NEXT_HEADER.icmp6, reply, 40, 8 + probe), reply, 42);
    at += 2 + reply.length;
  }
  return replies.subarray(0, at);
}

/** While the replies arrive this thread waits for the program to end: what follows is receiving and matching, and nothing else. */
async function receiveAll(
  clock: EngineClock,
  traces: BenchTraces,
  replies: Uint8Array,
  program: string,
  file: string,
): Promise<number> {
  writeFileSync(file, replies);
  const transport = await openNativeTransport({ clock });
  await transport.watch([{ protocol: 'udp', ...LOCAL_PORTS }]);
  let endedAt = 0;
  transport.onPackets((batch) => {
    traces.take(batch);
    if (traces.matched === REPLIES) endedAt = cpuSeconds();
  });
  execFileSync(program, ['tun1', file]);
  collectGarbage();
  const startedAt = cpuSeconds();
  const giveUpNs = clock.nowNs() + 2e9;
  while (traces.matched < REPLIES && clock.nowNs() < giveUpNs) await new Promise((resolve) => setImmediate(resolve));
  if (endedAt === 0) endedAt = cpuSeconds();
  await transport.close();
  return endedAt - startedAt;
}

/** As from the addon's memory, into which each batch is written before the clock runs. */
function readAll(traces: BenchTraces, replies: Uint8Array): number {
  const memory = {
    times: new Float64Array(BATCH),
    offsets: Uint32Array.from({ length: BATCH }, (_, index) => index * SLOT),
    lengths: new Uint32Array(BATCH),
    flags: new Uint32Array(BATCH),
    octets: new Uint8Array(BATCH * SLOT),
  };
  const reader = new NativeBatchReader(memory);
  let seconds = 0;
  collectGarbage();
  for (let at = 0; at < replies.length;) {
    let count = 0;
    for (; count < BATCH && at < replies.length; count += 1) {
      const length = readU16(replies, at);
      for (let i = 0; i < length; i += 1) memory.octets[count * SLOT + i] = replies[at + 2 + i] ?? 0;
      memory.lengths[count] = length;
      at += 2 + length;
    }
    const startedAt = cpuSeconds();
    traces.take(reader.read(count, 0));
    seconds += cpuSeconds() - startedAt;
  }
  return seconds;
}
