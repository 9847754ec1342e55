import { describe, expect, it } from 'vitest';
import { KnownToTrace } from '../../../src/engine/shared/known-to-trace.js';
import { HabitsOfRuns } from '../../../src/engine/shared/place-habits.js';

const ROUTER = '2001:db8:1:4::1';
const traceIn = (habits: HabitsOfRuns, runId: string, targetText = 'this'): KnownToTrace =>
  new KnownToTrace(
    { request: { runId }, state: { identity: { targetText } } } as unknown as ConstructorParameters<
      typeof KnownToTrace
    >[0],
    { habits } as unknown as ConstructorParameters<typeof KnownToTrace>[1],
  );

describe("METHOD: dropped, the source's own firewall: what an address answered that traces of the run asked itself", () => {
  const pair = (answered: number, sentNs: number): { answered: number; lost: number; sentNs: number } => ({
    answered,
    lost: 1 - answered,
    sentNs,
  });

  it('is the sum of what the others found, by protocol, each as far as it knows by now', () => {
    const habits = new HabitsOfRuns();
    const [one, two, three] = [0, 1, 2].map(() => traceIn(habits, 'run')) as [KnownToTrace, KnownToTrace, KnownToTrace];
    one.noteAsked('tcp', ROUTER, 1, pair(0, 10));
    one.noteAsked('tcp', ROUTER, 2, pair(1, 20));
    // A late answer.
    one.noteAsked('tcp', ROUTER, 1, pair(1, 10));
    two.noteAsked('tcp', ROUTER, 1, pair(0, 15));
    expect(three.askedByOthers('tcp', ROUTER, 0)).toEqual({ answered: 2, lost: 1 });
    expect(one.askedByOthers('tcp', ROUTER, 0)).toEqual({ answered: 0, lost: 1 });
    expect(three.askedByOthers('icmp6', ROUTER, 0)).toBeNull();
    expect(three.askedByOthers('tcp', '2001:db8:1:5::1', 0)).toBeNull();
  });

  it('is of packets sent after a time alone', () => {
    const habits = new HabitsOfRuns();
    const [one, two] = [traceIn(habits, 'run'), traceIn(habits, 'run')];
    for (const [flow, answered] of [1, 1, 0, 0].entries())
      one.noteAsked('tcp', ROUTER, flow, pair(answered, 10 * flow));
    expect([0, 5, 10, 30].map((sinceNs) => two.askedByOthers('tcp', ROUTER, sinceNs))).toEqual([
      { answered: 1, lost: 2 },
      { answered: 1, lost: 2 },
      { answered: 0, lost: 2 },
      null,
    ]);
  });

  it('is nothing where the trace alone has asked, or in another run, and of the last pairs where many asked', () => {
    const habits = new HabitsOfRuns();
    const one = traceIn(habits, 'run');
    for (let flow = 0; flow < 200; flow += 1) one.noteAsked('icmp6', ROUTER, flow, pair(flow < 150 ? 1 : 0, flow));
    expect(one.askedByOthers('icmp6', ROUTER, -1)).toBeNull();
    expect(traceIn(habits, 'next').askedByOthers('icmp6', ROUTER, -1)).toBeNull();
    expect(traceIn(habits, 'run').askedByOthers('icmp6', ROUTER, -1)).toEqual({ answered: 14, lost: 50 });
  });
});

describe("METHOD: dropped, the source's own firewall: another target that answered behind a place", () => {
  const place = { hop: 4, address: ROUTER };
  const lastBy = (habits: HabitsOfRuns, target: string): unknown =>
    traceIn(habits, 'run', target).answeredBeyond('icmp6', 4, ROUTER);

  it('is the one that did last, but the target itself', () => {
    const habits = new HabitsOfRuns();
    const { answers } = habits.of('run');
    expect(lastBy(habits, 'one')).toBeNull();
    answers.noteAnswered('icmp6', 'one', [place], 10);
    expect([lastBy(habits, 'one'), lastBy(habits, 'two')]).toEqual([null, { target: 'one', lastNs: 10 }]);
    answers.noteAnswered('icmp6', 'two', [place], 30);
    answers.noteAnswered('icmp6', 'one', [place], 20);
    expect([lastBy(habits, 'two'), lastBy(habits, 'three')]).toEqual([
      { target: 'one', lastNs: 20 },
      { target: 'two', lastNs: 30 },
    ]);
    // Only the last two are kept.
    answers.noteAnswered('icmp6', 'four', [place], 40);
    expect([lastBy(habits, 'four'), lastBy(habits, 'one')]).toEqual([
      { target: 'two', lastNs: 30 },
      { target: 'four', lastNs: 40 },
    ]);
  });

  it('a relative: at another hop limit, by another protocol, or in another run it is none', () => {
    const habits = new HabitsOfRuns();
    habits.of('run').answers.noteAnswered('icmp6', 'one', [place], 10);
    const of = (runId: string): KnownToTrace => traceIn(habits, runId, 'two');
    expect(of('run').answeredBeyond('icmp6', 5, ROUTER)).toBeNull();
    expect(of('run').answeredBeyond('tcp', 4, ROUTER)).toBeNull();
    expect(of('next').answeredBeyond('icmp6', 4, ROUTER)).toBeNull();
  });
});
