import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/trace/evidence/ledger.js';
import { PAIR_CLASS } from '../../../src/trace/evidence/pair.js';

const ledger = (counts: Partial<Record<keyof typeof PAIR_CLASS, number>>, placebos = 0, whole = placebos): Ledger => {
  const made = new Ledger();
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i += 1) made.addTreated(PAIR_CLASS[name as keyof typeof PAIR_CLASS]);
  }
  for (let i = 0; i < placebos; i += 1) made.addPlacebo(i < whole);
  return made;
};

describe('loss is shown', () => {
  it.each([
    [0.999, 11],
    [0.9999, 15],
  ])('at %d by %i lost pairs and six whole placebos, not by one pair less', (confidence, pairs) => {
    expect(ledger({ plainOnly: pairs }, 6).showsLoss('pdm', confidence, true, 1)).toBe(true);
    expect(ledger({ plainOnly: pairs - 1 }, 6).showsLoss('pdm', confidence, true, 1)).toBe(false);
  });

  it('in the direction asked for only', () => {
    const lost = ledger({ plainOnly: 20 }, 10);
    expect(lost.showsLoss('pdm', 0.999, true, 1)).toBe(true);
    expect(lost.showsLoss('plain', 0.999, true, 1)).toBe(false);
    expect(ledger({ pdmOnly: 20 }, 10).showsLoss('plain', 0.999, true, 1)).toBe(true);
  });

  it('by no number of pairs beside four placebos, or beside placebos that fare no better', () => {
    expect(ledger({ plainOnly: 100 }, 4).showsLoss('pdm', 0.999, true, 1)).toBe(false);
    expect(ledger({ plainOnly: 100 }, 30, 0).showsLoss('pdm', 0.999, true, 1)).toBe(false);
  });

  it('by pairs that were lost whole: never', () => {
    expect(ledger({ neither: 100, plainOnly: 1 }, 30).showsLoss('pdm', 0.999, true, 1)).toBe(false);
  });

  it('in the second count only at twice the bar', () => {
    expect(ledger({ plainOnly: 11 }, 20).showsLoss('pdm', 0.999, true, 1)).toBe(true);
    expect(ledger({ plainOnly: 11 }, 20).showsLoss('pdm', 0.999, true, 2)).toBe(false);
    expect(ledger({ plainOnly: 12 }, 20).showsLoss('pdm', 0.999, true, 2)).toBe(true);
  });
});

describe('placebos', () => {
  it('count from the first pair on that lacks one packet, and pairs before it are not held against them', () => {
    const made = ledger({ both: 50 }, 5, 5);
    expect(made.started).toBe(false);
    expect(made.placeboP()).toBe(1);
    made.addTreated(PAIR_CLASS.plainOnly);
    expect(made.started).toBe(true);
    made.addPlacebo(true);
    // One pair of none, one placebo of one.
    expect(made.placeboP()).toBeCloseTo(0.5, 12);
  });

  it('do not begin with a pair that lacks both, or that never left', () => {
    expect(ledger({ neither: 5, void: 5 }).started).toBe(false);
  });
});

describe('no loss that matters', () => {
  it('is shown in both directions by eleven whole pairs, not by ten', () => {
    expect([ledger({ both: 11 }).showsNoLoss('pdm'), ledger({ both: 11 }).showsNoLoss('plain')]).toEqual([true, true]);
    expect(ledger({ both: 10 }).showsNoLoss('pdm')).toBe(false);
  });

  it('of one arm says nothing of the other', () => {
    const made = ledger({ both: 20, pdmOnly: 12 });
    expect(made.showsNoLoss('pdm')).toBe(true);
    expect(made.showsNoLoss('plain')).toBe(false);
  });
});

describe('void pairs', () => {
  it('are counted nowhere', () => {
    const made = ledger({ void: 30 });
    expect([made.pairs, made.plainArrived, made.pdmArrived]).toEqual([0, 0, 0]);
    expect(made.noLossE('pdm')).toBe(1);
  });
});

describe('progress', () => {
  it('asks for as many pairs as the bar needs', () => {
    expect(new Ledger().pairsToShowLoss(0.999, 1)).toBe(11);
    expect(new Ledger().pairsToShowLoss(0.9999, 1)).toBe(15);
    // However near to one P is, in any count.
    expect(new Ledger().pairsToShowLoss(1 - 2 ** -53, 3)).toBe(56);
  });
});

describe('what pairs to come may still show', () => {
  const may = (counts: Parameters<typeof ledger>[0], more = 100, none = { pdm: false, plain: false }): boolean =>
    ledger(counts).mayStillShow(more, 0.9999, none, 1);

  it('is no loss that matters, where few packets of either arm are missing', () => {
    expect(may({ both: 30 })).toBe(true);
    expect(may({ both: 26, plainOnly: 2, pdmOnly: 2 })).toBe(true);
    expect(may({})).toBe(true);
  });

  it('is a loss of the option, where it alone is missing', () => {
    expect(may({ both: 20, plainOnly: 10 })).toBe(true);
    expect(may({ plainOnly: 3, neither: 27 }, 100, { pdm: true, plain: false })).toBe(true);
  });

  it('is neither, where more of plain is missing and some arrive', () => {
    expect(may({ both: 10, pdmOnly: 20 })).toBe(false);
    expect(may({ both: 15, pdmOnly: 15 }, 40)).toBe(false);
    expect(may({ pdmOnly: 30 }, 100, { pdm: false, plain: true })).toBe(true);
  });

  it('is neither, where the option loses somewhat more and few pairs are left, or none', () => {
    expect(may({ both: 20, plainOnly: 14, pdmOnly: 6 }, 20)).toBe(false);
    expect(may({ both: 20, plainOnly: 5, pdmOnly: 3 }, 0)).toBe(false);
  });
});
