import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  attributeInterval,
  attributeRefusal,
  ATTRIBUTION_RULES,
  type IntervalInput,
  type Judgement,
  type Named,
  type Origins,
} from '../../src/annotate/attribution.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

const D = 100;
const x = 10;
const y = 20;
const z = 30;
const own = 1;

function origins(...asns: number[]): Origins {
  return { asns, unnamed: null };
}
const UNMAPPED: Origins = { asns: [], unnamed: 'unmapped' };
const EXCHANGE: Origins = { asns: [], unnamed: 'an exchange LAN' };
const NO_PLACE: Origins = { asns: [], unnamed: 'no place' };
const SILENT: readonly Origins[] = [];

type Hop = number | Origins | readonly Origins[];

function isMany(hop: Origins | readonly Origins[]): hop is readonly Origins[] {
  return Array.isArray(hop);
}

function respondersOf(hop: Hop | undefined): readonly Origins[] {
  if (hop === undefined) return SILENT;
  if (typeof hop === 'number') return [origins(hop)];
  return isMany(hop) ? hop : [hop];
}

/** Hops 1, 2, … of a way; the target is behind the last of them, and u is its distance. */
function way(n: number, hops: readonly Hop[], more: Partial<IntervalInput> = {}): IntervalInput {
  return {
    after: n,
    upTo: hops.length + 1,
    distance: hops.length + 1,
    destination: origins(D),
    source: origins(own),
    responders: (hop) => respondersOf(hops[hop - 1]),
    lastHop: hops.length,
    pathsDiverge: false,
    ...more,
  };
}

function judged({ inDestinationNetwork, attribution }: Judgement): [string, string, Omit<Named, 'rule'>] {
  const { rule, ...named } = attribution;
  return [inDestinationNetwork, rule, named];
}

function unknown(candidates: number[], more: Partial<Named> = {}): Omit<Named, 'rule'> {
  return { best: null, worst: null, candidates, ...more };
}

describe('the table of METHOD, Networks', () => {
  it('says yes and D where D is alone from hop n-1 on and all hops are mapped', () => {
    const named = { best: D, worst: D, candidates: [D] };
    expect(judged(attributeInterval(way(3, [x, D, D, D])))).toEqual(['yes', 'D alone from n-1 on', named]);
    // The target itself is hop n+1, and a source in D is hop n-1.
    expect(attributeInterval(way(3, [x, D, D])).inDestinationNetwork).toBe('yes');
    expect(attributeInterval(way(1, [D, D], { source: origins(D) })).inDestinationNetwork).toBe('yes');
  });

  it('leaves the target and those before it possible where its distance is not known', () => {
    const behind = way(2, [x, x, SILENT], { upTo: null, distance: null });
    const named = unknown([x, D], { silent: [{ from: 3, to: 3 }], unknown: true });
    expect(judged(attributeInterval(behind))).toEqual(['unknown', 'n+1 silent', named]);
    expect(attributeInterval({ ...behind, after: 3, lastHop: 3 }).attribution.candidates).toEqual([D]);
  });

  it('does not say yes where D begins at hop n: its border may be numbered from D and be run by the one before', () => {
    expect(judged(attributeInterval(way(3, [x, x, D, D])))).toEqual(['unknown', 'anything else', unknown([D, x])]);
    // The one before is no candidate where hop n is of a network that ends there.
    expect(attributeInterval(way(3, [x, y, z, D])).attribution.candidates).toEqual([z, D]);
    expect(attributeInterval(way(3, [x, UNMAPPED, D, D])).inDestinationNetwork).toBe('unknown');
  });

  it('says likely where x is at hop n and D from n+1 on: egress of x or ingress of D', () => {
    const named = { best: D, worst: x, candidates: [x, D] };
    expect(judged(attributeInterval(way(2, [own, x, D, D])))).toEqual(['likely', 'x, D', named]);
  });

  it('says ambiguous where D begins two hops beyond n: its border may be numbered by its provider', () => {
    const [same, other] = [way(1, [x, x, D]), way(1, [x, y, D])].map(attributeInterval).map(judged);
    expect(same).toEqual(['ambiguous', 'x, x, D', { best: D, worst: x, candidates: [x, D] }]);
    expect(other).toEqual(['ambiguous', 'x, y, D', { best: D, worst: y, candidates: [x, y, D] }]);
    expect(attributeInterval(way(1, [x, x])).inDestinationNetwork).toBe('ambiguous');
  });

  it('says no where D is not among the ASes up to u and no hop is silent', () => {
    const routers = { distance: null, upTo: 3 };
    expect(judged(attributeInterval(way(1, [x, x, x, x], routers)))).toEqual([
      'no',
      'D not among them',
      { best: x, worst: x, candidates: [x] },
    ]);
    const two = unknown([x, y]);
    expect(judged(attributeInterval(way(1, [x, y, y, SILENT, y], routers)))).toEqual(['no', 'D not among them', two]);
  });

  it('does not say no where the target is in the interval, however far the ASes before it go', () => {
    expect(judged(attributeInterval(way(1, [x, x, x, x])))).toEqual(['unknown', 'anything else', unknown([x, D])]);
    expect(judged(attributeInterval(way(1, [x, y, z, D])))).toEqual([
      'unknown',
      'anything else',
      unknown([x, y, z, D]),
    ]);
  });

  it('says likely where the target itself is hop n+1: D, or the AS at hop n', () => {
    const named = { best: D, worst: x, candidates: [x, D] };
    expect(judged(attributeInterval(way(2, [own, x])))).toEqual(['likely', 'n+1 is the target', named]);
    expect(attributeInterval(way(2, [own, UNMAPPED])).inDestinationNetwork).toBe('unknown');
  });

  it.each<[string, Hop, Partial<Named>]>([
    ['n+1 silent', SILENT, { silent: [{ from: 2, to: 2 }] }],
    ['n+1 unmapped', UNMAPPED, { unknown: true }],
    ['n+1 in an exchange LAN', EXCHANGE, { unknown: true }],
    ['n+1 names no place', NO_PLACE, { unknown: true }],
    ['n+1 in an exchange LAN', [origins(D), EXCHANGE], { unknown: true }],
  ])('says unknown with all candidates: %s', (rule, next, more) => {
    expect(judged(attributeInterval(way(1, [x, next, D])))).toEqual(['unknown', rule, unknown([x, D], more)]);
  });

  it('says unknown where hop n+1 is uncertain, and that the other way may lead through another network', () => {
    expect(judged(attributeInterval(way(1, [x, D, D], { pathsDiverge: true })))).toEqual([
      'unknown',
      'n+1 uncertain: the paths diverge',
      unknown([x, D], { unknown: true }),
    ]);
  });

  it('says unknown where several responders of hop n+1 are of different AS', () => {
    const several = [origins(y), origins(D)];
    const rule = 'several candidates of different AS';
    expect(judged(attributeInterval(way(1, [x, several, D])))).toEqual(['unknown', rule, unknown([x, y, D])]);
    // Of one AS they are one network.
    expect(attributeInterval(way(1, [x, [origins(D), origins(D)], D])).inDestinationNetwork).toBe('likely');
  });

  it('says unknown where n = 0, with all from the source to u', () => {
    expect(judged(attributeInterval(way(0, [own, x])))).toEqual(['unknown', 'n = 0', unknown([own, x, D])]);
    expect(judged(attributeInterval(way(0, [SILENT, SILENT, SILENT])))).toEqual([
      'unknown',
      'n = 0',
      unknown([own, D], { silent: [{ from: 1, to: 3 }] }),
    ]);
  });
});

describe('the interval', () => {
  it('names the AS of hop n, whose forward filter counts, and of every hop up to u and of none beyond', () => {
    const { attribution } = attributeInterval(way(2, [own, x, y, z, z, D], { distance: null, upTo: 4 }));
    expect(attribution.candidates).toEqual([x, y, z]);
  });

  it('names a transit that answered on some flows only, at any hop', () => {
    const { attribution } = attributeInterval(way(1, [x, x, [origins(x), origins(z)], D, D]));
    expect(attribution).toMatchObject({ best: null, candidates: [x, z, D] });
  });

  it('names the network beyond a router at u, whose border its provider may have numbered', () => {
    const routers = { distance: null, upTo: 2 };
    const next = [x, x, SILENT, D];
    expect(attributeInterval(way(1, next, routers)).attribution).toMatchObject({
      best: null,
      candidates: [x, D],
      silent: [{ from: 3, to: 3 }],
    });
    expect(judged(attributeInterval(way(1, [x, x, D], routers)))).toEqual([
      'ambiguous',
      'x, x, D',
      { best: D, worst: x, candidates: [x, D] },
    ]);
    // Nothing answers beyond: nobody knows whose it is.
    expect(judged(attributeInterval(way(1, [x, x, SILENT], routers)))).toEqual([
      'unknown',
      'anything else',
      unknown([x], { unknown: true }),
    ]);
  });

  it('says which hops were silent, as stretches counted by hop limits', () => {
    const { attribution } = attributeInterval(way(1, [x, D, SILENT, SILENT, D, SILENT, D]));
    expect(attribution).toMatchObject({
      rule: 'anything else',
      best: null,
      silent: [
        { from: 3, to: 4 },
        { from: 6, to: 6 },
      ],
    });
  });

  it('leaves the target out of what is silent, and D in, also where u is beyond its distance', () => {
    const { attribution } = attributeInterval(way(1, [x], { upTo: 5 }));
    expect(attribution).toEqual({ best: D, worst: x, candidates: [x, D], rule: 'n+1 is the target' });
  });

  it('is of unknown networks where the destination is', () => {
    const { attribution } = attributeInterval(way(1, [x, x, x], { destination: UNMAPPED }));
    expect(attribution).toMatchObject({ best: null, candidates: [x], unknown: true });
    const routers = { destination: UNMAPPED, distance: null, upTo: 3 };
    expect(attributeInterval(way(1, [x, x, x], routers)).inDestinationNetwork).toBe('unknown');
  });

  it('reads a prefix with several origins as any of them', () => {
    expect(judged(attributeInterval(way(2, [D, D, origins(D, y)])))).toEqual([
      'unknown',
      'anything else',
      unknown([D, y]),
    ]);
    const both = attributeInterval(way(2, [D, origins(y, D), D], { destination: origins(D, y) }));
    expect(judged(both)).toEqual(['yes', 'D alone from n-1 on', unknown([y, D])]);
    expect(attributeInterval(way(1, [origins(x, z), D])).attribution).toMatchObject({ best: null, worst: null });
  });
});

describe('a refuser', () => {
  const refused = (hops: readonly Hop[], refuser: Origins, hop: number | null, distance: number | null): Named =>
    attributeRefusal({
      refuser,
      hop,
      lastHop: hops.length,
      distance,
      destination: origins(D),
      responders: (at) => respondersOf(hops[at - 1]),
    });

  it('is of its AS where the next hop that answers has it too', () => {
    const named = { best: x, worst: x, candidates: [x], rule: 'the refuser and the next hop alike' };
    expect(refused([x, x, x, D], origins(x), 2, 5)).toEqual(named);
    expect(refused([x, x, SILENT, x], origins(x), 2, 5)).toEqual(named);
    expect(refused([D, D], origins(D), 2, 3)).toMatchObject({ best: D, candidates: [D] });
  });

  it('may be of the network before where the hop before is not of its AS: a border may be numbered from behind', () => {
    const rule = 'the refuser or the hop before';
    expect(refused([own, x, x, D], origins(x), 2, 5)).toEqual({
      best: null,
      worst: null,
      candidates: [own, x],
      rule,
    });
    expect(refused([x, D], origins(D), 2, 3)).toMatchObject({ best: null, candidates: [x, D], rule });
    expect(refused([SILENT, x, x, D], origins(x), 2, 5)).toMatchObject({
      candidates: [x],
      silent: [{ from: 1, to: 1 }],
      rule,
    });
    expect(refused([UNMAPPED, x, x, D], origins(x), 2, 5)).toMatchObject({ candidates: [x], unknown: true, rule });
  });

  it('may be the customer at whose border its provider numbered it', () => {
    expect(refused([own, x, D], origins(x), 2, 4)).toEqual({
      ...unknown([own, x, D]),
      rule: 'the refuser, the hop before or the next hop',
    });
    // The one before is of its network as well.
    const rule = 'the refuser or the next hop';
    expect(refused([x, x, D], origins(x), 2, 4)).toEqual({ ...unknown([x, D]), rule });
  });

  it('may be of the network among the silent hops behind it', () => {
    expect(refused([own, x, SILENT, SILENT, D], origins(x), 2, 6)).toMatchObject({
      candidates: [own, x, D],
      silent: [{ from: 3, to: 4 }],
    });
  });

  it('may be of an unknown network where nothing answers beyond, or where no AS is known', () => {
    expect(refused([x, x], origins(x), 2, null)).toMatchObject({ best: null, candidates: [x], unknown: true });
    expect(refused([own, x, D], origins(x), null, 4)).toMatchObject({ candidates: [x], unknown: true });
    expect(refused([own, EXCHANGE, D], EXCHANGE, 2, 4)).toMatchObject({ candidates: [own, D], unknown: true });
    expect(refused([x, x, UNMAPPED], origins(x), 2, 4)).toMatchObject({ candidates: [x], unknown: true });
  });

  it('may be of either of two networks that stand next behind it', () => {
    expect(refused([own, x, [origins(x), origins(y)]], origins(x), 2, 4).candidates).toEqual([own, x, y]);
  });

  it('has rules of its own', () => {
    expect(Object.values(ATTRIBUTION_RULES)).toContain(refused([x, x], origins(x), 1, 3).rule);
  });
});

it('names every AS of the interval and no other, and none alone that it does not know alone', () => {
  const some = fc.oneof(
    fc.record({
      asns: fc.uniqueArray(fc.constantFrom(x, y, D), { minLength: 1, maxLength: 2 }),
      unnamed: fc.constant(null),
    }),
    fc.constantFrom(UNMAPPED, EXCHANGE, NO_PLACE),
  );
  const inputs = fc.record({
    n: fc.integer({ min: 0, max: 4 }),
    length: fc.integer({ min: 1, max: 4 }),
    hops: fc.array(fc.array(some, { maxLength: 2 }), { minLength: 8, maxLength: 8 }),
    isTarget: fc.boolean(),
    destination: some,
    source: some,
    pathsDiverge: fc.boolean(),
  });
  fc.assert(
    fc.property(inputs, ({ n, length, hops, isTarget, destination, source, pathsDiverge }) => {
      const upTo = n + length;
      const distance = isTarget ? upTo : null;
      const input = way(n, hops, { upTo, distance, destination, source, pathsDiverge });
      const { inDestinationNetwork, attribution } = attributeInterval(input);
      const within = [
        ...(n === 0 ? [source] : []),
        ...hops.slice(Math.max(0, n - 1), upTo).flat(),
        ...(isTarget ? [destination] : []),
      ];
      const asns = new Set(within.flatMap((one) => one.asns));
      // The next hop beyond a router at u may show whose that router is.
      // Hop n may be a border router of the network before, numbered from behind.
      const before = n < 2 ? [] : hops[n - 2]!.flatMap((one) => one.asns);
      if (isTarget) {
        const others = attribution.candidates.filter((asn) => !asns.has(asn));
        expect(before).toEqual(expect.arrayContaining(others));
        expect(attribution.candidates).toEqual(expect.arrayContaining([...asns]));
      } else expect(attribution.candidates).toEqual(expect.arrayContaining([...asns]));
      if (within.some(({ unnamed }) => unnamed !== null)) expect(attribution.unknown).toBe(true);
      const silent = hops.slice(Math.max(0, n - 1), isTarget ? upTo - 1 : upTo).some((hop) => hop.length === 0);
      if (silent || isTarget) expect(attribution.silent !== undefined).toBe(silent);
      const named = [attribution.best, attribution.worst].filter((asn) => asn !== null);
      expect(attribution.candidates).toEqual(expect.arrayContaining(named));
      if (silent || attribution.unknown === true || inDestinationNetwork === 'unknown') expect(named).toEqual([]);
      // The destination may be meant wherever it stands in the interval.
      if (inDestinationNetwork === 'no') expect(destination.asns.some((asn) => asns.has(asn))).toBe(false);
    }),
    { numRuns: 5000 },
  );
});

/**
 * Ways of which the truth is known: networks in a row, the first router of each may be numbered by the one before, in an
 * exchange LAN, or by an address that names no place; routers may be silent. Each but the last has two routers or more: of
 * one that has a single router with its neighbour's address nothing can be seen.
 */
const ways = fc.record({
  networks: fc.array(
    fc.record({
      routers: fc.integer({ min: 2, max: 3 }),
      border: fc.constantFrom('own', 'own', 'borrowed', 'exchange', 'no place'),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  silent: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  dropper: fc.nat(11),
  atIngress: fc.boolean(),
  n: fc.nat(11),
  byRouters: fc.option(fc.nat(11)),
  /** The highest hop that was asked, before the target. */
  asked: fc.option(fc.nat(11)),
});

it('never leaves out whoever drops, wherever on the way, however borders are numbered', () => {
  fc.assert(
    fc.property(ways, ({ networks, silent, dropper, atIngress, n: chosen, byRouters, asked }) => {
      const owners = networks.flatMap(({ routers }, index) => Array.from({ length: routers }, () => 11 + index));
      const length = owners.length;
      const last = owners.at(-1) ?? 0;
      const starts = networks.map((_, index) =>
        networks.slice(0, index).reduce((sum, { routers }) => sum + routers, 0),
      );
      const hops = owners.map((owner, at): Hop => {
        const border = networks[starts.indexOf(at)]?.border ?? 'own';
        if (silent[at] === true) return SILENT;
        if (border === 'exchange') return EXCHANGE;
        if (border === 'no place') return NO_PLACE;
        return border === 'borrowed' ? (owners[at - 1] ?? owner) : owner;
      });
      const lastHop = asked === null ? length : 1 + (asked % length);
      const answers = (hop: number): boolean => hop >= 1 && hop <= lastHop && silent[hop - 1] !== true;
      /** Hop 1, 2, … or the target. */
      const at = 1 + (dropper % (length + 1));
      const reaches = atIngress ? at - 1 : Math.min(at, length);
      const sawIt = range(reaches).filter(answers);
      const n = sawIt[chosen % Math.max(1, sawIt.length)] ?? 0;
      const lostAt = range(length).filter((hop) => answers(hop) && hop > reaches);
      const reporter = byRouters === null ? undefined : lostAt[byRouters % Math.max(1, lostAt.length)];
      const input = way(n, hops.slice(0, lastHop), {
        lastHop,
        ...(asked !== null && reporter === undefined
          ? { upTo: null, distance: null }
          : {
              upTo: reporter ?? length + 1,
              distance: reporter === undefined || silent[11] === true ? length + 1 : null,
            }),
        destination: origins(last),
        source: origins(owners[0] ?? 0),
      });
      const { inDestinationNetwork, attribution } = attributeInterval(input);
      const owner = at > length ? last : (owners[at - 1] ?? last);
      const mayBe =
        attribution.candidates.includes(owner) ||
        attribution.unknown === true ||
        attribution.silent?.some(({ from, to }) => owners.slice(from - 1, to).includes(owner)) === true;
      expect(mayBe).toBe(true);
      const named = [attribution.best, attribution.worst].filter((asn) => asn !== null);
      if (named.length > 0 && attribution.candidates.length <= 2) expect(named).toContain(owner);
      // The target is in its own network, as hop n+1 too.
      const isInside = (owners[n] ?? last) === last;
      if (inDestinationNetwork === 'no') expect(isInside).toBe(false);
      if (inDestinationNetwork === 'yes') expect(isInside).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});

function range(to: number): number[] {
  return Array.from({ length: to }, (_, index) => index + 1);
}
