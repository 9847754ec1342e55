/**
 * The examiner: which records are true of a network. It reads a record's claims and a network's truth, nothing of how
 * the record came about. False is
 *
 * 1. a claim of loss, refusal or change where the option fares no worse than plain (`bypassed`: no better), and of a kind of
 *    change that happens nowhere. In front of a proxy that answers for the target options may be lost as well: they fare
 *    worse if they would without the proxy. A change that two routers or more show, where the target quotes nothing, may be
 *    said of the quotes if no network is named;
 * 2. `delivered` where the option fares worse by 40 points or more;
 * 3. `dropped` where a greater part of the packets with the option arrives than the record grants (`passRateUpper`); where
 *    answers to those that arrive are lost on the way back, nobody can tell when a loss on the way there began: the part that
 *    arrives at the end counts;
 * 4. a hop, an interval, a refuser or a network that the truth excludes.
 *
 * How packets fare is a matter of what reaches the target host's stack, over fresh flows and the time of the trace
 * (`compareFates`): answers lost on the way back are no loss. A place of loss is the smallest hop limit that meets it: a
 * forward filter on hop k loses packets with hop limits from k + 1 on, so that an interval (after, upTo] holds it where
 * after <= k < upTo; an ingress filter on hop k, and the host at distance k, where after < k <= upTo. Of several places one
 * has to be inside. An interval that ends at the target's distance ends at the target: on a longer way for options, which
 * nobody reports, it is farther.
 */
import { distanceOf } from '../../src/annotate/path-places.js';
import type { Attribution, PlaceRecord, TraceRecord } from '../../src/record/record.js';
import { octetsOf } from './address-text.js';
import { FORGER } from './adversary.js';
import { addressKey, type Effect, type Fates, type ProtocolTruth, type TimeWindow, type Truth } from './truth.js';
import type { Router } from './network.js';
import { EPOCH_MS } from './virtual-time.js';

export interface Violation {
  readonly kind:
    | 'false-accusation'
    | 'false-interval'
    | 'false-delivery'
    | 'false-network'
    | 'false-name'
    | 'forged-hop'
    | 'misplaced-hop'
    | 'wrong-cause'
    | 'wrong-refusal'
    | 'inconsistent';
  readonly text: string;
}

const ACCUSING: readonly string[] = ['dropped', 'rejected', 'stripped', 'altered', 'impaired', 'bypassed'];
/** By how much more plain must arrive for `delivered` to be false. */
const WORSE_BY = 0.4;
const SLACK = 1e-9;

function keyOfText(text: string): string {
  const octets = octetsOf(text);
  return octets === null ? text : addressKey(octets);
}

export function truthFor(record: TraceRecord, truth: Truth): ProtocolTruth {
  return truth[record.protocol];
}

function list(effects: readonly Effect[]): string {
  if (effects.length === 0) return 'nothing happens to packets with the option';
  return `the truth is ${effects.map((effect) => `${effect.kind} at hop limit ${effect.hopLimit}`).join(', ')}`;
}

/** All that is false in `record`; empty when every claim is true. */
export function acceptable(record: TraceRecord, truth: Truth, seenUpTo = Number.POSITIVE_INFINITY): Violation[] {
  const violations = judge(record, truth);
  const { atProxy } = truth;
  // Nobody saw a router behind the proxy: for all that can be known it is the target.
  if (violations.length === 0 || atProxy === null || seenUpTo > atProxy.place) return violations;
  return judge(record, atProxy.truth);
}

/** The farthest hop at which a router answered packets without the option, in any of a target's records. */
export function routersSeenUpTo(records: readonly TraceRecord[]): number {
  const seen = records.flatMap(({ hops, target }) =>
    hops
      .filter(({ arms }) =>
        arms.plain.responders.some(
          ({ icmp, address }) => address !== target.address && icmp.some(({ type, code }) => type === 3 && code === 0),
        ),
      )
      .map(({ hop }) => hop),
  );
  return Math.max(0, ...seen);
}

function judge(record: TraceRecord, truth: Truth): Violation[] {
  const violations: Violation[] = [];
  const say = (kind: Violation['kind'], text: string): void => {
    violations.push({ kind, text: `${record.protocol} ${record.verdict.outcome}: ${text}` });
  };
  const own = truthFor(record, truth);
  checkVerdict(record, own, fatesFor(record, truth), truth, say);
  checkNetwork(record, own, say);
  checkHops(record, truth, say);
  checkRivals(record, truth, say);
  return violations;
}

/** The time of a trace on the simulated clock; ten seconds from its beginning for a record from elsewhere. */
function windowOf(record: TraceRecord): TimeWindow {
  const nsOf = (text: string): number => (Date.parse(text) - EPOCH_MS) * 1e6;
  const window = { fromNs: nsOf(record.startedAt), untilNs: nsOf(record.endedAt) };
  return window.fromNs >= 0 && window.untilNs >= window.fromNs ? window : { fromNs: 0, untilNs: 10e9 };
}

/** How packets fared while this trace ran, or at its end. */
export function fatesFor(record: TraceRecord, truth: Truth, atTheEnd = false): Fates {
  const { fromNs, untilNs } = windowOf(record);
  const window = { fromNs: atTheEnd ? untilNs : fromNs, untilNs };
  return truth.fates(record.protocol, window);
}

type Say = (kind: Violation['kind'], text: string) => void;

function isPoliced({ node }: Effect): boolean {
  return node.rules.some(({ limit }) => limit !== undefined);
}

function checkVerdict(record: TraceRecord, truth: ProtocolTruth, fates: Fates, whole: Truth, say: Say): void {
  const { interval } = record.verdict;
  const outcome: string = record.verdict.outcome;
  const losingWhole = truth.effects.some(
    ({ kind, node }) => (kind === 'drop' || kind === 'reject') && !('udp' in node),
  );
  // Where nothing at all gets through to the target's stack (its own filter, a proxy before a dead one), the option still
  // fares worse on the way there if something before that takes it alone.
  const isClosedToAll = fates.plain <= SLACK && fates.pdm <= SLACK && losingWhole;
  const faresWorse = fates.pdm < fates.plain - SLACK || fates.direct.pdm < fates.direct.plain - SLACK || isClosedToAll;
  const rates = `${share(fates.pdm)} of packets with and ${share(fates.plain)} of those without the option arrive`;
  const ofKind = (...kinds: Effect['kind'][]): Effect[] =>
    truth.effects.filter((effect) => kinds.includes(effect.kind));
  const losing = ofKind('drop', 'reject');
  if (interval !== null) {
    const { after, upTo, likelyUpTo } = interval;
    if (!(after >= 0 && after < upTo && upTo <= 64 && likelyUpTo > after && likelyUpTo <= upTo)) {
      say('inconsistent', `interval (${after}, ${upTo}], likely up to ${likelyUpTo}`);
    }
  }
  const inInterval = (effects: readonly Effect[]): void => {
    if (interval === null || effects.length === 0) return;
    const endsAtTarget = interval.upTo === distanceOf(record) && interval.upTo === truth.plainDistance;
    const upTo = endsAtTarget ? Infinity : interval.upTo;
    if (!effects.some(({ hopLimit }) => hopLimit > interval.after && hopLimit <= upTo)) {
      say('false-interval', `says (${interval.after}, ${interval.upTo}], ${list(effects)}`);
    }
  };
  switch (outcome) {
    case 'dropped': {
      if (losing.length === 0 || !faresWorse) {
        say('false-accusation', `${list(truth.effects)}; ${rates}`);
        break;
      }
      inInterval(losing);
      const bound = Math.max(record.verdict.evidence.passRateUpper ?? 0, SLACK);
      const isTrueByNow = whole.hidesArrivals && fatesFor(record, whole, true).pdm <= bound;
      if (fates.pdm > bound && !isTrueByNow) {
        say('false-accusation', `${rates}, the record says at most ${share(bound)}`);
      }
      if (interval === null) say('inconsistent', 'no interval');
      break;
    }
    case 'rejected': {
      const refusals = ofKind('reject');
      if (refusals.length === 0 || !faresWorse) {
        say('false-accusation', `${list(truth.effects)}; ${rates}`);
        break;
      }
      inInterval(refusals);
      if (!truth.changing && truth.pdmArrives[1] > 0.5) say('false-accusation', rates);
      checkRefusal(record, refusals, whole, say);
      break;
    }
    case 'stripped':
    case 'altered': {
      const changes = ofKind(outcome === 'stripped' ? 'strip' : 'alter');
      if (changes.length === 0) {
        if (whole.scrubbers > 1 && !targetQuotes(record) && namesNobody(record)) break;
        say('false-accusation', list(truth.effects));
        break;
      }
      inInterval(changes);
      break;
    }
    case 'impaired':
      if (losing.length === 0 || !faresWorse) {
        say('false-accusation', `${list(truth.effects)}; ${rates}`);
        break;
      }
      inInterval(losing);
      // What a policer let by is counted of the target's pairs alone; others may have got there too.
      if (!truth.changing && truth.pdmArrives[1] === 0 && !refusedByTarget(losing) && !losing.some(isPoliced)) {
        say('false-accusation', 'no packet with the option arrives at all');
      }
      break;
    case 'bypassed':
      if (fates.pdm <= fates.plain + SLACK) say('false-accusation', rates);
      break;
    case 'delivered':
      // A loss that begins or ends while the trace runs is no more than what was seen of it.
      if (!truth.changing && fates.plain - fates.pdm >= WORSE_BY - SLACK && !refusedByTarget(losing))
        say('false-delivery', `${rates}: ${list(losing)}`);
      if (record.verdict.optionSeenUpTo === 'target' && truth.optionArrives[1] === 0 && truth.pdmArrives[1] > 0) {
        say('false-delivery', 'the option is said to be seen at the target, where it never comes');
      }
      break;
    case 'no-difference':
    case 'inconclusive':
    case 'unreachable':
    case 'not-measured':
      if (interval !== null) say('inconsistent', 'an interval without an accusation');
      break;
  }
  if (ACCUSING.includes(outcome)) checkConfidence(record, truth, say);
}

/** Whether the target showed the option as it arrived. */
function targetQuotes(record: TraceRecord): boolean {
  const places = record.targetPairs === null ? record.hops : [...record.hops, record.targetPairs];
  return places.some(({ arms }) =>
    arms.pdm.responders.some(
      ({ address, quotes, icmp }) =>
        address === record.target.address &&
        // Time Exceeded is a router's, whatever its address.
        !(icmp.length > 0 && icmp.every(({ type }) => type === 3)) &&
        quotes.some(({ intact }) => intact === true),
    ),
  );
}

function namesNobody({ summary }: TraceRecord): boolean {
  return summary.attribution === null || namedIn(summary.attribution).length === 0;
}

function namedIn({ best, worst, candidates }: Attribution): number[] {
  const all = (candidates as readonly number[] | null) ?? [];
  return [...new Set([...all, best, worst].filter((asn) => asn !== null))];
}

/** A host that refuses the option got the packet: both readings are true. */
function refusedByTarget(effects: readonly Effect[]): boolean {
  return effects.some((effect) => effect.kind === 'reject' && 'udp' in effect.node);
}

function checkConfidence(record: TraceRecord, truth: ProtocolTruth, say: Say): void {
  const { confidence, cause, outcome } = record.verdict;
  if (confidence !== null && confidence < record.parameters.confidence - 1e-12) {
    say('inconsistent', `accuses with confidence ${confidence}`);
  }
  // Refusals that point at the header, or speak of the chain, need no count.
  const isPointed =
    record.verdict.refusal !== null && (record.verdict.refusal.type === 4 || record.verdict.refusal.code === 8);
  if ((outcome === 'dropped' || (outcome === 'rejected' && !isPointed)) && confidence === null)
    say('inconsistent', 'accuses without a confidence');
  const shunned: Effect['cause'][] = truth.isShunned ? ['destination-options'] : [];
  const causes = [truth.armsCause, ...truth.effects.map((effect) => effect.cause), ...shunned];
  if (cause !== null && truth.effects.length > 0 && !causes.includes(cause)) {
    say('wrong-cause', `says ${cause}, but it is ${causes.map((one) => one ?? 'unknown').join(', ')}`);
  }
}

function checkRefusal(record: TraceRecord, refusals: readonly Effect[], truth: Truth, say: Say): void {
  const { refusal } = record.verdict;
  if (refusal === null) {
    say('inconsistent', 'no refusal');
    return;
  }
  const key = keyOfText(refusal.address);
  // Where its address answers: a router that forwards what has expired shows one hop nearer.
  const isAt = (hop: number): boolean => truth.places.get(key)?.has(hop) === true;
  const fits = refusals.some(
    ({ action, node, place, hopLimit }) =>
      action.kind === 'reject' &&
      action.type === refusal.type &&
      action.code === refusal.code &&
      refusersOf(action, node, truth).includes(key) &&
      (refusal.hop === null || isAt(refusal.hop) || refusal.hop === place || refusal.hop >= hopLimit),
  );
  if (!fits) say('wrong-refusal', `says ${JSON.stringify(refusal)}, ${list(refusals)}`);
}

/** Whom a refusal may come from: the node by any of its names, or the target where it is in the target's name. */
function refusersOf(action: Effect['action'], node: Effect['node'], truth: Truth): string[] {
  if (action.kind === 'reject' && action.inTargetsName === true) return [truth.targetKey];
  if ('udp' in node) return [...truth.endKeys];
  return [...node.addresses, ...(node.optionAddresses ?? [])].map(addressKey);
}

/** What a later version of the record may say besides: which hops were silent, and that somebody unknown may be meant. */
interface WiderAttribution {
  readonly silent?: unknown;
  readonly unknown?: unknown;
}

/** Hops in a list of stretches, however they are written: `[4, 6]`, `{ from: 4, to: 6 }`, or one of them alone. */
function stretches(value: unknown): (readonly [number, number])[] {
  if (Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'number'))
    return [[value[0] as number, value[1] as number]];
  if (Array.isArray(value)) return value.flatMap(stretches);
  if (typeof value === 'number') return [[value, value]];
  if (typeof value !== 'object' || value === null) return [];
  const numbers = Object.values(value).filter((part) => typeof part === 'number');
  return numbers.length === 0 ? [] : [[Math.min(...numbers), Math.max(...numbers)]];
}

/** The networks that a record names must be those among which the packets are lost, refused or changed. */
function checkNetwork(record: TraceRecord, truth: ProtocolTruth, say: Say): void {
  const { attribution } = record.summary;
  if (attribution === null || truth.effects.length === 0) return;
  const wider: WiderAttribution = attribution;
  const named = namedIn(attribution);
  if (named.length === 0 || (wider.unknown !== undefined && wider.unknown !== false && wider.unknown !== null)) return;
  const silent = stretches(wider.silent);
  const meant = truth.effects.some(
    ({ node, place }) =>
      named.includes(node.asn) ||
      silent.some(([from, to]) => place >= from && place <= to) ||
      (named.length > 1 && isNamedByNoAddress(node, record)),
  );
  if (!meant) {
    const true_ = [...new Set(truth.effects.map(({ node, place }) => `AS${node.asn} at hop ${place}`))];
    say('false-network', `names ${named.map((asn) => `AS${asn}`).join(', ')}, it is ${true_.join(' or ')}`);
  }
}

/** METHOD: Networks. The words say that such a network would not be seen between those that are named. */
function isNamedByNoAddress(node: Effect['node'], { hops }: TraceRecord): boolean {
  const isBorders = 'addressAsn' in node && typeof node.addressAsn === 'number';
  // A member that is dead answers nobody: the one beside it may be numbered by the neighbour.
  const isDead =
    'rules' in node && node.rules.some(({ match, action }) => match.kind === 'everything' && action.kind === 'drop');
  if (!isBorders && !isDead) return false;
  const answering = hops.flatMap(({ arms }) => Object.values(arms).flatMap(({ responders }) => responders));
  return answering.every(({ asn }) => asn !== node.asn);
}

/** It need not have answered where who stands in front of it did. */
function isSeldomHeard({ silent, bucket, reportsUntilNs }: Router): boolean {
  return silent || bucket !== null || reportsUntilNs !== undefined;
}

/** Who answers in front of a router is not to be the only one that is named, when the router's own answers came too. */
function checkRivals(record: TraceRecord, truth: Truth, say: Say): void {
  if (truth.rivals.size === 0) return;
  const { lastPdmHop, nextHop } = record.summary;
  if (!ACCUSING.includes(record.verdict.outcome)) return;
  for (const named of [lastPdmHop, nextHop]) {
    if (named === null || named.address === null) continue;
    const behind = truth.rivals.get(keyOfText(named.address));
    if (behind === undefined || behind.some(isSeldomHeard)) continue;
    const others = named === nextHop ? nextHop.candidates.map(({ address }) => address) : [];
    const uncertain = named.uncertain === true;
    const real = behind.flatMap(({ addresses, optionAddresses }) => [...addresses, ...(optionAddresses ?? [])]);
    const keys = real.map(addressKey);
    if (!uncertain && !others.some((address) => address !== null && keys.includes(keyOfText(address))))
      say('false-name', `${named.address} at hop ${named.hop} is somebody who answers in front of a router`);
  }
}

function checkHops(record: TraceRecord, truth: Truth, say: Say): void {
  for (const hop of record.hops) checkPlace(hop, hop.hop, truth, say);
  if (record.targetPairs !== null) checkPlace(record.targetPairs, null, truth, say);
  const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
  const others = (nextHop?.candidates ?? []).map(({ address }) => ({ hop: nextHop!.hop, address }));
  for (const named of [lastPdmHop, lastPlainHop, nextHop, ...others]) {
    if (named === null || named.address === null) continue;
    const key = keyOfText(named.address);
    const places = truth.places.get(key);
    if (truth.endKeys.has(key)) continue;
    // As in the hops: who knows the label quotes as well as a router.
    if (truth.knowingForger && key === addressKey(FORGER)) continue;
    if (places === undefined) say('forged-hop', `${named.address} in the summary is nobody's`);
    else if (!places.has(named.hop))
      say(
        'misplaced-hop',
        `${named.address} in the summary is at hop ${named.hop}, but belongs at ${[...places].join(' or ')}`,
      );
  }
}

function checkPlace(place: PlaceRecord, hop: number | null, truth: Truth, say: Say): void {
  for (const [arm, { responders }] of Object.entries(place.arms)) {
    for (const responder of responders) {
      const key = keyOfText(responder.address);
      const where = hop === null ? 'the target pairs' : `hop ${hop}`;
      const places = truth.places.get(key);
      // Who knows label and ports writes quotes that are as good as those of a router that quotes little.
      if (truth.knowingForger && key === addressKey(FORGER)) continue;
      if (!truth.endKeys.has(key) && places === undefined) {
        say('forged-hop', `${responder.address} at ${where} (${arm}) is nobody's`);
      } else if (places !== undefined && hop !== null && !places.has(hop)) {
        const expired = responder.icmp.some(({ type }) => type === 3);
        if (expired)
          say('misplaced-hop', `${responder.address} at ${where} (${arm}) belongs at ${[...places].join(' or ')}`);
      }
    }
  }
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
