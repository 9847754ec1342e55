import { describe, expect, it } from 'vitest';
import { KnownToTrace } from '../../src/engine/known-to-trace.js';
import { HabitsOfRuns, PlaceHabits } from '../../src/engine/place-habits.js';

const at = (hop: number): { hop: number; address: string } => ({ hop, address: `2001:db8:1:${hop}::1` });
const seen = (hop: number, reported = 3): Parameters<PlaceHabits['note']>[0] => ({
  ...at(hop),
  reported,
  missed: 3 - reported,
  firstNs: 0,
  lastNs: 1e9,
});

describe('METHOD: dropped, one broken way among several: packets of another target passed both places', () => {
  it('where it was quoted at both, at these hop limits', () => {
    const habits = new PlaceHabits();
    for (const hop of [4, 6]) habits.note(seen(hop), 'other');
    expect(habits.haveBothPassed(at(4), at(6), 'this')).toBe(true);
    expect(habits.haveBothPassed(at(4), { ...at(6), hop: 7 }, 'this')).toBe(false);
    expect(habits.haveBothPassed(at(3), at(6), 'this')).toBe(false);
  });

  it('not by the target itself, by two targets between them, nor where one place never quoted it', () => {
    const habits = new PlaceHabits();
    for (const hop of [4, 6]) habits.note(seen(hop), 'this');
    habits.note(seen(4), 'one');
    habits.note(seen(6), 'two');
    habits.note(seen(4), 'three');
    habits.note(seen(6, 0), 'three');
    expect(habits.haveBothPassed(at(4), at(6), 'this')).toBe(false);
  });
});

describe('METHOD: where, a place that reports the options of some targets only', () => {
  it.each([
    [0, 3, true],
    [0, 2, false],
    [1, 20, false],
  ])('with %i reported and %i missed of one target is silent to it: %s', (reported, missed, isSilentToSome) => {
    const habits = new PlaceHabits();
    habits.note(seen(4), 'one');
    habits.note({ ...seen(4), reported, missed }, 'two');
    habits.note(seen(4), 'three');
    expect(habits.of(4, at(4).address)).toMatchObject({ isSilentToSome, targets: reported > 0 ? 3 : 2 });
  });
});

describe("METHOD: dropped, the source's own firewall: what an address answered that traces of the run asked itself", () => {
  const ROUTER = '2001:db8:1:4::1';
  const traceIn = (habits: HabitsOfRuns, runId: string): KnownToTrace =>
    new KnownToTrace(
      { request: { runId } } as unknown as ConstructorParameters<typeof KnownToTrace>[0],
      { habits } as unknown as ConstructorParameters<typeof KnownToTrace>[1],
    );

  it('is the sum of what the others found, by protocol, each as far as it knows by now', () => {
    const habits = new HabitsOfRuns();
    const [one, two, three] = [0, 1, 2].map(() => traceIn(habits, 'run')) as [KnownToTrace, KnownToTrace, KnownToTrace];
    one.noteAsked('tcp', ROUTER, { answered: 1, lost: 0 });
    one.noteAsked('tcp', ROUTER, { answered: 3, lost: 1 });
    two.noteAsked('tcp', ROUTER, { answered: 0, lost: 2 });
    expect(three.askedByOthers('tcp', ROUTER)).toEqual({ answered: 3, lost: 3 });
    expect(one.askedByOthers('tcp', ROUTER)).toEqual({ answered: 0, lost: 2 });
    expect(three.askedByOthers('icmp6', ROUTER)).toBeNull();
    expect(three.askedByOthers('tcp', '2001:db8:1:5::1')).toBeNull();
  });

  it('is nothing where the trace alone has asked, where nothing was found yet, or in another run', () => {
    const habits = new HabitsOfRuns();
    const one = traceIn(habits, 'run');
    one.noteAsked('icmp6', ROUTER, { answered: 3, lost: 1 });
    expect(one.askedByOthers('icmp6', ROUTER)).toBeNull();
    expect(traceIn(habits, 'next').askedByOthers('icmp6', ROUTER)).toBeNull();
    // Measured again from the start, as where the path has changed.
    one.noteAsked('icmp6', ROUTER, { answered: 0, lost: 0 });
    expect(traceIn(habits, 'run').askedByOthers('icmp6', ROUTER)).toBeNull();
  });
});
