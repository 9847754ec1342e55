/** Traces in which nothing goes on, for whatever reason: here because their steps are made to say that there is nothing to do. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TraceState } from '../../src/trace/state/trace-state.js';
import type * as TraceMachine from '../../src/trace/trace-machine.js';
import { octetsOf, TARGET } from '../trace/trace-fixture.js';
import { requestFor, setUp } from './engine-fixture.js';

const stuck = { left: 0, states: new Set<TraceState>(), after: 0 };

vi.mock('../../src/trace/trace-machine.js', async (original) => {
  const real = await original<typeof TraceMachine>();
  const step: typeof real.step = (state, context, nowNs) => {
    if (!stuck.states.has(state) && stuck.left > 0 && state.probes.count >= stuck.after) {
      stuck.left -= 1;
      stuck.states.add(state);
    }
    return stuck.states.has(state) ? { kind: 'wait', untilNs: null } : real.step(state, context, nowNs);
  };
  return { ...real, step };
});

afterEach(() => {
  stuck.left = 0;
  stuck.states.clear();
});

describe('a trace in which nothing goes on', () => {
  const setUpStuck = (traces: number, afterProbes = 4) => {
    stuck.left = traces;
    stuck.after = afterProbes;
    const warnings: string[] = [];
    const bench = setUp({ onWarning: (message) => warnings.push(message) });
    bench.transport.answers = true;
    return { ...bench, warnings };
  };
  const runFor = async (time: ReturnType<typeof setUp>['time'], seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 10) await time.run(10e9);
  };

  it('is named and measured anew, and its handle shows the new one', async () => {
    const { engine, time, warnings, transport } = setUpStuck(1);
    const handle = engine.start(requestFor('icmp6'));
    let isOver = false;
    void handle.record.then(() => (isOver = true));
    await runFor(time, 890);
    expect([isOver, warnings]).toEqual([false, []]);
    const before = transport.sent.length;
    expect(handle.snapshot().counters.sent).toBe(before);
    await runFor(time, 60);
    const record = await handle.record;
    expect(record.verdict.outcome).toBe('delivered');
    expect(record.counters.sent).toBe(transport.sent.length - before);
    expect(handle.snapshot().counters.sent).toBe(record.counters.sent);
    expect(warnings).toEqual([
      `The icmp6 trace to ${record.target.address} made no progress for 15 minutes; it is measured anew`,
    ]);
    expect(engine.stats().tracesInFlight).toBe(0);
  });

  it('is ended with what it has the second time', async () => {
    const { engine, time, warnings } = setUpStuck(2);
    const { record } = engine.start(requestFor('icmp6'));
    await runFor(time, 1900);
    const { verdict, counters } = await record;
    expect(verdict.outcome).toBe('inconclusive');
    expect(counters.sent).toBeGreaterThan(0);
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain('for the second time; it is ended with what was measured');
    expect(engine.stats().tracesInFlight).toBe(0);
  });

  it('holds up none besides', async () => {
    const { engine, time, warnings } = setUpStuck(1);
    const [one, other] = [TARGET, octetsOf('2001:db8:3::1')].map((target) => engine.start(requestFor('icmp6', target)));
    await runFor(time, 60);
    expect((await Promise.race([one!.record, other!.record])).verdict.outcome).toBe('delivered');
    expect(warnings).toEqual([]);
    await engine.close();
  });

  it('a relative: one that waits for routers and a target that answer nothing is none', async () => {
    const { transport, engine, time, warnings } = setUpStuck(0);
    transport.swallows = () => true;
    const { record } = engine.start(requestFor('icmp6'));
    await runFor(time, 1000);
    expect((await record).verdict.outcome).toBe('unreachable');
    expect(warnings).toEqual([]);
  });
});
