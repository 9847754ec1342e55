/** Evidence laid out pair by pair, so that a claim can be given exactly enough of it, or one pair too few. */
import { formatAddress } from '../../src/address/address.js';
import { makeCase, type Case } from '../../src/trace/case.js';
import type { Claim, Finding, Standing } from '../../src/trace/claims/claim.js';
import { addPair, markHandedOver, markSent } from '../../src/trace/probe/sending.js';
import { matchReply } from '../../src/trace/reply/match-reply.js';
import { observe } from '../../src/trace/reply/observe.js';
import type { ReceivedPacket } from '../../src/trace/reply/reply.js';
import type { Arm, Protocol } from '../../src/record/record.js';
import { PURPOSE, TARGET_HOP_LIMIT, type Purpose, type TraceState } from '../../src/trace/state/trace-state.js';
import type { TraceContext } from '../../src/trace/trace-context.js';
import { contextOf, routerAt, withHopLimit, type Drawn, type FakePath } from './fake-path.js';
import {
  echoReplyTo,
  errorAbout,
  makeFlow,
  makeState,
  packetOf,
  replyFrom,
  resetTo,
  synAckTo,
  TARGET,
  wishFor,
} from './trace-fixture.js';

/** What comes back for a packet: from the router at its hop limit, from the target, nothing, or something else. */
/** `arrivesWith`: what the target says comes back with this hop limit; `resetsWith`: so does a RST in its name. */
export type Answer =
  | 'expires'
  | 'arrives'
  | null
  | { readonly arrivesWith: number }
  | { readonly resetsWith: number }
  | (Drawn & { readonly replyHopLimit?: number });

interface PairOptions {
  readonly purpose?: Purpose;
  readonly flow?: number | 'fresh';
  readonly treatment?: Arm;
  readonly protocol?: Protocol;
  readonly port?: number;
}

const GRACE_OVER_NS = 4e9;
const APART_NS = 100e6;

export class ByHand {
  readonly state: TraceState;
  context: TraceContext;
  nowNs = 0;
  readonly #routers: number;

  constructor(
    protocol: Protocol = 'icmp6',
    values: Partial<FakePath> & { readonly routers?: number; readonly seed?: number } = {},
  ) {
    this.state = makeState(protocol, {
      explain: values.explain ?? false,
      confidence: values.confidence ?? 0.999,
      seed: values.seed ?? 1,
    });
    this.context = contextOf(values);
    this.#routers = values.routers ?? 4;
  }

  /** So many pairs at a hop limit; `treated` is what the option's packet draws, or a placebo's second one. */
  pairs(count: number, hopLimit: number, plain: Answer, treated: Answer, options: PairOptions = {}): this {
    for (let i = 0; i < count; i += 1) {
      const { state, nowNs } = this;
      const protocol = options.protocol ?? state.identity.protocol;
      const atTarget = hopLimit === TARGET_HOP_LIMIT;
      const wish = wishFor(state, {
        purpose: options.purpose ?? (atTarget ? PURPOSE.target : PURPOSE.explore),
        hopLimit,
        flow: options.flow ?? (atTarget ? 'fresh' : 0),
        treatment: options.treatment ?? 'pdm',
        protocol,
      });
      const rows = addPair(
        state,
        wish,
        () => makeFlow(protocol, options.port === undefined ? {} : { destinationPort: options.port }),
        nowNs,
      );
      const isPlacebo = state.probes.arm(rows[0]) === state.probes.arm(rows[1]);
      rows.forEach((row, index) => {
        markHandedOver(state, row, nowNs);
        markSent(state, row, nowNs);
        const isPlain = isPlacebo ? index === 0 : state.probes.arm(row) === 0;
        this.#answer(row, isPlain ? plain : treated, protocol);
      });
      this.nowNs += APART_NS;
    }
    return this;
  }

  target(count: number, plain: Answer, treated: Answer): this {
    return this.pairs(count, TARGET_HOP_LIMIT, plain, treated);
  }

  /** Of the arm that arrives more. The kind of a pair is drawn with its block; here each is a block of its own. */
  placebos(count: number, first: Answer, second: Answer = first, arm: Arm = 'plain'): this {
    const { state } = this;
    state.placeboArm = arm;
    for (let pair = 0; pair < count; pair += 1) {
      Object.assign(state.blocks.target, { left: 1, placeboAt: 0 });
      this.pairs(1, TARGET_HOP_LIMIT, first, second);
    }
    state.placeboArm = null;
    return this;
  }

  /** All hops, five pairs each, and the ways beyond the loss; `firstLost`: the hop limit from which the option's packets are. */
  explored(
    firstLost = Number.POSITIVE_INFINITY,
    lost: Answer = null,
    targetAnswers: 'arrives' | null = 'arrives',
  ): this {
    const last = this.#routers;
    for (let hop = 1; hop <= last + 1; hop += 1) {
      const answer = hop <= last ? 'expires' : targetAnswers;
      this.pairs(5, hop, answer, hop < firstLost ? answer : lost);
    }
    if (firstLost <= last) {
      this.pairs(15, firstLost, 'expires', lost, { purpose: PURPOSE.beyond, flow: 'fresh' });
    }
    return this;
  }

  /** Pairs to the router of a hop itself, or to a host elsewhere (16 octets), not to the target. */
  references(
    count: number,
    asked: number | Uint8Array,
    plain: Answer = 'arrives',
    treated: Answer = plain,
    protocol: Protocol = 'icmp6',
  ): this {
    const { flows } = this.state;
    const flow = flows.length;
    const destination = typeof asked === 'number' ? routerAt(asked) : asked;
    flows.push({ ...makeFlow(protocol), destination, destinationText: formatAddress(destination) });
    return this.pairs(count, TARGET_HOP_LIMIT, plain, treated, { purpose: PURPOSE.reference, flow, protocol });
  }

  /** Pairs at n again, and one at the distance of a target that has answered. */
  repeats(count: number, hop: number, plain: Answer = 'expires', treated: Answer = 'expires'): this {
    this.pairs(count, hop, plain, treated, { purpose: PURPOSE.repeat });
    if (this.case.plainArrivals === 0) return this;
    return this.pairs(1, this.#routers + 1, 'arrives', null, { purpose: PURPOSE.distance });
  }

  /** As it stands when nothing is awaited any more. */
  get case(): Case {
    return makeCase(this.state, this.context, this.nowNs + GRACE_OVER_NS);
  }

  stand(claim: Claim): Standing {
    return claim.stand(this.case);
  }

  #ofTarget(packet: Uint8Array, protocol: Protocol, hopLimit: number, atNs: number): ReceivedPacket {
    if (protocol === 'icmp6') return echoReplyTo(packet, atNs);
    if (protocol === 'tcp') return synAckTo(packet, atNs);
    return errorAbout(withHopLimit(packet, hopLimit - this.#routers), 1, 4, TARGET, atNs);
  }

  #answer(row: number, answer: Answer, protocol: Protocol): void {
    if (answer === null) return;
    const { state, nowNs } = this;
    const packet = packetOf(state, row);
    const hopLimit = state.probes.hopLimit(row);
    const received = (() => {
      const atNs = nowNs + 10e6;
      if (answer === 'expires') return errorAbout(withHopLimit(packet, 1), 3, 0, routerAt(hopLimit), atNs);
      if (answer === 'arrives') return this.#ofTarget(packet, protocol, hopLimit, atNs);
      if ('arrivesWith' in answer) {
        return { ...this.#ofTarget(packet, protocol, hopLimit, atNs), hopLimit: answer.arrivesWith };
      }
      if ('resetsWith' in answer) return { ...resetTo(packet, atNs), hopLimit: answer.resetsWith };
      const at = nowNs + (answer.delayMs ?? 10) * 1e6;
      // In the target's name, as the target would quote it.
      const came = answer.from.every((octet, i) => octet === TARGET[i])
        ? withHopLimit(packet, Math.max(1, hopLimit - this.#routers))
        : packet;
      const error = errorAbout(answer.quote?.(came) ?? came, answer.type, answer.code, answer.from, at, answer.pointer);
      return { ...error, hopLimit: answer.replyHopLimit ?? null };
    })();
    const reply = replyFrom(received);
    const match = matchReply(state, reply);
    if (typeof match === 'string') {
      if (match !== 'weak' && match !== 'service') state.counters[match] += 1;
    } else observe(state, match, reply);
  }
}

/** The finding of a standing that must be proven; the error tells where it stands instead. */
export function findingOf(standing: Standing): Finding {
  if (standing.is !== 'proven') throw new Error(`not proven: ${JSON.stringify(standing)}`);
  return standing.finding;
}

/** Why a claim that must be refuted is. */
export function reasonOf(standing: Standing): string | null {
  if (standing.is !== 'refuted') throw new Error(`not refuted: ${JSON.stringify(standing)}`);
  return standing.by;
}

export const strip = (packet: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
  copy[5]! -= 16;
  copy[6] = packet[40]!;
  copy[7] = 1;
  return copy;
};
export const alter = (packet: Uint8Array): Uint8Array => {
  const copy = withHopLimit(packet, 1);
  copy[50]! ^= 0x11;
  return copy;
};

/** A router's Time Exceeded about a packet that it quotes otherwise than it was sent. */
export const quotedBy = (hop: number, quote: (packet: Uint8Array) => Uint8Array): Drawn => ({
  from: routerAt(hop),
  type: 3,
  code: 0,
  quote,
});
/** Echo pairs of the sibling trace: none with the option were answered, and that is shown. */
export const ECHO_LOST = { plainArrivals: 12, pdmArrivals: 0, lossShown: true, settled: true };
export const ECHO_SILENT = { plainArrivals: 0, pdmArrivals: 0, lossShown: false, settled: true };
