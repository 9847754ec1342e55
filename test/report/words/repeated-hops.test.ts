import { describe, expect, it } from 'vitest';
import { repeatOf } from '../../../src/report/words/repeated-hops.js';
import type { HopRecord } from '../../../src/record/record.js';
import { arm, hop, responder, routerPlace } from '../../cli/record-builder.js';

/** `aabcbc.`: who answers at each hop limit, in both arms; a dot is silence. */
function path(letters: string, both = true): HopRecord[] {
  return Array.from(letters).map((letter, index) => {
    const place = hop(1, 'none');
    if (letter === '.') return { ...place, hop: index + 1 };
    const answers = arm(3, responder(routerPlace(letter.charCodeAt(0) - 96), 3, 1));
    return { ...place, hop: index + 1, arms: { plain: answers, pdm: both ? answers : arm(3) } };
  });
}

describe('hops that repeat', () => {
  it.each([
    ['abcdedede', { from: 4, to: 9, period: 2 }],
    ['abcdeded', { from: 4, to: 8, period: 2 }],
    ['abcdefdefdef', { from: 4, to: 12, period: 3 }],
    ['abccccccc', { from: 3, to: 9, period: 1 }],
    ['abcdabcda', { from: 1, to: 9, period: 4 }],
  ])('are a round that is begun for the third time: %s', (letters, repeat) => {
    expect(repeatOf(path(letters))).toEqual(repeat);
    expect(repeatOf(path(letters, false))).toEqual(repeat);
  });

  it.each(['', 'a', 'abcdef', 'abcded', 'abcdabcd', 'abccc', 'abc.d.d.', '.........'])('are none: "%s"', (letters) => {
    expect(repeatOf(path(letters))).toBeNull();
  });

  it('go alike in both arms', () => {
    const hops = path('abcdedede');
    hops[8]!.arms.pdm = path('abcdedeff')[8]!.arms.pdm;
    expect(repeatOf(hops)).toEqual({ from: 4, to: 8, period: 2 });
  });

  it('are those of routers: a target or a refusal at every hop limit is no loop', () => {
    const hops = path('abcccccc');
    for (const place of hops)
      for (const one of place.arms.plain.responders) one.icmp = [{ type: 1, code: 4, pointer: null, count: 3 }];
    expect(repeatOf(hops)).toBeNull();
  });
});
