import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  judgeMembership,
  MEMBERSHIP_RULES,
  type MembershipInput,
  type Origins,
} from '../../src/annotate/membership.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

const D = 100;
const x = 10;
const y = 20;
const z = 30;

function origins(...asns: number[]): Origins {
  return { asns, exchange: false };
}
const UNMAPPED = origins();
const EXCHANGE: Origins = { asns: [z], exchange: true };

/** `null` stands for a silent hop. */
function path(
  last: Origins | null,
  next: Origins | null,
  afterNext: Origins | null,
  more: Partial<MembershipInput> = {},
): MembershipInput {
  return {
    lastPdmHop: 4,
    destination: origins(D),
    source: origins(1),
    last,
    next: next === null ? [] : [next],
    nextUncertain: false,
    afterNext: afterNext === null ? [] : [afterNext],
    nextAnswering: afterNext === null ? [] : [afterNext],
    ...more,
  };
}

describe('the table of METHOD section 8', () => {
  const rows: [string, MembershipInput, string, number | null, number | null, number[]][] = [
    ['D, D, any', path(origins(D), origins(D), null), 'yes', D, D, [D]],
    ['D, D, any', path(origins(D), origins(D), origins(y)), 'yes', D, D, [D]],
    ['x, D, any', path(origins(x), origins(D), null), 'likely', D, x, [D, x]],
    ['x, D, any', path(origins(x), origins(D), origins(D)), 'likely', D, x, [D, x]],
    ['x, D, any', path(origins(x), origins(D), UNMAPPED), 'likely', D, x, [D, x]],
    ['x, y, D', path(origins(x), origins(y), origins(D)), 'ambiguous', D, y, [D, y, x]],
    ['x, x, D', path(origins(x), origins(x), origins(D)), 'ambiguous', D, x, [D, x]],
    ['x, x, x ≠ D', path(origins(x), origins(x), origins(x)), 'no', x, x, [x]],
    ['x, y, y ≠ D', path(origins(x), origins(y), origins(y)), 'no', y, x, [y, x]],
    ['n+1 silent', path(origins(x), null, origins(D)), 'unknown', null, null, [x, D]],
    ['n+1 silent', path(origins(D), null, origins(D)), 'unknown', null, null, [D]],
    ['n+1 silent', path(origins(x), null, null), 'unknown', null, null, [x]],
    ['n+1 unmapped', path(origins(x), UNMAPPED, origins(D)), 'unknown', null, null, [x, D]],
    ['n+1 in an exchange LAN', path(origins(x), EXCHANGE, origins(D)), 'unknown', null, null, [x, D]],
    [
      'several candidates of different AS',
      path(origins(x), null, origins(D), { next: [origins(y), origins(D)] }),
      'unknown',
      null,
      null,
      [x, y, D],
    ],
    [
      'n+1 uncertain: the paths diverge',
      path(origins(D), origins(D), origins(D), { nextUncertain: true }),
      'unknown',
      null,
      null,
      [D],
    ],
    ['anything else', path(origins(x), origins(x), origins(y)), 'unknown', null, null, [x, y]],
    ['anything else', path(origins(x), origins(y), origins(z)), 'unknown', null, null, [x, y, z]],
    ['anything else', path(origins(x), origins(y), origins(x)), 'unknown', null, null, [x, y]],
    ['anything else', path(origins(D), origins(y), origins(y)), 'unknown', null, null, [D, y]],
    ['anything else', path(origins(D), origins(y), origins(D)), 'unknown', null, null, [D, y]],
    ['anything else', path(origins(x), origins(x), null), 'unknown', null, null, [x]],
    ['anything else', path(origins(x), origins(y), UNMAPPED), 'unknown', null, null, [x, y]],
    ['anything else', path(origins(x), origins(x), EXCHANGE), 'unknown', null, null, [x]],
    ['anything else', path(UNMAPPED, origins(D), origins(D)), 'unknown', null, null, [D]],
    ['anything else', path(EXCHANGE, origins(D), origins(D)), 'unknown', null, null, [D]],
    ['anything else', path(null, origins(D), origins(D)), 'unknown', null, null, [D]],
    ['anything else', path(origins(x), origins(x), origins(x), { destination: UNMAPPED }), 'unknown', null, null, [x]],
    [
      'anything else',
      path(origins(x), origins(y), null, { afterNext: [origins(y), origins(z)] }),
      'unknown',
      null,
      null,
      [x, y, z],
    ],
    ['n = 0', path(null, origins(x), origins(x), { lastPdmHop: 0 }), 'no', 1, 1, [1]],
    ['n = 0', path(null, null, null, { lastPdmHop: 0, source: UNMAPPED }), 'no', null, null, []],
  ];
  it.each(rows)('row "%s"', (rule, input, inDestinationNetwork, best, worst, candidates) => {
    expect(judgeMembership(input)).toEqual({ inDestinationNetwork, attribution: { best, worst, candidates, rule } });
  });

  it('is covered: every rule has a row above', () => {
    expect(new Set(rows.map(([rule]) => rule))).toEqual(new Set(Object.values(MEMBERSHIP_RULES)));
  });
});

describe('several candidates', () => {
  it('of one network are one network', () => {
    const next = [origins(D), origins(D)];
    expect(judgeMembership(path(origins(x), null, null, { next })).attribution.rule).toBe('x, D, any');
  });

  it('one of them unmapped or in an exchange decide nothing', () => {
    for (const [other, rule] of [
      [UNMAPPED, 'n+1 unmapped'],
      [EXCHANGE, 'n+1 in an exchange LAN'],
    ] as const)
      expect(judgeMembership(path(origins(D), null, null, { next: [origins(D), other] }))).toMatchObject({
        inDestinationNetwork: 'unknown',
        attribution: { rule },
      });
  });
});

describe('prefixes with several origins', () => {
  it('count as the same network when they share one, and all are candidates', () => {
    const input = path(origins(x, D), origins(y, D), null, { destination: origins(D, z) });
    expect(judgeMembership(input)).toEqual({
      inDestinationNetwork: 'yes',
      attribution: { best: D, worst: D, candidates: [D, x, y], rule: 'D, D, any' },
    });
  });

  it('are not one network where three hops share origins in pairs only', () => {
    const input = path(origins(x), origins(x, y), origins(y));
    expect(judgeMembership(input)).toMatchObject({
      inDestinationNetwork: 'unknown',
      attribution: { candidates: [x, y] },
    });
  });

  it('name the shared origin of a network that is not the destination', () => {
    const input = path(origins(z, x), origins(x, y), origins(y, x));
    expect(judgeMembership(input).attribution).toMatchObject({ best: x, worst: x, rule: 'x, x, x ≠ D' });
  });
});

it('never names a network that no hop, target or source of the trace belongs to, and accuses nobody when it says unknown', () => {
  const some = fc.record({
    asns: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    exchange: fc.boolean(),
  });
  const list = fc.array(some, { maxLength: 3 });
  const inputs = fc.record({
    lastPdmHop: fc.integer({ min: 0, max: 3 }),
    destination: some,
    source: some,
    last: fc.option(some),
    next: list,
    nextUncertain: fc.boolean(),
    afterNext: list,
    nextAnswering: list,
  });
  fc.assert(
    fc.property(inputs, (input) => {
      const { inDestinationNetwork, attribution } = judgeMembership(input);
      const seen = [
        input.destination,
        input.source,
        input.last ?? UNMAPPED,
        ...input.next,
        ...input.afterNext,
        ...input.nextAnswering,
      ]
        .filter((entry) => !entry.exchange)
        .flatMap((entry) => entry.asns);
      expect(seen).toEqual(expect.arrayContaining(attribution.candidates));
      expect(new Set(attribution.candidates).size).toBe(attribution.candidates.length);
      const named = [attribution.best, attribution.worst].filter((asn) => asn !== null);
      if (inDestinationNetwork === 'unknown') expect(named).toEqual([]);
      else expect(attribution.candidates).toEqual(expect.arrayContaining(named));
    }),
    { numRuns: 5000 },
  );
});
