/**
 * The examiner: which records are true of a network. It reads a record's claims and a network's truth, nothing of how
 * the record came about.
 */
import type { Outcome, PlaceRecord, TraceRecord } from '../../src/trace/record.js';
import { octetsOf } from './address-text.js';
import { addressKey, type Effect, type ProtocolTruth, type Truth } from './truth.js';

export interface Violation {
  readonly kind:
    | 'false-accusation'
    | 'false-interval'
    | 'false-delivery'
    | 'forged-hop'
    | 'misplaced-hop'
    | 'wrong-cause'
    | 'wrong-refusal'
    | 'inconsistent';
  readonly text: string;
}

const ACCUSING: readonly Outcome[] = ['dropped', 'rejected', 'stripped', 'altered', 'impaired'];

function keyOfText(text: string): string {
  const octets = octetsOf(text);
  return octets === null ? text : addressKey(octets);
}

export function truthFor(record: TraceRecord, truth: Truth): ProtocolTruth {
  return record.protocol === 'udp' ? truth.udp : truth.icmp6;
}

function list(effects: readonly Effect[]): string {
  if (effects.length === 0) return 'nothing happens to packets with the option';
  return `the truth is ${effects.map((effect) => `${effect.kind} at hop limit ${effect.hopLimit}`).join(', ')}`;
}

/** All that is false in `record`; empty when every claim is true. */
export function acceptable(record: TraceRecord, truth: Truth): Violation[] {
  const violations: Violation[] = [];
  const say = (kind: Violation['kind'], text: string): void => {
    violations.push({ kind, text: `${record.protocol} ${record.verdict.outcome}: ${text}` });
  };
  checkVerdict(record, truthFor(record, truth), say);
  checkHops(record, truth, say);
  return violations;
}

type Say = (kind: Violation['kind'], text: string) => void;

function checkVerdict(record: TraceRecord, truth: ProtocolTruth, say: Say): void {
  const { outcome, interval } = record.verdict;
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
    if (!effects.some((effect) => effect.hopLimit > interval.after && effect.hopLimit <= interval.upTo)) {
      say('false-interval', `says (${interval.after}, ${interval.upTo}], ${list(effects)}`);
    }
  };
  switch (outcome) {
    case 'dropped': {
      if (losing.length === 0) {
        say('false-accusation', list(truth.effects));
        break;
      }
      inInterval(losing);
      const bound = record.verdict.evidence.passRateUpper ?? 0;
      if (!truth.changing && truth.pdmArrives[1] > Math.max(bound, 1e-9)) {
        say(
          'false-accusation',
          `${share(truth.pdmArrives[1])} of packets with the option arrive, the record says at most ${share(bound)}`,
        );
      }
      if (interval === null) say('inconsistent', 'no interval');
      break;
    }
    case 'rejected': {
      const refusals = ofKind('reject');
      if (refusals.length === 0) {
        say('false-accusation', list(truth.effects));
        break;
      }
      inInterval(refusals);
      if (!truth.changing && truth.pdmArrives[1] > 0.5) say('false-accusation', `${share(truth.pdmArrives[1])} arrive`);
      checkRefusal(record, refusals, say);
      break;
    }
    case 'stripped':
    case 'altered': {
      const changes = ofKind(outcome === 'stripped' ? 'strip' : 'alter');
      if (changes.length === 0) {
        say('false-accusation', list(truth.effects));
        break;
      }
      inInterval(changes);
      break;
    }
    case 'impaired':
      if (losing.length === 0) {
        say('false-accusation', list(truth.effects));
        break;
      }
      inInterval(losing);
      if (!truth.changing && truth.pdmArrives[1] === 0 && !refusedByTarget(losing)) {
        say('false-accusation', 'no packet with the option arrives at all');
      }
      break;
    case 'delivered':
      if (truth.pdmArrives[1] === 0 && !refusedByTarget(losing))
        say('false-delivery', `no packet with the option arrives: ${list(losing)}`);
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

/** A host that refuses the option got the packet: both readings are true. */
function refusedByTarget(effects: readonly Effect[]): boolean {
  return effects.some((effect) => effect.kind === 'reject' && 'udp' in effect.node);
}

function checkConfidence(record: TraceRecord, truth: ProtocolTruth, say: Say): void {
  const { confidence, cause, outcome } = record.verdict;
  if (confidence !== null && confidence < record.parameters.confidence - 1e-12) {
    say('inconsistent', `accuses with confidence ${confidence}`);
  }
  if ((outcome === 'dropped' || outcome === 'rejected') && confidence === null)
    say('inconsistent', 'accuses without a confidence');
  if (cause !== null && truth.effects.length > 0 && !truth.effects.some((effect) => effect.cause === cause)) {
    say(
      'wrong-cause',
      `says ${cause}, but it is ${truth.effects.map((effect) => effect.cause ?? 'unknown').join(', ')}`,
    );
  }
}

function checkRefusal(record: TraceRecord, refusals: readonly Effect[], say: Say): void {
  const { refusal } = record.verdict;
  if (refusal === null) {
    say('inconsistent', 'no refusal');
    return;
  }
  const key = keyOfText(refusal.address);
  const fits = refusals.some(
    ({ action, node, place, hopLimit }) =>
      action.kind === 'reject' &&
      action.type === refusal.type &&
      action.code === refusal.code &&
      node.addresses.some((address) => addressKey(address) === key) &&
      (refusal.hop === null || refusal.hop === place || refusal.hop >= hopLimit),
  );
  if (!fits) say('wrong-refusal', `says ${JSON.stringify(refusal)}, ${list(refusals)}`);
}

function checkHops(record: TraceRecord, truth: Truth, say: Say): void {
  for (const hop of record.hops) checkPlace(hop, hop.hop, truth, say);
  if (record.targetPairs !== null) checkPlace(record.targetPairs, null, truth, say);
  const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
  for (const named of [lastPdmHop, lastPlainHop, nextHop, ...(nextHop?.candidates ?? [])]) {
    if (named === null || named.address === null) continue;
    const key = keyOfText(named.address);
    if (key !== truth.targetKey && !truth.places.has(key))
      say('forged-hop', `${named.address} in the summary is nobody's`);
  }
}

function checkPlace(place: PlaceRecord, hop: number | null, truth: Truth, say: Say): void {
  for (const [arm, { responders }] of Object.entries(place.arms)) {
    for (const responder of responders) {
      const key = keyOfText(responder.address);
      const where = hop === null ? 'the target pairs' : `hop ${hop}`;
      const places = truth.places.get(key);
      if (key !== truth.targetKey && places === undefined) {
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
