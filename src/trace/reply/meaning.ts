/**
 * What a reply means (METHOD: Replies), decided here and nowhere else. Most of it stands in the reply; whether an answer in
 * the target's name is the target's depends on what `plain` draws there, so the table is made anew from all replies of the
 * trace whenever they are read.
 */
import { TERMINAL_ANSWERS } from '../numbers.js';
import { signatureOf } from '../state/trace-state.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';
import { isPlacesName } from './place-name.js';
import {
  isExpired,
  isNoWay,
  isNoWord,
  isPlainArm,
  isRefusal,
  isTerminalKind,
  kindOf,
  returnDistance,
  wordOf,
} from './words.js';

/** `expired`: it got this far. `arrived`: it reached the target. `refused`: somebody says that it will not. */
export const MEANING = { none: 0, expired: 1, arrived: 2, refused: 3, other: 4 } as const;
/** One of `MEANING` (METHOD: Replies). */
export type Meaning = (typeof MEANING)[keyof typeof MEANING];

const FAR = 0xff;

/** What is known of one sender, an address that says one kind of thing, from the rows that it answered. */
interface Drawn {
  plainCount: number;
  /** Smallest hop limit that drew it on the trace's own flow, by `plain`; and by any other arm on any flow. */
  plainFrom: number;
  treatedFrom: number;
  /** … and on the trace's own flow. */
  treatedOwnFrom: number;
}

/** One of the tables of meanings: of answers to `plain` or to other arms; near are those from before a router that `plain` met. */
const TABLE = { plain: 0, plainNear: 1, treated: 2, treatedNear: 3 } as const;
const TABLES = 4;

const NOBODY: ReadonlySet<string> = new Set();

/** The meanings of all replies that a trace holds. */
export class Meanings {
  /** The highest hop limit on the trace's own flow at which `plain` met a router. */
  readonly routerAt: number;
  /** The smallest hop limit on the trace's own flow at which `plain` arrived; null while none did. */
  readonly plainDistance: number | null;
  /** Addresses that answer in place of the target (METHOD: Replies, terminal responder). */
  readonly terminal: ReadonlySet<string>;
  /** By signature, `TABLES` octets each: many thousand traces keep theirs. */
  readonly #meanings: Uint8Array;

  constructor(state: TraceState, { drawn, byPlain, routerAt }: AllDrawn = countDrawn(state)) {
    const { signatures, identity } = state;
    const expiredFrom = new Set<string>();
    for (const signature of signatures) if (isExpired(signature)) expiredFrom.add(signature.responder);
    let terminal: Set<string> | null = null;
    const kinds = new Set<number>();
    /** How far answers to `plain` came back, by their words. */
    const returns = new Map<number, number>();
    /** The highest hop limits that answers to `plain` quote, by their words: of packets that had gone least far. */
    const quoted = new Map<number, number>();
    const note = (signature: ReplySignature): void => {
      kinds.add(kindOf(signature));
      returns.set(wordOf(signature), returnDistance(signature.replyHopLimit));
    };
    for (const [index, signature] of signatures.entries()) {
      if (isExpired(signature)) continue;
      if (byPlain[index] === 1) {
        const word = wordOf(signature);
        quoted.set(word, Math.max(signature.quotedHopLimit ?? 0, quoted.get(word) ?? 0));
      }
      const own = drawn[index];
      if (own === undefined || own.plainCount === 0) continue;
      const { responder } = signature;
      if (responder === identity.targetText) {
        if (!isNoWay(signature)) note(signature);
      } else if (
        isTerminalKind(signature) &&
        !expiredFrom.has(responder) &&
        own.plainCount >= TERMINAL_ANSWERS &&
        own.plainFrom < FAR &&
        own.plainFrom > routerAt
      ) {
        (terminal ??= new Set()).add(responder);
        note(signature);
      }
    }
    if (terminal !== null) {
      // Behind one such name there may be others, met on other flows.
      for (const [index, signature] of signatures.entries()) {
        const isOther = (drawn[index]?.plainCount ?? 0) > 0 && isTerminalKind(signature);
        if (!isOther || expiredFrom.has(signature.responder)) continue;
        terminal.add(signature.responder);
        note(signature);
      }
    }
    const isOfTarget = (responder: string): boolean =>
      responder === identity.targetText || terminal?.has(responder) === true;
    const source = identity.sourceText;
    let plainDistance: number | null = null;
    const plainOf = (signature: ReplySignature): Meaning => {
      if (isNoWord(signature, source)) return MEANING.other;
      // Nobody says of himself that there is no way to him.
      if (isOfTarget(signature.responder) && !isNoWay(signature)) return MEANING.arrived;
      return isRefusal(signature) ? MEANING.refused : MEANING.other;
    };
    const meanings = new Uint8Array(TABLES * signatures.length);
    for (const [index, signature] of signatures.entries()) {
      if (isExpired(signature)) {
        meanings.fill(MEANING.expired, TABLES * index, TABLES * (index + 1));
        continue;
      }
      const meaning = plainOf(signature);
      meanings[TABLES * index + TABLE.plain] = meaning;
      meanings[TABLES * index + TABLE.plainNear] = meaning === MEANING.arrived ? MEANING.other : meaning;
      const from = drawn[index]?.plainFrom ?? FAR;
      if (
        meaning === MEANING.arrived &&
        from > routerAt &&
        from < FAR &&
        (plainDistance === null || from < plainDistance)
      )
        plainDistance = from;
    }
    let known: Meetings | null = null;
    const meetings = (): Meetings => (known ??= readMeetings(state));
    const isAsFarByQuote = (signature: ReplySignature): boolean => {
      const { quotedHopLimit } = signature;
      const ofPlain = quoted.get(wordOf(signature)) ?? FAR;
      // A hop limit of none left says nothing: it is rewritten, unless answers to plain packets say the same.
      if (quotedHopLimit === 0) return ofPlain === 0;
      return (quotedHopLimit ?? 0) <= ofPlain;
    };
    const treatedOf = (
      signature: ReplySignature,
      from: number,
      ownFrom: number,
    ): readonly [far: Meaning, near: Meaning] => {
      if (isNoWord(signature, source)) return [MEANING.other, MEANING.other];
      const { responder } = signature;
      const refused = isRefusal(signature) || signature.isReset ? MEANING.refused : MEANING.other;
      const isKnownKind = kinds.has(kindOf(signature));
      if (isOfTarget(responder)) {
        if (kinds.size === 0) {
          // No answer to plain shows what the target's are like: a reset, and what comes from before routers that plain
          // meets, may be a firewall's that refuses the option.
          const mayBeNearer = signature.quoted || signature.isReset || ownFrom <= routerAt;
          return mayBeNearer ? ODD : [MEANING.arrived, MEANING.arrived];
        }
        // Where it is not seen from how far answers come, the hop limit that they quote tells how far the packet had come.
        if (signature.replyHopLimit === null && isKnownKind && !isAsFarByQuote(signature)) return ODD;
        // Nearer than where plain meets routers it takes a shorter way, if it comes back from as far.
        if (isKnownKind) return [MEANING.arrived, signature.replyHopLimit === null ? MEANING.other : MEANING.arrived];
        const plainReturn = returns.get(wordOf(signature));
        if (plainReturn === undefined) return isOfClosedPort(signature, returns) ? ODD : [refused, refused];
        // The same words from another distance: of something before the target where both arms share the router before it,
        // of the target itself where the ways differ as much as the distances; else nobody knows.
        const shift = returnDistance(signature.replyHopLimit) - plainReturn;
        if (meetings().isCommon(ownFrom - 1)) {
          // Answers may come back by a longer way than those to plain packets: what begins no nearer than the target may be
          // its own. Nearer is what begins before it, or, where it quotes nothing, comes back from nearer.
          const isNearer = plainDistance !== null && ownFrom < plainDistance;
          if (!isNearer && (signature.quoted || shift > 0)) return ODD;
          return signature.quoted || signature.isReset ? [refused, refused] : ODD;
        }
        const isOtherWay =
          meetings().differ && plainDistance !== null && ownFrom < FAR && ownFrom - plainDistance === shift;
        return isOtherWay ? [MEANING.arrived, MEANING.arrived] : ODD;
      }
      if (isKnownKind && !expiredFrom.has(responder)) {
        // The same host, or the last router's other address: only what begins where the target stands is the host's.
        if (plainDistance === null || signature.replyHopLimit === null) return ODD;
        if (from >= plainDistance) return [MEANING.arrived, refused];
        // A target that limits its answers may stand nearer than where it was first heard; not before a router's place.
        if (from > routerAt || meetings().differ) return ODD;
      }
      // On another way the target's other address may be farther away, and something before the target may answer plain packets.
      const isTargetsWord = returns.has(wordOf(signature));
      const maySpeakForTarget = isTargetsWord || isTerminalKind(signature);
      if (meetings().differ && !expiredFrom.has(responder) && maySpeakForTarget) return ODD;
      // … and where that is not seen, nobody behind a router that both arms met, it may say what it says to plain packets.
      if (isTargetsWord && !expiredFrom.has(responder) && !meetings().isCommon(ownFrom - 1)) return ODD;
      const meaning = isRefusal(signature) ? MEANING.refused : MEANING.other;
      return [meaning, meaning];
    };
    for (const [index, signature] of signatures.entries()) {
      if (isExpired(signature)) continue;
      // Replies to other hop limits and on other flows may quote otherwise: who sends them is the same.
      const own = drawn[index];
      const [far, near] = treatedOf(signature, own?.treatedFrom ?? FAR, own?.treatedOwnFrom ?? FAR);
      meanings[TABLES * index + TABLE.treated] = far;
      meanings[TABLES * index + TABLE.treatedNear] = near;
    }
    this.#meanings = meanings;
    this.routerAt = routerAt;
    this.plainDistance = plainDistance;
    this.terminal = terminal ?? NOBODY;
  }

  /** Of the reply to the probe in this row. */
  of({ probes, flows, signatures }: TraceState, row: number): Meaning {
    const index = probes.reply(row);
    if (index === null) return MEANING.none;
    const asked = flows[probes.flow(row)]?.destinationText;
    if (asked !== undefined) {
      const signature = signatures[index];
      return signature?.responder === asked && !signature.quoted ? MEANING.arrived : MEANING.other;
    }
    const isNear = probes.flow(row) === 0 && probes.hopLimit(row) <= this.routerAt;
    const far = isPlainArm(probes.arm(row)) ? TABLE.plain : TABLE.treated;
    return (this.#meanings[TABLES * index + far + (isNear ? 1 : 0)] ?? MEANING.none) as Meaning;
  }
}

interface Made {
  revision: number;
  readonly attemptStart: number;
  readonly drawn: AllDrawn;
  readonly of: Meanings;
}

const MADE = new WeakMap<TraceState, Made>();

/** Those of the trace as it stands: made anew once a reply says what none has said, or the measurement has begun again. */
export function meaningsOf(state: TraceState): Meanings {
  const { attemptStart, probes } = state;
  const made = MADE.get(state);
  if (made?.revision === probes.replies && made.attemptStart === attemptStart) return made.of;
  const drawn = countDrawn(state);
  if (made?.attemptStart === attemptStart && drawsTheSame(made.drawn, drawn)) {
    made.revision = probes.replies;
    return made.of;
  }
  const meanings = new Meanings(state, drawn);
  MADE.set(state, { revision: probes.replies, attemptStart, drawn, of: meanings });
  return meanings;
}

/** One more answer like those before it changes no meaning: most replies are such. Time Exceeded may, wherever it is met. */
function drawsTheSame(a: AllDrawn, b: AllDrawn): boolean {
  if (a.drawn.length !== b.drawn.length || a.expired !== b.expired || a.routerAt !== b.routerAt) return false;
  for (let index = 0; index < a.drawn.length; index += 1) {
    const one = a.drawn[index];
    const other = b.drawn[index];
    if (one === undefined || other === undefined || a.byPlain[index] !== b.byPlain[index]) return false;
    if (Math.min(one.plainCount, TERMINAL_ANSWERS) !== Math.min(other.plainCount, TERMINAL_ANSWERS)) return false;
    if (one.plainFrom !== other.plainFrom || one.treatedFrom !== other.treatedFrom) return false;
    if (one.treatedOwnFrom !== other.treatedOwnFrom) return false;
  }
  return true;
}

interface AllDrawn {
  /** By signature; those that differ in nothing but what they quote are of one sender. */
  readonly drawn: readonly Drawn[];
  /** By signature: 1 where `plain` drew it. */
  readonly byPlain: Uint8Array;
  readonly routerAt: number;
  /** Probes that ran out of hop limit. */
  readonly expired: number;
}

function countDrawn({ probes, signatures, senders, attemptStart }: TraceState): AllDrawn {
  const bySender: Drawn[] = [];
  const drawn = signatures.map(
    (_, index) =>
      (bySender[senders.of[index] ?? 0] ??= { plainCount: 0, plainFrom: FAR, treatedFrom: FAR, treatedOwnFrom: FAR }),
  );
  const byPlain = new Uint8Array(signatures.length);
  let routerAt = 0;
  let expired = 0;
  for (let row = 0; row < probes.count; row += 1) {
    const index = probes.reply(row);
    const own = index === null ? undefined : drawn[index];
    const signature = index === null ? undefined : signatures[index];
    if (index === null || own === undefined || signature === undefined) continue;
    const ranOut = isExpired(signature);
    if (ranOut) expired += 1;
    const hop = probes.hopLimit(row);
    const isOwnFlow = probes.flow(row) === 0;
    if (isPlainArm(probes.arm(row))) {
      own.plainCount += 1;
      byPlain[index] = 1;
      if (!isOwnFlow) continue;
      if (hop < own.plainFrom) own.plainFrom = hop;
      if (row >= attemptStart && hop > routerAt && ranOut) routerAt = hop;
    } else {
      if (hop < own.treatedFrom) own.treatedFrom = hop;
      if (isOwnFlow && hop < own.treatedOwnFrom) own.treatedOwnFrom = hop;
    }
  }
  return { drawn, byPlain, routerAt, expired };
}

/** Who said so of packets without the option. */
export function addressesWithoutWay(state: TraceState): string[] {
  const { probes } = state;
  const addresses = new Set<string>();
  for (let row = 0; row < probes.count; row += 1) {
    const signature = signatureOf(state, row);
    if (signature !== undefined && isPlainArm(probes.arm(row)) && isNoWay(signature))
      addresses.add(signature.responder);
  }
  return [...addresses];
}

/**
 * Who takes connections in for the target hands on what it does not know, to a port that may be closed: a reset from no nearer
 * than what answers `plain` otherwise may be the target's own.
 */
function isOfClosedPort({ isReset, replyHopLimit }: ReplySignature, returns: ReadonlyMap<number, number>): boolean {
  return isReset && (replyHopLimit === null || returnDistance(replyHopLimit) >= Math.min(...returns.values()));
}

/** In the target's name, and neither an arrival nor a refusal. */
const ODD = [MEANING.other, MEANING.other] as const;

/** Where the arms met routers on the trace's own flow. */
interface Meetings {
  /** Both met a router there whose address names one place: not the target's, and met at no other hop limit. */
  isCommon(hop: number): boolean;
  /** At the last hop that answered both, they met others. */
  readonly differ: boolean;
}

function readMeetings(state: TraceState): Meetings {
  const { probes, attemptStart } = state;
  const plain = new Map<number, Set<string>>();
  const treated = new Map<number, Set<string>>();
  for (let row = attemptStart; row < probes.count; row += 1) {
    const signature = signatureOf(state, row);
    if (signature === undefined || probes.flow(row) !== 0 || !isExpired(signature)) continue;
    const met = isPlainArm(probes.arm(row)) ? plain : treated;
    const known = met.get(probes.hopLimit(row));
    if (known === undefined) met.set(probes.hopLimit(row), new Set([signature.responder]));
    else known.add(signature.responder);
  }
  const shared = (hop: number): string[] => {
    const other = treated.get(hop);
    return other === undefined ? [] : [...(plain.get(hop) ?? [])].filter((address) => other.has(address));
  };
  const isMetElsewhere = (address: string, hop: number): boolean =>
    [plain, treated].some((met) => [...met].some(([at, addresses]) => at !== hop && addresses.has(address)));
  const namesOnePlace = (address: string, hop: number): boolean =>
    address !== state.identity.targetText && isPlacesName(address, state) && !isMetElsewhere(address, hop);
  const isCommon = (hop: number): boolean => shared(hop).some((address) => namesOnePlace(address, hop));
  const both = [...plain.keys()].filter((hop) => treated.has(hop));
  const last = Math.max(0, ...both);
  return { isCommon, differ: last > 0 && shared(last).length === 0 };
}

/** METHOD: stripped, altered. The target has quoted the whole option as it was sent, of a packet that arrived: no refusal in its name. */
export function targetQuotesIntact(state: TraceState): boolean {
  const { identity, signatures, probes } = state;
  const isQuote = (one: ReplySignature | undefined): boolean =>
    one?.intactWhole === true && one.responder === identity.targetText && !isExpired(one);
  if (!signatures.some(isQuote)) return false;
  const meanings = meaningsOf(state);
  for (let row = 0; row < probes.count; row += 1) {
    if (isQuote(signatureOf(state, row)) && meanings.of(state, row) === MEANING.arrived) return true;
  }
  return false;
}
