// @ts-check
/**
 * Encoding and parsing + matching, in packets per second; medians of several rounds, as JSON. Packets of many traces take
 * turns, as they do in a run: with one trace alone, what is computed once per trace would cost nothing.
 */
import process from 'node:process';
import { encodeProbe } from '../dist/trace/probe/probe-packet.js';
import { matchReply } from '../dist/trace/reply/match-reply.js';
import { parseReply } from '../dist/trace/reply/reply.js';
import { addPair, markHandedOver } from '../dist/trace/probe/sending.js';
import { createTraceState } from '../dist/trace/state/trace-state.js';
import { upperLayerChecksum } from '../dist/wire/checksum.js';

const ROUNDS = 7;
const PACKETS = 200_000;
const TRACES = 256;
const HOPS = 30;
const source = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const router = Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
const flow = () => ({
  protocol: /** @type {const} */ ('udp'),
  localId: 0xf123,
  destinationPort: 33434,
  flowLabel: 0x12345,
  echoChecksum: 0x1234,
  psnNext: 7,
  lastReceived: null,
});
/** A trace with a pair of probes at every hop. @param {number} index */
function createTrace(index) {
  const state = createTraceState({
    source,
    target: Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, index >> 8, index & 0xff),
    targetText: `2001:db8:9::${index.toString(16)}`,
    protocol: 'udp',
    destinationPort: 33434,
    limits: { confidence: 0.999, maxHops: HOPS, timeoutMs: 2000, hopIntervalMs: 250, gapLimit: 8, explain: true },
    seed: 1,
    secrets: {
      nonce: Uint8Array.of(1, 2, 3, 4, 5, 6, index >> 8, index & 0xff),
      checksumBase: 11 + index,
      checksumStep: 4711 + index * 97,
      sequenceBase: 5,
    },
    probeUri: null,
    firstFlow: flow(),
  });
  for (let hop = 1; hop <= HOPS; hop += 1) {
    const wish = /** @type {const} */ ({
      purpose: 0,
      flow: 0,
      protocol: 'udp',
      treatment: 'pdm',
      rank: 0,
      notBeforeNs: 0,
      spacingMs: 0,
      responder: null,
    });
    for (const row of addPair(state, { ...wish, hopLimit: hop }, flow, 0)) markHandedOver(state, row, 0);
  }
  return state;
}
const traces = Array.from({ length: TRACES }, (_, index) => createTrace(index));
const PROBES = 2 * HOPS;
const arena = new Uint8Array(4096);
/** Time Exceeded about a probe, as a whole IPv6 packet. @param {(typeof traces)[number]} state @param {number} row */
function timeExceeded(state, row) {
  const quote = new Uint8Array(128);
  const length = encodeProbe(state, row, quote, 0);
  quote[7] = 1;
  const packet = new Uint8Array(40 + 8 + length);
  packet.set([0x60, 0, 0, 0, 0, 8 + length, 58, 60]);
  packet.set(router, 8);
  packet.set(source, 24);
  packet.set([3, 0, 0, 0, 0, 0, 0, 0], 40);
  packet.set(quote.subarray(0, length), 48);
  const checksum = upperLayerChecksum(router, source, 58, packet, 40, 8 + length);
  packet[42] = checksum >> 8;
  packet[43] = checksum & 0xff;
  return { layer: /** @type {const} */ ('ipv6'), source: router, bytes: packet, hopLimit: null, timeNs: 1 };
}
/** Trace after trace, then the next row. */
const turns = Array.from({ length: TRACES * PROBES }, (_, index) => {
  const state = /** @type {(typeof traces)[number]} */ (traces[index % TRACES]);
  const row = Math.floor(index / TRACES);
  return { state, row, reply: timeExceeded(state, row) };
});

/** @param {(index: number) => void} work */
function rate(work) {
  const rates = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < PACKETS; index += 1) work(index);
    rates.push((PACKETS * 1e9) / Number(process.hrtime.bigint() - startedAt));
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1];
}

let octets = 0;
let matched = 0;
const encode = rate((index) => {
  const turn = turns[index % turns.length];
  if (turn !== undefined) octets += encodeProbe(turn.state, turn.row, arena, (index & 31) * 128);
});
const match = rate((index) => {
  const turn = turns[index % turns.length];
  if (turn === undefined) return;
  const reply = parseReply(turn.reply);
  if (!reply.ok) return;
  const match = matchReply(turn.state, reply.value);
  if (typeof match !== 'string' && match.row === turn.row) matched += 1;
});
if (octets === 0) throw new Error('no probe was encoded');
if (matched !== ROUNDS * PACKETS)
  throw new Error(`only ${matched} of ${ROUNDS * PACKETS} replies were matched to their probe`);
process.stdout.write(JSON.stringify({ 'encode a probe': encode, 'parse, verify and match a reply': match }));
