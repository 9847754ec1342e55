/**
 * Classic BPF programs that let through what may be ours and nothing else, so that a busy host's traffic never reaches
 * this process. They run on packets from the IPv6 header on. Instructions: code, jt, jf, k (Linux
 * Documentation/networking/filter.rst).
 */
import { IPV6_HEADER_LENGTH, NEXT_HEADER } from '../../wire/ipv6.js';
import type { WatchedFlow } from '../probe-transport.js';

/** Words per instruction. */
export const FILTER_WORDS = 4;

const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const LOAD_HALF_INDEXED = 0x48;
const LOAD_BYTE_INDEXED = 0x50;
const LOAD_LENGTH = 0x80;
const LOAD_MEMORY = 0x60;
const LOAD_INDEX = 0x01;
const STORE_MEMORY = 0x02;
const MOVE_TO_INDEX = 0x07;
const ADD = 0x04;
const SHIFT_LEFT = 0x64;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_GREATER_OR_EQUAL = 0x35;
const RETURN = 0x06;

/** Loads of what the kernel knows about a packet, beside its octets (SKF_AD_OFF + …). */
const ANCILLARY = 0xfffff000;
const ETHER_TYPE = ANCILLARY + 0;
const PACKET_TYPE = ANCILLARY + 4;
/** `if_packet.h`: addressed to this host, and leaving it. */
const TO_THIS_HOST = 0;
const OUTGOING = 4;

const ETHER_TYPE_IPV6 = 0x86dd;
const VERSION_6 = 0x60;
const NEXT_HEADER_OFFSET = 6;
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
const ECHO_IDENTIFIER_OFFSET = 4;
const DESTINATION_PORT_OFFSET = 2;

/** The whole packet. */
const ACCEPT = 0x40000;
const DROP = 0;

/** A filter may have 4,096 instructions, a range takes three in each direction: beyond this many a protocol, the nearest are joined. */
const MOST_RANGES = 192;

/** Ports, or echo identifiers; both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Lets nothing through. */
export const REJECT_ALL: Uint32Array = Uint32Array.of(RETURN, 0, 0, DROP);

/**
 * Lets through, of what arrives for this host: ICMPv6 errors, echo replies and UDP and TCP of these flows, and everything
 * with extension headers, whose upper layer a filter without loops cannot find. With `outgoing`, also our own
 * probes as they leave: UDP and TCP from the flows' ports, echo requests, each also behind a Destination Options header, and
 * whatever is fragmented.
 */
export function buildFilter(flows: readonly WatchedFlow[], outgoing: boolean): Uint32Array {
  const ranges = {
    udp: rangesOf(flows, 'udp'),
    tcp: rangesOf(flows, 'tcp'),
    icmp6: rangesOf(flows, 'icmp6'),
  };
  const program = new Program();
  program.load(LOAD_WORD, ETHER_TYPE).unlessEqual(ETHER_TYPE_IPV6, 'drop');
  program.load(LOAD_LENGTH, 0).unlessAtLeast(IPV6_HEADER_LENGTH, 'drop');
  program.load(LOAD_BYTE, 0).apply(AND, 0xf0).unlessEqual(VERSION_6, 'drop');
  program.load(LOAD_WORD, PACKET_TYPE).ifEqual(TO_THIS_HOST, 'arriving');
  if (outgoing) program.ifEqual(OUTGOING, 'leaving');
  program.label('drop').ret(DROP);

  program.label('arriving').load(LOAD_BYTE, NEXT_HEADER_OFFSET);
  for (const header of [
    NEXT_HEADER.hopByHop,
    NEXT_HEADER.routing,
    NEXT_HEADER.fragment,
    NEXT_HEADER.ah,
    NEXT_HEADER.destinationOptions,
  ]) {
    program.ifEqual(header, 'accept');
  }
  program.ifEqual(NEXT_HEADER.icmp6, 'arriving icmp6');
  program.ifEqual(NEXT_HEADER.udp, 'arriving udp').ifEqual(NEXT_HEADER.tcp, 'arriving tcp').ret(DROP);
  program.label('accept').ret(ACCEPT);
  program.label('arriving icmp6').load(LOAD_BYTE, IPV6_HEADER_LENGTH).ifBelow(ECHO_REQUEST, 'accept arriving');
  program.unlessEqual(ECHO_REPLY, 'drop arriving');
  program.load(LOAD_HALF, IPV6_HEADER_LENGTH + ECHO_IDENTIFIER_OFFSET).within(ranges.icmp6);
  program.label('drop arriving').ret(DROP);
  program.label('accept arriving').ret(ACCEPT);
  const portAt = IPV6_HEADER_LENGTH + DESTINATION_PORT_OFFSET;
  program.label('arriving udp').load(LOAD_HALF, portAt).within(ranges.udp).ret(DROP);
  program.label('arriving tcp').load(LOAD_HALF, portAt).within(ranges.tcp).ret(DROP);
  if (outgoing) addLeaving(program, ranges);
  return program.assemble();
}

type Ranges = Readonly<Record<WatchedFlow['protocol'], readonly PortRange[]>>;

function addLeaving(program: Program, ranges: Ranges): void {
  // Memory cell 0: next header; X: where it starts.
  program
    .label('leaving')
    .load(LOAD_BYTE, NEXT_HEADER_OFFSET)
    .ifEqual(NEXT_HEADER.destinationOptions, 'leaving options');
  program.load(STORE_MEMORY, 0).load(LOAD_INDEX, IPV6_HEADER_LENGTH).jump('leaving upper');
  program.label('leaving options').load(LOAD_BYTE, IPV6_HEADER_LENGTH).load(STORE_MEMORY, 0);
  program
    .load(LOAD_BYTE, IPV6_HEADER_LENGTH + 1)
    .apply(SHIFT_LEFT, 3)
    .apply(ADD, IPV6_HEADER_LENGTH + 8);
  program.load(MOVE_TO_INDEX, 0);
  program.label('leaving upper').load(LOAD_MEMORY, 0).ifEqual(NEXT_HEADER.fragment, 'accept leaving');
  program.ifEqual(NEXT_HEADER.udp, 'leaving udp').ifEqual(NEXT_HEADER.tcp, 'leaving tcp');
  program.unlessEqual(NEXT_HEADER.icmp6, 'drop leaving');
  program.load(LOAD_BYTE_INDEXED, 0).unlessEqual(ECHO_REQUEST, 'drop leaving');
  program.load(LOAD_HALF_INDEXED, ECHO_IDENTIFIER_OFFSET).within(ranges.icmp6);
  program.label('drop leaving').ret(DROP);
  program.label('accept leaving').ret(ACCEPT);
  program.label('leaving udp').load(LOAD_HALF_INDEXED, 0).within(ranges.udp).ret(DROP);
  program.label('leaving tcp').load(LOAD_HALF_INDEXED, 0).within(ranges.tcp).ret(DROP);
}

/** Sorted, disjoint, at most 192; may cover more than the flows do, never less. */
export function rangesOf(flows: readonly WatchedFlow[], protocol: WatchedFlow['protocol']): readonly PortRange[] {
  const sorted = flows.filter((flow) => flow.protocol === protocol).sort((a, b) => a.from - b.from);
  const joined: { from: number; to: number }[] = [];
  for (const { from, to } of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else joined.push({ from, to });
  }
  if (joined.length <= MOST_RANGES) return joined;
  const gapBefore = (index: number): number => (joined[index]?.from ?? 0) - (joined[index - 1]?.to ?? 0);
  const starts = [...joined.keys()].slice(1).sort((a, b) => gapBefore(b) - gapBefore(a));
  const kept = [0, ...starts.slice(0, MOST_RANGES - 1).sort((a, b) => a - b), joined.length];
  return kept.slice(0, -1).map((start, index) => ({
    from: joined[start]?.from ?? 0,
    to: joined[(kept[index + 1] ?? 0) - 1]?.to ?? 0,
  }));
}

/**
 * Instructions with named targets. Conditional jumps reach 255 instructions only, so each one skips over an
 * unconditional jump, which reaches all.
 */
class Program {
  readonly #words: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly at: number; readonly label: string }[] = [];

  label(name: string): this {
    this.#labels.set(name, this.#length);
    return this;
  }

  load(code: number, k: number): this {
    return this.#emit(code, 0, 0, k);
  }

  apply(code: number, k: number): this {
    return this.#emit(code, 0, 0, k);
  }

  jump(label: string): this {
    this.#jumps.push({ at: this.#length, label });
    return this.#emit(JUMP, 0, 0, 0);
  }

  ifEqual(k: number, label: string): this {
    return this.#emit(JUMP_EQUAL, 0, 1, k).jump(label);
  }

  unlessEqual(k: number, label: string): this {
    return this.#emit(JUMP_EQUAL, 1, 0, k).jump(label);
  }

  unlessAtLeast(k: number, label: string): this {
    return this.#emit(JUMP_GREATER_OR_EQUAL, 1, 0, k).jump(label);
  }

  ifBelow(k: number, label: string): this {
    return this.unlessAtLeast(k, label);
  }

  /** Accepts the packet when the accumulator is in one of the ranges; else goes on behind. */
  within(ranges: readonly PortRange[]): this {
    for (const { from, to } of ranges) {
      if (from === to) this.#emit(JUMP_EQUAL, 0, 1, from).ret(ACCEPT);
      else this.#emit(JUMP_GREATER_OR_EQUAL, 0, 2, from).#emit(JUMP_GREATER, 1, 0, to).ret(ACCEPT);
    }
    return this;
  }

  ret(k: number): this {
    return this.#emit(RETURN, 0, 0, k);
  }

  assemble(): Uint32Array {
    const words = Uint32Array.from(this.#words);
    for (const { at, label } of this.#jumps) {
      words[at * FILTER_WORDS + 3] = (this.#labels.get(label) ?? 0) - at - 1;
    }
    return words;
  }

  get #length(): number {
    return this.#words.length / FILTER_WORDS;
  }

  #emit(code: number, jt: number, jf: number, k: number): this {
    this.#words.push(code, jt, jf, k);
    return this;
  }
}
