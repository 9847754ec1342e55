import { describe, expect, it } from 'vitest';
import { distanceOf, isAtTarget, PathPlaces } from '../../src/annotate/path-places.js';
import { HIGHEST_HOP_LIMIT, TARGET_HOP_LIMIT } from '../../src/trace/numbers.js';
import type { TraceRecord } from '../../src/record/record.js';
import { sampleHop, sampleRecord } from './sample-record.js';

function withDistance(plain: number | null, pdm: number | null): TraceRecord {
  return sampleRecord({ targetPairs: { ...sampleHop(0, [], []), hop: null, distance: { plain, pdm } } });
}

describe('a hop limit of a record', () => {
  it.each([
    ['at the distance of plain packets', 7, null, 7, true],
    ['beyond it', 7, 9, 8, true],
    ['before it', 7, 5, 6, false],
    ['at that of packets with the option, where no others arrive', null, 5, 5, true],
    ['before that', null, 5, 4, false],
    ['of pairs at the target, where it is silent', null, null, TARGET_HOP_LIMIT, true],
    ['the highest that hops are looked for at', null, null, HIGHEST_HOP_LIMIT, false],
  ])('is the target or is not: %s', (_, plain, pdm, hop, isTarget) => {
    const record = withDistance(plain, pdm);
    expect([isAtTarget(record, hop), new PathPlaces(record).isAtTarget(hop)]).toEqual([isTarget, isTarget]);
    expect(distanceOf(record)).toBe(plain ?? pdm);
  });

  it('is none of a target that nothing was sent to', () => {
    expect([distanceOf(sampleRecord()), isAtTarget(sampleRecord(), HIGHEST_HOP_LIMIT)]).toEqual([null, false]);
  });
});
