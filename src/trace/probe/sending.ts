/** Pairs on their way out: from a wish to two rows of probes, and what becomes of them until they have left. */
import { encodePdmTimeNs } from '../../wire/pdm.js';
import type { PdmTime } from '../../wire/pdm-time.js';
import { PLACEBO_EVERY, REFUSED_SENDS } from '../numbers.js';
import { ARM_CODE, PURPOSE, TARGET_HOP_LIMIT, witnessOf } from '../state/trace-state.js';
import type { Flow, Purpose, TraceState } from '../state/trace-state.js';
import type { PairWish } from '../wish.js';

/** Gives both rows of a new pair, in the order in which they must go out. */
export function addPair(
  state: TraceState,
  wish: PairWish,
  freshFlow: () => Flow,
  nowNs: number,
): readonly [number, number] {
  let flowIndex: number;
  if (wish.flow === 'fresh') {
    flowIndex = state.flows.length;
    state.flows.push(freshFlow());
  } else {
    flowIndex = wish.flow;
  }
  const flow = state.flows[flowIndex];
  if (flow === undefined) throw new RangeError(`flow ${flowIndex} does not exist`);
  const [one, other] = armsOf(state, wish);
  const coin = state.order.coin();
  const oneFirst = (wish.leading ?? null) === null ? coin : wish.leading === 'plain';
  const first = addProbe(state, oneFirst ? one : other, wish, flow, flowIndex, nowNs);
  const second = addProbe(state, oneFirst ? other : one, wish, flow, flowIndex, nowNs);
  chargePace(state, wish, one === other, nowNs);
  return [first, second];
}

/** The kind of pair is drawn when it is made, so that no wait before it depends on it (METHOD: Pairs, Rhythm). */
function armsOf(state: TraceState, { purpose, treatment, withoutPlacebos }: PairWish): readonly [number, number] {
  const of = withoutPlacebos === true ? null : placeboBlockOf(purpose);
  if (of !== null) {
    const placebo = of === 'target' ? state.placeboArm : state.witnessPlaceboArm[of];
    if (placebo !== null && isPlaceboNext(state, of)) return [ARM_CODE[placebo], ARM_CODE[placebo]];
  }
  return [ARM_CODE.plain, ARM_CODE[treatment]];
}

function placeboBlockOf(purpose: Purpose): keyof TraceState['blocks'] | null {
  return purpose === PURPOSE.target ? 'target' : witnessOf(purpose);
}

/** One in each block, at a place that is drawn: as many as are needed come no later for bad luck. */
function isPlaceboNext({ blocks, order }: TraceState, of: keyof TraceState['blocks']): boolean {
  const block = blocks[of];
  if (block.left === 0) {
    block.left = PLACEBO_EVERY;
    block.placeboAt = order.below(PLACEBO_EVERY);
  }
  block.left -= 1;
  return block.left === block.placeboAt;
}

/** Answers that the pair is likely to draw from the target, charged when it leaves. */
function chargePace(
  state: TraceState,
  { purpose, hopLimit, treatment, reachesTarget, isSpare }: PairWish,
  isPlacebo: boolean,
  nowNs: number,
): void {
  if (hopLimit !== TARGET_HOP_LIMIT && reachesTarget !== true) return;
  if (witnessOf(purpose) !== null || purpose === PURPOSE.reference) return;
  if (purpose === PURPOSE.pace) {
    state.pace.test();
    return;
  }
  if (isSpare === true) {
    state.pace.spendAlone(nowNs);
    return;
  }
  const isLost = state.expectsLoss && !isPlacebo && treatment !== 'long' && treatment !== 'plain';
  state.pace.spend(isLost ? 1 : 2, nowNs);
}

function addProbe(
  state: TraceState,
  arm: number,
  wish: PairWish,
  flow: Flow,
  flowIndex: number,
  nowNs: number,
): number {
  const isPdm = arm === ARM_CODE.pdm;
  const row = state.probes.add(arm, wish.hopLimit, flowIndex, wish.purpose, isPdm ? flow.psnNext : 0, nowNs);
  if (isPdm) {
    flow.psnNext = (flow.psnNext + 1) & 0xffff;
    fillPdm(state, row, flow, nowNs);
  }
  return row;
}

/** PSNLR and deltas as of now, once something with PDM has come back on this 5-tuple. */
function fillPdm(state: TraceState, row: number, flow: Flow, nowNs: number): void {
  if (flow.lastReceived === null) return;
  const { psn, atNs, sentBefore } = flow.lastReceived;
  // RFC 8250 §3.2.1: since the last packet came, and from our own one before it until it came.
  const sinceReceived = encodeSpan(nowNs - atNs);
  const sinceSent = encodeSpan(sentBefore === null ? 0 : atNs - state.probes.sentAtNs(sentBefore));
  state.pdmSent ??= new Map();
  state.pdmSent.set(row, {
    scaleDtlr: sinceReceived.scale,
    scaleDtls: sinceSent.scale,
    psnThisPacket: state.probes.psn(row),
    psnLastReceived: psn,
    deltaTimeLastReceived: sinceReceived.delta,
    deltaTimeLastSent: sinceSent.delta,
  });
}

/** Clocks of transports may count in fractions of a nanosecond, and may step back. */
function encodeSpan(ns: number): PdmTime {
  return encodePdmTimeNs(Math.max(0, Math.round(ns)));
}

/** The second probe of a pair leaves later than the first: its option tells the time of its own sending. */
export function refreshPdm(state: TraceState, row: number, nowNs: number): void {
  const flow = state.flows[state.probes.flow(row)];
  if (flow !== undefined && state.probes.arm(row) === ARM_CODE.pdm) fillPdm(state, row, flow, nowNs);
}

/** The second packet of a pair whose first was not answered soon: what it draws is charged now. */
export function chargeSpare(state: TraceState, row: number, nowNs: number): void {
  if (state.probes.hopLimit(row) === TARGET_HOP_LIMIT) state.pace.spendAlone(nowNs);
}

/** The second packet of a pair is not needed: it never leaves, and the pair counts for nothing. */
export function withdraw(state: TraceState, row: number): void {
  state.probes.markFailed(row);
}

/** The transport has it: replies may come from now on. */
export function markHandedOver(state: TraceState, row: number, nowNs: number): void {
  state.probes.markHandedOver(row, nowNs);
  state.counters.sent += 1;
}

/** It left, at this time on the engine's clock. */
export function markSent(state: TraceState, row: number, atNs: number): void {
  const handedOverNs = state.probes.sentAtNs(row);
  state.probes.correctSendTime(row, atNs);
  if (state.probes.hopLimit(row) === TARGET_HOP_LIMIT) state.pace.noteSent(handedOverNs, atNs);
}

/**
 * The transport could not send it: the pair is void (METHOD: Pairs). `code` is the system's; `EPERM` and `EACCES` are taken
 * for a filter on this host. Where nothing can be sent, or one kind of packet cannot, `state.sendError` is set, which ends
 * the trace.
 */
export function markFailed(state: TraceState, row: number, code: string, message: string): void {
  state.probes.markFailed(row);
  state.counters.sendErrors += 1;
  state.counters.sent -= 1;
  const isOption = hasExtension(state.probes.arm(row));
  const refused = state.sendRefusals;
  if (isOption) refused.option += 1;
  else refused.plain += 1;
  // A path on which nothing at all can be sent is not worth waiting for, nor one on which no option can.
  const isOwnFilter = code === 'EPERM' || code === 'EACCES';
  if (state.counters.sent === 0 && refused.plain + refused.option >= 2 * REFUSED_SENDS) {
    state.sendError = { arm: 'all', code, message };
  } else if (isOwnFilter && refused.option >= REFUSED_SENDS && !hasSent(state, true)) {
    state.sendError = { arm: state.counters.sent === 0 ? 'all' : 'option', code, message };
  } else if (isOwnFilter && refused.plain >= REFUSED_SENDS && state.counters.sent > 0 && !hasSent(state, false)) {
    state.sendError = { arm: 'plain', code, message };
  }
}

function hasExtension(arm: number): boolean {
  return arm !== ARM_CODE.plain && arm !== ARM_CODE.long;
}

/** A packet with an option, or one without, has left, or may still leave. */
function hasSent({ probes }: TraceState, withOption: boolean): boolean {
  for (let row = 0; row < probes.count; row += 1) {
    if (hasExtension(probes.arm(row)) === withOption && probes.isSent(row) && !probes.isFailed(row)) return true;
  }
  return false;
}
