/**
 * Lists of targets behind near hops in common, traced as `run` does, with and without sharing those hops.
 *
 * `PDM_TRACE_SIM_TARGETS=2000 npx vitest run --project sim test/sim/lists.test.ts` takes longer lists;
 * `PDM_TRACE_SIM_NEAR=balanced` only those near hops; `PDM_TRACE_SIM_FIRST=7` another seed.
 */
import { describe, expect, it } from 'vitest';
import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import { readWay } from '../../src/report/faults/record-stop.js';
import { SharedFaultTally, type SharedFault } from '../../src/report/faults/shared-faults.js';
import { filledHops, wrongFills } from './filled-hops.js';
import { generateList, type ListOptions, type NearHopKind } from './generate-list.js';
import { demandOf, isFindable } from './outcome-table.js';
import { runList, type ListRun } from './run-list.js';
import { EPOCH_MS } from './virtual-time.js';

const { PDM_TRACE_SIM_TARGETS, PDM_TRACE_SIM_NEAR, PDM_TRACE_SIM_FIRST, PDM_TRACE_SIM_RATE } = process.env;
const targets = Number(PDM_TRACE_SIM_TARGETS ?? 50);
const seed = Number(PDM_TRACE_SIM_FIRST ?? 1);
const rate = Number(PDM_TRACE_SIM_RATE ?? 100);
/** Long lists take long. */
const TIMEOUT_MS = 600_000 + 3000 * targets;

/** How the near hops are, and how long a change of them may go unseen (SCOUT_EVERY_NS, and the scout's own time). */
interface Kind {
  readonly near: NearHopKind;
  readonly beyond: ListOptions['beyond'];
  readonly sinceNs: number;
}

const ALL_KINDS: readonly Kind[] = [
  { near: 'steady', beyond: 'any', sinceNs: 0 },
  { near: 'with a silent hop', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'not reporting', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'limited', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'balanced', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'balanced unequally', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'balanced by destination', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'dropping', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'dropping in part', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'refusing in part', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'policing', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'shunning', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'changing', beyond: 'mostly delivered', sinceNs: 60e9 },
  { near: 'taking answers from a time on', beyond: 'mostly delivered', sinceNs: 0 },
  { near: 'taking errors from a time on', beyond: 'mostly delivered', sinceNs: 0 },
];
/**
 * The part of drops that must be found. One whose path changes under the trace, or before which another router drops, refuses
 * or polices some of the packets, may stay unsaid.
 */
const FOUND: Partial<Record<NearHopKind, number>> = {
  changing: 0.8,
  'dropping in part': 0.6,
  'refusing in part': 0.6,
  policing: 0.5,
  // Where echo meets a router as far as datagrams meet the target, its answers are not counted (METHOD: dropped, a proxy).
  'balanced unequally': 0.8,
  // A filter so near that no packet with the option was ever answered from outside accuses nobody (METHOD: dropped).
  dropping: 0,
  // From then on no router is known to be on the way, so that none is asked.
  'taking errors from a time on': 0.3,
};
/** Near hops at which packets with the option are lost, refused or policed: what targets share may be theirs. */
const AT_FAULT: readonly NearHopKind[] = ['dropping', 'dropping in part', 'refusing in part', 'policing', 'shunning'];
const KINDS = ALL_KINDS.filter(({ near }) => PDM_TRACE_SIM_NEAR === undefined || PDM_TRACE_SIM_NEAR === near);

function listOf(near: NearHopKind, beyond: ListOptions['beyond'], length = targets): ReturnType<typeof generateList> {
  return generateList({ seed, targets: length, near, beyond, seconds: (length * 2 * 80) / rate });
}

function falseClaims(run: ListRun): string[] {
  return run.targets.flatMap(({ generated, violations }, index) =>
    violations.map(({ kind, text }) => `target ${index}, ${generated.scenario}: ${kind}: ${text}`),
  );
}

/** What is said of all targets together. */
function sharedFaults(run: ListRun): SharedFault[] {
  const tally = new SharedFaultTally();
  for (const { records } of run.targets) for (const record of records) tally.add(readWay(record));
  return tally.faults();
}

function wrong(run: ListRun, sinceNs: number): string[] {
  return run.targets.flatMap(({ generated, records }, index) =>
    records.flatMap((record) =>
      wrongFills(record, generated.network, EPOCH_MS, sinceNs).map((text) => `target ${index}: ${text}`),
    ),
  );
}

function filled(run: ListRun): number {
  const hops = run.targets.flatMap(({ records }) => records.map((record) => filledHops(record).length));
  return hops.reduce((sum, count) => sum + count, 0) / hops.length;
}

/** Records of losses that must be found, and those in which they were. */
function drops(run: ListRun): { findable: number; found: number } {
  let findable = 0;
  let found = 0;
  for (const { generated, truth, records } of run.targets) {
    for (const record of records) {
      if (!isFindable(generated, { truth, records, violations: [], seconds: 0 }, record)) continue;
      if (demandOf(record) !== null) continue;
      findable += 1;
      if (record.verdict.outcome === 'dropped' || record.verdict.outcome === 'rejected') found += 1;
    }
  }
  return { findable, found };
}

/** An interval that a few lost packets opened towards the source: how far says nothing. */
const WIDE = 5;

/** Hop limits in which losses are said to be, over all claims: the less the better. */
function width(run: ListRun): number {
  const intervals = run.targets.flatMap(({ records }) =>
    records.map(({ verdict }) => verdict.interval).filter((interval) => interval !== null),
  );
  return (
    intervals.reduce((sum, { after, likelyUpTo }) => sum + Math.min(WIDE, likelyUpTo - after), 0) /
    Math.max(1, intervals.length)
  );
}

function figures(what: string, run: ListRun): string {
  const { findable, found } = drops(run);
  return `${what}: ${run.probesPerRecord.toFixed(1)} probes a record, ${filled(run).toFixed(2)} hops filled, ${found} of ${findable} drops found, ${width(run).toFixed(2)} hops wide, ${run.seconds.toFixed(0)} s`;
}

describe.each(KINDS)(`${targets} targets behind near hops that are $near, $beyond`, ({ near, beyond, sinceNs }) => {
  it(
    'no record claims what is not so, and every hop taken from another is one that the packets met',
    async () => {
      const run = await runList(listOf(near, beyond), createTraceEngine, { share: true, rate });
      console.log(figures(near, run));
      // What a policer lets pass varies while the list runs: a trace says what it saw.
      // Its truth counts packets that go all the way; one that it let pass at a hop limit may be all that arrived.
      const varies = ['false-delivery', 'impaired: no packet with the option arrives at all'];
      const claims = falseClaims(run).filter(
        (text) => near !== 'policing' || !varies.some((one) => text.includes(one)),
      );
      expect(claims).toEqual([]);
      expect(wrong(run, sinceNs)).toEqual([]);
      const shared = sharedFaults(run);
      if (near === 'dropping') expect(shared.map(({ isFirst }) => isFirst)).toEqual([true]);
      else if (!AT_FAULT.includes(near)) expect(shared).toEqual([]);
      const { findable, found } = drops(run);
      // Of few drops chance may hide some.
      expect(found).toBeGreaterThanOrEqual((FOUND[near] ?? 0.95) * findable - 3);
    },
    TIMEOUT_MS,
  );
});

/** Fewer have too few losses to compare how well they are told. */
const compared = Math.max(targets, 150);

describe(`${compared} targets behind 8 hops or so, most of which let packets with the option pass`, () => {
  it(
    'are told as well as without sharing, with fewer probes',
    async () => {
      const list = (): ReturnType<typeof generateList> => listOf('steady', 'short and mostly delivered', compared);
      const apart = await runList(list(), createTraceEngine, { share: false, rate });
      const shared = await runList(list(), createTraceEngine, { share: true, rate });
      console.log(`${figures('each for itself', apart)}\n${figures('sharing', shared)}`);
      expect([...falseClaims(apart), ...falseClaims(shared), ...wrong(shared, 0)]).toEqual([]);
      expect(filled(apart)).toBe(0);
      expect(filled(shared)).toBeGreaterThan(0.5);
      // Each hop that need not be asked costs a pair where nothing is missing.
      expect(shared.probesPerRecord).toBeLessThan(0.9 * apart.probesPerRecord);
      expect(drops(shared).found).toBeGreaterThanOrEqual(drops(apart).found - 2);
      expect(width(shared)).toBeLessThanOrEqual(width(apart) + 0.2);
    },
    TIMEOUT_MS,
  );
});

describe('the budget of a router that all targets are behind', () => {
  it.each([
    [100, 2],
    // Not twice, as is to be (four seconds in a row with 22 to 30 packets were seen): traces that do not know yet whom they ask.
    [2000, 3],
  ])('holds over all traces and both protocols at %i packets a second', async (packetsPerSecond, times) => {
    const sentAtNs = new Map<number, number[]>([1, 2, 3].map((hop) => [hop, []]));
    const list = generateList({ seed, targets: 60, near: 'steady', beyond: 'short and mostly delivered', seconds: 0 });
    await runList(list, createTraceEngine, {
      share: true,
      rate: packetsPerSecond,
      onTransport: (transport, time) => {
        transport.onProbe = (octets) => sentAtNs.get(octets[7]!)?.push(time.nowNs());
      },
    });
    for (const sent of sentAtNs.values()) {
      expect(sent.length).toBeGreaterThan(100);
      // Of ten errors a second, after six at once, each router learns in ten seconds; from then on no two seconds in a row
      // ask for so many times as many.
      const perSecond: number[] = [];
      for (const atNs of sent) perSecond[Math.floor(atNs / 1e9)] = (perSecond[Math.floor(atNs / 1e9)] ?? 0) + 1;
      const learned = Array.from(perSecond, (count: number | undefined) => count ?? 0).slice(10);
      const above = learned.filter((count, i) => count > 10 * times && (learned[i + 1] ?? 0) > 10 * times);
      expect(above).toEqual([]);
    }
  });
});
