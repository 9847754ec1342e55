import { describe, expect, it } from 'vitest';
import { PlaceHabits } from '../../../src/engine/shared/place-habits.js';

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
