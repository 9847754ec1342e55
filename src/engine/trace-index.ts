/**
 * Traces by target address, by nonce, by TCP sequence number and by flow label: a reply finds its candidates in O(1), however
 * many traces are in flight, and whatever address it comes from or quotes.
 */
import { sameAddress } from '../address/address.js';
import type { Reply } from '../trace/reply/reply.js';
import { NONCE_LENGTH, nonceOffset } from '../trace/probe/probe-packet.js';
import { readU32 } from '../wire/big-endian.js';
import { NEXT_HEADER } from '../wire/ipv6.js';
import type { RunningTrace } from './running-trace.js';

const NONE: readonly RunningTrace[] = [];
const ADDRESS_LENGTH = 16;
/** Sequence numbers of one trace lie within two such stretches of the 32 bits: 1,400 of them, 320 apart, are 448,000. */
const STRETCH_BITS = 19;
const STRETCHES = 2 ** (32 - STRETCH_BITS);

/** Traces looked at for new flow labels, per quote of a destination that is nobody's, and how many may be saved up. */
const LOOKS_PER_QUOTE = 64;
const LABEL_CREDIT = 100_000;

/** It names candidates: whether a reply is theirs is for `matchReply` to say. */
export class TraceIndex {
  readonly #traces = new Set<RunningTrace>();
  readonly #byAddress = new Buckets();
  readonly #byNonce = new Buckets();
  readonly #bySequence = new Buckets();
  /** How many traces have their nonce so far behind the start of the upper layer. */
  readonly #nonceOffsets = new Map<number, number>();
  /** Filled when a quote first asks for it: until then nobody on the way rewrote a destination. */
  readonly #byLabel = new Buckets();
  readonly #labelled = new Map<RunningTrace, number>();
  #labelCredit = LABEL_CREDIT;

  add(trace: RunningTrace): void {
    if (this.#traces.has(trace)) return;
    this.#traces.add(trace);
    this.#byAddress.add(hashOctets(trace.target, 0, ADDRESS_LENGTH), trace);
    this.#byNonce.add(nonceHash(trace), trace);
    this.#bySequence.add(stretchOf(trace), trace);
    const offset = nonceOffset(trace.state, 'udp') ?? 0;
    this.#nonceOffsets.set(offset, (this.#nonceOffsets.get(offset) ?? 0) + 1);
  }

  remove(trace: RunningTrace): void {
    if (!this.#traces.delete(trace)) return;
    this.#byAddress.remove(hashOctets(trace.target, 0, ADDRESS_LENGTH), trace);
    this.#byNonce.remove(nonceHash(trace), trace);
    this.#bySequence.remove(stretchOf(trace), trace);
    const offset = nonceOffset(trace.state, 'udp') ?? 0;
    const left = (this.#nonceOffsets.get(offset) ?? 0) - 1;
    if (left > 0) this.#nonceOffsets.set(offset, left);
    else this.#nonceOffsets.delete(offset);
    const labelled = this.#labelled.get(trace) ?? 0;
    for (const { flowLabel } of trace.state.flows.slice(0, labelled)) this.#byLabel.remove(flowLabel, trace);
    this.#labelled.delete(trace);
  }

  /** Traces whose target is the 16 octets at `offset`. */
  find(bytes: Uint8Array, offset: number): readonly RunningTrace[] {
    const list = this.#byAddress.find(hashOctets(bytes, offset, ADDRESS_LENGTH));
    return list.every((trace) => sameAddress(trace.target, bytes, 0, offset))
      ? list
      : list.filter((trace) => sameAddress(trace.target, bytes, 0, offset));
  }

  /**
   * Whom a reply may concern: the trace whose nonce it holds; else those to the address that it comes from, or quotes; and
   * where that is nobody's, those with this flow label, or with such sequence numbers.
   */
  candidates(reply: Reply): readonly RunningTrace[] {
    const named = this.#namedBy(reply);
    if (named !== null) return [named];
    if (reply.kind !== 'error') {
      const found = this.find(reply.source, 0);
      return found.length > 0 || reply.kind !== 'tcp'
        ? found
        : this.#withSequence(readU32(reply.bytes, reply.offset + 8));
    }
    const found = this.find(reply.bytes, reply.quote.destinationOffset);
    return found.length > 0 ? found : this.#withLabel(reply.quote.flowLabel);
  }

  #namedBy(reply: Reply): RunningTrace | null {
    const { bytes } = reply;
    if (reply.kind === 'tcp') return null;
    if (reply.kind !== 'error') return this.#nonceBehind(bytes, reply.offset, reply.end);
    const { upperProtocol, upperOffset, fragment, end } = reply.quote;
    // Later fragments begin with the nonce.
    if (fragment !== null && fragment.fragmentOffset > 0) return this.#nonceAt(bytes, fragment.dataOffset, end);
    if (upperOffset === null || (upperProtocol !== NEXT_HEADER.udp && upperProtocol !== NEXT_HEADER.icmp6)) return null;
    return this.#nonceBehind(bytes, upperOffset, end);
  }

  #nonceBehind(bytes: Uint8Array, upperOffset: number, end: number): RunningTrace | null {
    for (const offset of this.#nonceOffsets.keys()) {
      const trace = this.#nonceAt(bytes, upperOffset + offset, end);
      if (trace !== null) return trace;
    }
    return null;
  }

  #nonceAt(bytes: Uint8Array, at: number, end: number): RunningTrace | null {
    if (at + NONCE_LENGTH > end) return null;
    const list = this.#byNonce.find(hashOctets(bytes, at, NONCE_LENGTH));
    return list.find((trace) => holdsNonce(trace, bytes, at)) ?? null;
  }

  #withSequence(acknowledgement: number): readonly RunningTrace[] {
    const stretch = acknowledgement >>> STRETCH_BITS;
    const found = [...this.#bySequence.find(stretch), ...this.#bySequence.find((stretch + STRETCHES - 1) % STRETCHES)];
    // Traces of datagrams send SYNs as well, to the target and to routers.
    return found.filter(({ state }) => state.flows.some(({ protocol }) => protocol === 'tcp'));
  }

  /** Flows that came since are taken in first, unless a flood of such quotes has used up the looks that this takes. */
  #withLabel(flowLabel: number): readonly RunningTrace[] {
    this.#labelCredit = Math.min(LABEL_CREDIT, this.#labelCredit + LOOKS_PER_QUOTE);
    if (this.#labelCredit >= this.#traces.size) this.#takeLabels();
    return this.#byLabel.find(flowLabel);
  }

  #takeLabels(): void {
    this.#labelCredit -= this.#traces.size;
    for (const trace of this.#traces) {
      const { flows } = trace.state;
      const known = this.#labelled.get(trace) ?? 0;
      if (known === flows.length) continue;
      for (const flow of flows.slice(known)) this.#byLabel.add(flow.flowLabel, trace);
      this.#labelled.set(trace, flows.length);
    }
  }
}

/** A trace stands once in each bucket that it was added to. */
class Buckets {
  readonly #lists = new Map<number, RunningTrace[]>();

  add(key: number, trace: RunningTrace): void {
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, [trace]);
    else if (!list.includes(trace)) list.push(trace);
  }

  remove(key: number, trace: RunningTrace): void {
    const left = (this.#lists.get(key) ?? []).filter((other) => other !== trace);
    if (left.length === 0) this.#lists.delete(key);
    else this.#lists.set(key, left);
  }

  find(key: number): readonly RunningTrace[] {
    return this.#lists.get(key) ?? NONE;
  }
}

function nonceHash({ state }: RunningTrace): number {
  return hashOctets(state.identity.secrets.nonce, 0, NONCE_LENGTH);
}

function stretchOf({ state }: RunningTrace): number {
  return readU32(state.identity.secrets.nonce, 0) >>> STRETCH_BITS;
}

function holdsNonce({ state }: RunningTrace, bytes: Uint8Array, at: number): boolean {
  return state.identity.secrets.nonce.every((octet, index) => octet === bytes[at + index]);
}

function hashOctets(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ (bytes[offset + i] ?? 0), 0x01000193);
  return hash >>> 0;
}
