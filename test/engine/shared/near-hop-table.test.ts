/** Which ways are passed on, and which are not: rule by rule, on evidence made by hand. */
import { describe, expect, it } from 'vitest';
import { NearHopTable, Told } from '../../../src/engine/shared/near-hop-table.js';
import type { SeenHops } from '../../../src/trace/trace-context.js';
import { emptyPlace, type Place } from '../../../src/trace/evidence/place.js';
import type { HopRecord } from '../../../src/record/record.js';

type Hop = string | null | Partial<Place>;

const SECOND = 1e9;

/** Three pairs, answered by this router in both arms; null is a silent hop. */
function placeOf(hop: Hop): Place {
  if (hop === null) return { ...emptyPlace(), pairs: 3, neither: 3 };
  const answered = (address: string): Partial<Place> => ({
    ...{ pairs: 3, both: 3, plainAnswered: 3, treatedPassed: 3, pdmIntact: 3 },
    ...{ plainResponders: [address], pdmResponders: [address] },
  });
  return { ...emptyPlace(), ...(typeof hop === 'string' ? answered(hop) : { pairs: 3, ...hop }) };
}

function evidenceOf(hops: readonly Hop[], lastPdmHop = hops.length): SeenHops {
  const places = [undefined, ...hops.map(placeOf)];
  return { hops: places, lastPdmHop, highestHop: hops.length };
}

let ids = 0;

/** One trace that has seen this. */
function tell(table: NearHopTable, evidence: SeenHops, nowNs = 0): string {
  ids += 1;
  const id = `trace ${ids}`;
  const recordOf = (hop: number): HopRecord => {
    const arm = { sent: 3, answered: 3, responders: [] };
    const pairs = { both: 3, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 };
    return { hop, pairs, arms: { plain: arm, pdm: arm }, sharedFrom: id };
  };
  table.learn(evidence, new Told(), recordOf, nowNs);
  return id;
}

function tableAfter(traces: number, hops: readonly Hop[], lastPdmHop = hops.length): NearHopTable {
  const table = new NearHopTable(1);
  for (let i = 0; i < traces; i += 1) tell(table, evidenceOf(hops, lastPdmHop));
  return table;
}

const way = (table: NearHopTable, responder: string, hop: number, nowNs = 0): string[] | null =>
  table.wayTo(responder, hop, nowNs)?.map((near) => near.responder) ?? null;

describe('a way', () => {
  it('is passed on once 16 traces in a row have seen every step of it, and not after 15', () => {
    expect(way(tableAfter(15, ['a', 'b', 'c']), 'c', 3)).toBeNull();
    expect(way(tableAfter(16, ['a', 'b', 'c']), 'c', 3)).toEqual(['a', 'b']);
  });

  it('names the record that measured each hop', () => {
    const table = tableAfter(3, ['a', 'b', 'c']);
    const ids = Array.from({ length: 13 }, () => tell(table, evidenceOf(['a', 'b', 'c'])));
    for (const { record } of table.wayTo('c', 3, 0)!) expect(ids).toContain(record.sharedFrom);
  });

  it('is not known to another router, nor to the same router at another hop limit', () => {
    const table = tableAfter(20, ['a', 'b', 'c']);
    expect(way(table, 'd', 3)).toBeNull();
    expect(way(table, 'b', 3)).toBeNull();
    expect(way(table, 'c', 2)).toBeNull();
  });

  it('counts a trace once, however often it tells', () => {
    const table = new NearHopTable(1);
    const told = new Told();
    for (let i = 0; i < 40; i += 1)
      table.learn(evidenceOf(['a', 'b', 'c']), told, () => ({ hop: 1, ...({} as Omit<HopRecord, 'hop'>) }), 0);
    expect(way(table, 'c', 3)).toBeNull();
  });

  it('goes through a hop that is silent for all', () => {
    expect(way(tableAfter(16, ['a', null, 'c']), 'c', 3)).toEqual(['a', '']);
  });

  it('goes through a router that never reports packets with the option', () => {
    const mute = { plainOnly: 3, lost: 3, plainAnswered: 3, plainResponders: ['b'] };
    expect(way(tableAfter(16, ['a', mute, 'c']), 'c', 3)).toEqual(['a', 'b']);
  });

  it('is confirmed by traces that send one pair to its hops, which both arms cross', () => {
    const one = (address: string): Hop => ({
      ...{ pairs: 1, both: 1, plainAnswered: 1, treatedPassed: 1, pdmIntact: 1 },
      ...{ plainResponders: [address], pdmResponders: [address] },
    });
    const table = tableAfter(4, ['a', 'b', 'c']);
    for (let i = 0; i < 11; i += 1) tell(table, evidenceOf(['a', one('b'), one('c')]));
    expect(way(table, 'c', 3)).toBeNull();
    tell(table, evidenceOf(['a', one('b'), one('c')]));
    expect(way(table, 'c', 3)).toEqual(['a', 'b']);
    // And contradicted by them.
    tell(table, evidenceOf(['a', one('x'), one('c')]));
    expect(way(table, 'c', 3)).toBeNull();
  });

  it('is not confirmed by a single pair that is still out, or that one arm lost', () => {
    const lost = { pairs: 1, plainOnly: 1, lost: 1, plainAnswered: 1, plainResponders: ['b'] };
    const pending = { pairs: 1, pending: 1, plainAnswered: 1, plainResponders: ['b'] };
    for (const place of [lost, pending]) {
      const table = tableAfter(15, ['a', 'b', 'c']);
      for (let i = 0; i < 20; i += 1) tell(table, evidenceOf(['a', place, 'c']));
      expect(way(table, 'c', 3)).toBeNull();
    }
  });

  it('takes the record of a hop from a trace that sent all pairs there', () => {
    const table = tableAfter(3, ['a', 'b', 'c']);
    const one = { pairs: 1, both: 1, plainAnswered: 1, treatedPassed: 1, pdmIntact: 1 };
    const few = ['a', 'b', 'c'].map((address) => ({ ...one, plainResponders: [address], pdmResponders: [address] }));
    for (let i = 0; i < 20; i += 1) tell(table, evidenceOf(few));
    expect(way(table, 'c', 3)).toBeNull();
    const id = tell(table, evidenceOf(['a', 'b', 'c']));
    expect(table.wayTo('c', 3, 0)?.map(({ record }) => record.sharedFrom)).toEqual([id, id]);
  });

  it('is known by parts: traces that met other routers further on tell of the near ones too', () => {
    const table = new NearHopTable(1);
    for (let i = 0; i < 16; i += 1) tell(table, evidenceOf(['a', 'b', `far ${i}`]));
    expect(way(table, 'b', 2)).toEqual(['a']);
    expect(way(table, 'far 3', 3)).toBeNull();
  });
});

describe('a way is not passed on', () => {
  it('where one of two equal-cost members was met by a trace, until twice as many agree again', () => {
    const table = tableAfter(16, ['a', 'b', 'c']);
    tell(table, evidenceOf(['a', 'other', 'c']));
    expect(way(table, 'c', 3)).toBeNull();
    // Back to the old one: the second contradiction.
    for (let i = 0; i < 63; i += 1) tell(table, evidenceOf(['a', 'b', 'c']));
    expect(way(table, 'c', 3)).toBeNull();
    tell(table, evidenceOf(['a', 'b', 'c']));
    expect(way(table, 'c', 3)).toEqual(['a', 'b']);
    expect(way(table, 'b', 2)).toEqual(['a']);
  });

  it('where members are met in turn, however many traces there are', () => {
    const table = new NearHopTable(1);
    for (let i = 0; i < 2000; i += 1) tell(table, evidenceOf(['a', i % 5 === 0 ? 'x' : 'b', 'c']));
    expect(way(table, 'c', 3)).toBeNull();
  });

  it('where silence takes turns with an answer', () => {
    const table = new NearHopTable(1);
    for (let i = 0; i < 200; i += 1) tell(table, evidenceOf(['a', i % 8 === 0 ? null : 'b', 'c']));
    expect(way(table, 'c', 3)).toBeNull();
  });

  it('where one trace met several routers at a hop', () => {
    const both = { both: 3, plainAnswered: 3, treatedPassed: 3, plainResponders: ['b', 'x'], pdmResponders: ['b'] };
    expect(way(tableAfter(40, ['a', both, 'c']), 'c', 3)).toBeNull();
  });

  it('where packets with the option are lost at one of its hops in part', () => {
    const losing = {
      ...{ both: 2, plainOnly: 1, lost: 1, plainAnswered: 3, treatedPassed: 2, pdmIntact: 2 },
      ...{ plainResponders: ['b'], pdmResponders: ['b'] },
    };
    expect(way(tableAfter(40, ['a', losing, 'c']), 'c', 3)).toBeNull();
    const losingBoth = { ...losing, pdmOnly: 1, both: 1 };
    expect(way(tableAfter(40, ['a', losingBoth, 'c', 'd']), 'd', 4)).toBeNull();
  });

  it('beyond n, where packets with the option were lost for that target alone', () => {
    const plainAlone = { plainOnly: 3, lost: 3, plainAnswered: 3, plainResponders: ['c'] };
    const table = tableAfter(40, ['a', 'b', plainAlone, plainAlone], 2);
    expect(way(table, 'b', 2)).toEqual(['a']);
    expect(way(table, 'c', 3)).toBeNull();
  });

  it('from hops with too few pairs, or with pairs that are still out', () => {
    const few = { ...placeOf('b'), pairs: 2, both: 2 };
    const pending = { ...placeOf('b'), pairs: 4, pending: 1 };
    const voided = { ...placeOf('b'), pairs: 3, void: 1, both: 2 };
    for (const place of [few, pending, voided]) expect(way(tableAfter(40, ['a', place, 'c']), 'c', 3)).toBeNull();
  });

  it('when nobody has seen it again for a minute', () => {
    const table = tableAfter(16, ['a', 'b', 'c']);
    expect(way(table, 'c', 3, 60 * SECOND)).toEqual(['a', 'b']);
    expect(way(table, 'c', 3, 61 * SECOND)).toBeNull();
    tell(table, evidenceOf(['a', 'b', 'c']), 61 * SECOND);
    expect(way(table, 'c', 3, 62 * SECOND)).toEqual(['a', 'b']);
  });

  it('when one step of it was not seen again for a minute, since all traces join beyond that', () => {
    const table = tableAfter(16, ['a', 'b', 'c', 'd']);
    const whole = evidenceOf(['a', 'b', 'c', 'd']);
    const joined = { ...whole, hops: whole.hops.map((place, hop) => (hop < 3 ? undefined : place)) };
    for (let i = 1; i <= 60; i += 1) tell(table, joined, i * SECOND);
    expect(way(table, 'd', 4, 60 * SECOND)).toEqual(['a', 'b', 'c']);
    expect(way(table, 'd', 4, 61 * SECOND)).toBeNull();
  });

  it('when no trace has sent all pairs to its hops for five minutes', () => {
    const table = tableAfter(16, ['a', 'b', 'c']);
    const few = ['a', 'b', 'c'].map((address) => ({ ...placeOf(address), pairs: 1, both: 1 }));
    for (let i = 1; i <= 10; i += 1) tell(table, evidenceOf(few), 30 * i * SECOND);
    expect(way(table, 'c', 3, 300 * SECOND)).toEqual(['a', 'b']);
    expect(way(table, 'c', 3, 301 * SECOND)).toBeNull();
  });
});

describe('the table', () => {
  it('sends out 20 scouts, then one for every 40 traces, or every 25 seconds', () => {
    const table = new NearHopTable(1);
    const scouts = (count: number, everyNs: number, fromNs: number): number =>
      Array.from({ length: count }, (_, i) => table.begin(fromNs + i * everyNs)).filter(Boolean).length;
    expect(scouts(20, 0, 0)).toBe(20);
    expect(scouts(400, 0, 0)).toBe(10);
    expect(scouts(100, 5 * SECOND, 25 * SECOND)).toBe(20);
  });

  it('lets others wait only while the first scouts are out and nothing is known', () => {
    const table = new NearHopTable(1);
    for (let i = 0; i < 20; i += 1) table.begin(0);
    expect(table.isBeingScouted(0)).toBe(true);
    for (let i = 0; i < 16; i += 1) tell(table, evidenceOf(['a', 'b', 'c']));
    expect(table.isBeingScouted(0)).toBe(false);

    const lost = new NearHopTable(2);
    for (let i = 0; i < 20; i += 1) lost.begin(0);
    for (let i = 0; i < 16; i += 1) lost.endScout();
    expect(lost.isBeingScouted(0)).toBe(false);
  });

  it('starts where most traces met the same router and its way is known, and at hop 1 otherwise', () => {
    expect(tableAfter(15, ['a', 'b', 'c']).startAt(0)).toBe(1);
    const table = new NearHopTable(1);
    for (let i = 0; i < 16; i += 1) tell(table, evidenceOf(['a', 'b', 'c', `far ${i}`]));
    expect(table.startAt(0)).toBe(3);
    for (let i = 0; i < 16; i += 1) tell(table, evidenceOf(['a', 'b', 'd']));
    expect(table.startAt(0)).toBe(2);
  });

  it('starts where most traces met one of several routers whose ways are known, and nearer when they meet others', () => {
    const table = new NearHopTable(1);
    const tellOf = (router: string, count: number): void => {
      for (let i = 0; i < count; i += 1) tell(table, evidenceOf(['a', 'b', router]));
    };
    for (let i = 0; i < 16; i += 1) for (const router of ['x', 'y', 'z']) tellOf(router, 1);
    expect(table.startAt(0)).toBe(2);
    for (let i = 0; i < 6; i += 1) for (const router of ['x', 'y', 'z']) tellOf(router, 1);
    expect(way(table, 'y', 3)).toEqual(['a', 'b']);
    expect(table.startAt(0)).toBe(3);
    for (let i = 0; i < 8; i += 1) tellOf(`far ${i}`, 1);
    expect(table.startAt(0)).toBe(2);
  });

  it('does not start where nobody answers, though the way there is known', () => {
    expect(tableAfter(60, ['a', 'b', null], 3).startAt(0)).toBe(2);
  });

  it('knows whose budget a packet costs before it is answered', () => {
    const table = new NearHopTable(7);
    expect(table.likelyAt(1, 0)).toBe(table.likelyAt(1, 0));
    expect(table.likelyAt(1, 0)).not.toBe(table.likelyAt(2, 0));
    expect(table.likelyAt(1, 0)).not.toBe(new NearHopTable(8).likelyAt(1, 0));
    // Whoever answers first is taken for the next trace's too, but not for long where every trace meets another.
    tell(table, evidenceOf(['a', null, 'far 0']));
    expect([1, 2, 3].map((hop) => table.likelyAt(hop, 0))).toEqual(['a', null, 'far 0']);
    for (let i = 1; i < 4; i += 1) tell(table, evidenceOf(['a', null, `far ${i}`]));
    expect([1, 2, 3].map((hop) => table.likelyAt(hop, 0))).toEqual(['a', null, null]);
  });

  it('does not make traces wait for one another at a hop limit that reaches their targets', () => {
    const target = { both: 3, plainAnswered: 3, treatedPassed: 3 };
    const table = new NearHopTable(1);
    for (let i = 0; i < 2; i += 1) tell(table, evidenceOf(['a', target], 1));
    expect(table.likelyAt(2, 0)).toBeNull();
    // A router that few traces meet there has no say in it.
    tell(table, evidenceOf(['a', 'b']));
    for (let i = 0; i < 20; i += 1) tell(table, evidenceOf(['a', target], 1));
    expect([1, 2].map((hop) => table.likelyAt(hop, 0))).toEqual(['a', null]);
  });

  it('is bounded, and keeps what is used when targets without number pass by', () => {
    const table = new NearHopTable(1);
    for (let i = 0; i < 4000; i += 1) {
      tell(table, evidenceOf(['a', 'b', 'c', `near ${i}`, `far ${i}`]), i);
      if (i > 20) expect(table.wayTo('c', 3, i)).not.toBeNull();
    }
    expect(table.size).toBeLessThanOrEqual(2048);
  });
});
