/** A record held against the truth of its description: the same demands in the kernel's lab and in the simulator. */
import { expect } from 'vitest';
import {
  ACCUSATIONS,
  OUTCOMES,
  OUTCOME_EXIT_CODES,
  type HopRecord,
  type TraceRecord,
} from '../../src/record/record.js';
import type { Description, LayoutNode } from './description-types.js';
import { readWay } from '../../src/report/faults/record-stop.js';
import { faultLines } from '../../src/report/faults/shared-fault-words.js';
import { SharedFaultTally } from '../../src/report/faults/shared-faults.js';
import { layOut, targetNetworks } from './layout.mjs';

const ACCUSES_LOSS: readonly string[] = ['dropped', 'rejected'];
const NAMES_SOMEBODY: readonly string[] = ['dropped', 'rejected', 'stripped', 'altered'];

/** Addresses that may answer with hop limit k, members and detour included. */
function hopAddresses(nodes: readonly LayoutNode[], hop: number): string[] {
  return nodes.filter((node) => node.hop === hop && node.role !== 'source').map(({ address }) => address);
}

/** … of which the first is the chain's own. */
function hopAddress(nodes: readonly LayoutNode[], hop: number): string {
  return hopAddresses(nodes, hop)[0]!;
}

/** Addresses that answered 3/0 about packets with this hop limit, of both arms. */
function hopReporters({ arms }: HopRecord): string[] {
  return [...arms.plain.responders, ...arms.pdm.responders]
    .filter(({ icmp }) => icmp.some(({ type, code }) => type === 3 && code === 0))
    .map(({ address }) => address);
}

function checkHops(record: TraceRecord, { detour }: Description, nodes: readonly LayoutNode[]): void {
  for (const hop of record.hops) {
    // Behind a detour the same router stands at different hop limits, depending on the packet.
    const allowed =
      detour && hop.hop > detour.leaves ? nodes.map(({ address }) => address) : hopAddresses(nodes, hop.hop);
    for (const address of hopReporters(hop)) expect(allowed).toContain(address);
  }
}

/**
 * Packets are lost by chance, with and without the option alike. All three at a hop may be: n is then lower than it could be, never
 * higher.
 */
export function isLossy({ everyRouter, hops }: Description): boolean {
  return [everyRouter, ...Object.values(hops)].some(({ filters }) =>
    filters?.some(({ match, percent }) => match === 'everything' && percent !== undefined),
  );
}

function isLimited({ everyRouter }: Description): boolean {
  return everyRouter.icmp?.rateLimitMs !== undefined || everyRouter.icmp?.messagesPerSecond !== undefined;
}

/** The last hop that answered packets with the option; 0 where none did. */
function lastPdmHopOf({ summary }: TraceRecord): number {
  return summary.lastPdmHop?.hop ?? 0;
}

/**
 * That n is nearer than it could be is chance there. Of routers that answer once a second, one may answer about no packet with the
 * option: once in some hundred traces n does not.
 */
function isNearerByChance(record: TraceRecord, description: Description): boolean {
  if (isLossy(description)) return true;
  return isLimited(description) && lastPdmHopOf(record) < description.truth.lastPdmHop!;
}

/** What is said about the place of a drop: true, and as exact as the network allows. */
function checkPlace(record: TraceRecord, description: Description, nodes: readonly LayoutNode[]): void {
  const { truth, detour } = description;
  const { interval } = record.verdict;
  expect(interval).not.toBeNull();
  expect(interval!.after).toBeLessThan(truth.lostFrom!);
  expect(interval!.upTo).toBeGreaterThanOrEqual(truth.lostFrom!);
  if (truth.after !== null) expect(truth.after).toContain(interval!.after);
  if (truth.upTo !== null) expect(interval!.upTo).toBe(truth.upTo);
  if (truth.likelyUpTo !== null) expect(interval!.likelyUpTo).toBe(truth.likelyUpTo);
  if (truth.lastPdmHop === null) return;
  expect(lastPdmHopOf(record)).toBeLessThanOrEqual(truth.lastPdmHop);
  if (isNearerByChance(record, description)) return;
  if (truth.lastPdmHop === 0) expect(record.summary.lastPdmHop).toBeNull();
  else {
    expect(record.summary.lastPdmHop?.hop).toBe(truth.lastPdmHop);
    expect(hopAddresses(nodes, truth.lastPdmHop)).toContain(record.summary.lastPdmHop?.address);
  }
  expect(record.summary.nextHop?.hop).toBe(interval!.after + 1);
  // Where hops answer seldom, five answers may have come from nearer ones alone.
  if (isLimited(description) && interval!.after < truth.lastPdmHop) return;
  expect(interval!.after).toBe(truth.lastPdmHop);
  const silent = description.hops[truth.lastPdmHop + 1]?.silent === 'all';
  expect(record.summary.nextHop?.address).toBe(silent ? null : hopAddress(nodes, truth.lastPdmHop + 1));
  expect(record.summary.nextHop?.uncertain).toBe(detour !== null);
  if (truth.membership !== null) expect(record.summary.inDestinationNetwork).toBe(truth.membership);
}

function protocolOf({ protocol }: TraceRecord): 'udp' | 'icmp6' {
  return protocol as 'udp' | 'icmp6';
}

function checkOutcome(record: TraceRecord, { truth }: Description, seesHopLimits: boolean): void {
  const { outcome, reasons, evidence } = record.verdict;
  const protocol = protocolOf(record);
  const right = seesHopLimits ? truth.outcomes : truth.withoutHopLimits;
  expect(right[protocol], `${protocol}: ${outcome}: ${reasons.join(' ')}`).toContain(outcome);
  if (outcome === 'dropped' && truth.passPercent !== null)
    expect(evidence.passRateUpper).toBeGreaterThanOrEqual(truth.passPercent / 100);
  if (truth.says !== null) expect(reasons.join(' ')).toMatch(new RegExp(truth.says, 'i'));
}

/** With which code a trace ends that has these records. */
export function exitCodeOf(records: readonly TraceRecord[]): number {
  const first = OUTCOMES.find((outcome) => records.some(({ verdict }) => verdict.outcome === outcome));
  return OUTCOME_EXIT_CODES[first!];
}

/** All that the truth says of this network, the record must say. `seesHopLimits` is a matter of its transport. */
export function checkRecord(record: TraceRecord, description: Description, seesHopLimits = true): void {
  const { truth } = description;
  const { outcome, optionSeenUpTo, evidence } = record.verdict;
  const { nodes } = layOut(description);
  const protocol = protocolOf(record);
  checkOutcome(record, description, seesHopLimits);
  checkHops(record, description, nodes);
  if (outcome === 'dropped') checkPlace(record, description, nodes);
  if (outcome !== 'inconclusive') expect(record.verdict.settledBy ?? null).toBeNull();
  if (outcome === 'rejected') {
    expect(record.verdict.refusal).toMatchObject({
      ...truth.refusal!,
      address: hopAddress(nodes, truth.refusal!.hop),
    });
  }
  if (outcome === 'delivered' && truth.lastPdmHop !== null && !isNearerByChance(record, description))
    expect(record.summary.lastPdmHop?.hop).toBe(truth.lastPdmHop);
  if (truth.pathsDiverge !== null) expect(record.verdict.pathsDiverge).toBe(truth.pathsDiverge);
  if (truth.optionSeenUpTo[protocol] !== null) expect(optionSeenUpTo).toBe(truth.optionSeenUpTo[protocol]);
  const tellsWayBack = truth.returnPath[protocol] !== null && (seesHopLimits || ACCUSES_LOSS.includes(outcome));
  if (tellsWayBack) expect(evidence.returnPath).toBe(truth.returnPath[protocol]);
  // Where answers are scarce the evidence for a cause may be short; anywhere else it must be named.
  const mayLackCause = isLossy(description) || outcome === 'impaired' || evidence.basis === 'routers';
  if (record.verdict.cause !== null || (ACCUSES_LOSS.includes(outcome) && !mayLackCause)) {
    expect(record.verdict.cause).toBe(truth.cause);
  }
  // Stripped and altered packets are seen, not inferred: there is no p-value behind them.
  if (outcome === 'dropped' || outcome === 'impaired') expect(record.verdict.confidence).not.toBeNull();
  if (record.verdict.confidence !== null && ACCUSATIONS.includes(outcome)) {
    expect(record.verdict.confidence).toBeGreaterThanOrEqual(0.999);
  }
}

/** Whatever the outcome is, the hops show where the option is lost: none before loses more of it than of plain packets. */
function checkWhereHopsLose({ hops }: TraceRecord, { truth, hops: described }: Description): void {
  const losing = hops.filter(
    // What quotes too little answers no probe that is known.
    ({ hop, pairs }) => pairs.plainOnly > pairs.pdmOnly && described[hop]?.quotes?.octets === undefined,
  );
  expect(Math.min(...losing.map(({ hop }) => hop)), 'the first hop that loses the option').toBe(truth.lostFrom);
}

/** Quotes show the header that somebody puts in front of ours from there on, and not before. */
function checkInserted({ hops }: TraceRecord, { inserted }: Description['truth']): void {
  const shown = hops.flatMap(({ hop, arms }) =>
    [arms.plain, arms.pdm].flatMap(({ responders }) =>
      responders.flatMap(({ quotes }) => quotes.map(({ changes }) => ({ hop, changes }))),
    ),
  );
  expect(new Set(shown.map(({ hop }) => hop < inserted!.from))).toEqual(new Set([true, false]));
  for (const { hop, changes } of shown)
    expect(changes.includes(`inserted-${inserted!.header}`), `hop ${hop}: ${changes.join()}`).toBe(
      hop >= inserted!.from,
    );
}

/** In a trap: the record says nothing that wrongs somebody. */
export function checkTrap(record: TraceRecord, description: Description, seesHopLimits = true): void {
  const { truth } = description;
  const { verdict, summary } = record;
  checkOutcome(record, description, seesHopLimits);
  if (truth.lostFrom !== null && verdict.interval !== null) {
    expect(verdict.interval.after).toBeLessThan(truth.lostFrom);
    expect(verdict.interval.upTo).toBeGreaterThanOrEqual(truth.lostFrom);
  }
  if (truth.lostFrom !== null) checkWhereHopsLose(record, description);
  if (truth.lastPdmHop !== null) expect(summary.lastPdmHop?.hop ?? 0).toBe(truth.lastPdmHop);
  if (truth.inserted !== null) checkInserted(record, truth);
  if (NAMES_SOMEBODY.includes(verdict.outcome)) {
    if (truth.membership !== null) expect(summary.inDestinationNetwork).toBe(truth.membership);
  } else {
    expect(summary.attribution, 'an outcome that names nobody has no attribution').toBeNull();
  }
}

/** The records of one run over all networks of the target: none wrongs anybody, and of what they share one thing is said first. */
export function checkRun(records: readonly TraceRecord[], description: Description): void {
  const asked = targetNetworks(description).map(({ address }) => address);
  const measured = records.map(({ target, protocol }) => `${target.address} ${protocol}`);
  expect(measured.sort()).toEqual(asked.flatMap((address) => [`${address} icmp6`, `${address} udp`]).sort());
  for (const record of records) checkTrap(record, description);
  const tally = new SharedFaultTally();
  for (const record of records) tally.add(readWay(record));
  checkRunSays(faultLines(tally.faults()), description);
}

/** What a run says of all of its records, `lines` of which the first counts. */
export function checkRunSays(lines: readonly string[], { truth }: Description): void {
  expect(truth.runSays, 'a run over several networks says something of all').not.toBeNull();
  expect(lines[0]).toMatch(new RegExp(truth.runSays!));
}
