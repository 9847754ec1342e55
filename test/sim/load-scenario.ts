/** Named networks by hand: one YAML file is a topology and what a record of it must say. */
import { readFileSync } from 'node:fs';

import { parse } from 'yaml';
import { z } from 'zod';

import { OUTCOMES } from '../../src/trace/record.js';
import { plainRouter, plainTarget, SOURCE_ADDRESS } from './network-parts.js';
import { ALWAYS, PEACE, type Network, type Router, type Segment } from './network.js';

const match = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['everything', 'bare', 'destination-options', 'option']) }),
  z.strictObject({ kind: z.enum(['header-octets', 'longer-by']), atLeast: z.number() }),
]);
const action = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['drop', 'strip']) }),
  z.strictObject({
    kind: z.literal('reject'),
    type: z.number(),
    code: z.number(),
    pointer: z.enum(['none', 'next-header', 'upper-layer', 'option', 'header']),
  }),
  z.strictObject({ kind: z.literal('alter'), what: z.enum(['type', 'sequence', 'zeroed', 'last-octet']) }),
]);
const rules = z.array(
  z.strictObject({ stage: z.enum(['ingress', 'forward', 'local']), match, action, share: z.number().default(1) }),
);
const bucket = z.strictObject({ burst: z.number(), perSecond: z.number(), crossTraffic: z.number() });
const router = z.strictObject({
  silent: z.boolean().optional(),
  reports: z.number().optional(),
  rules: rules.optional(),
  returnRules: z
    .array(z.strictObject({ match: z.enum(['errors-quoting-options', 'errors', 'everything']), share: z.number() }))
    .optional(),
  bucket: bucket.optional(),
  forwardLoss: z.strictObject({ kind: z.literal('independent'), rate: z.number() }).optional(),
  quote: z
    .strictObject({
      octets: z.number(),
      hopLimit: z.union([z.literal('as-received'), z.number()]),
      extensions: z.enum(['none', 'compliant', 'legacy']),
      objects: z.array(z.enum(['mpls', 'interface'])),
      artefact: z.enum(['none', 'stripped', 'altered']),
    })
    .optional(),
});
const expectation = z.strictObject({
  outcomes: z.array(z.enum(OUTCOMES)).min(1),
  after: z.union([z.number(), z.array(z.number())]).optional(),
  upTo: z.number().optional(),
  likelyUpTo: z.number().optional(),
  cause: z.enum(['option', 'size', 'destination-options', 'length']).optional(),
  refusal: z
    .strictObject({ hop: z.number(), type: z.number(), code: z.number(), pointer: z.number().nullable() })
    .optional(),
  optionSeenUpTo: z.union([z.number(), z.literal('target')]).optional(),
  returnPath: z.enum(['excluded', 'not excluded']).optional(),
  pathsDiverge: z.boolean().optional(),
});
const scenarioFile = z.strictObject({
  title: z.string(),
  /** The letter of the lab's list that this mirrors. */
  lab: z.string().optional(),
  routers: z.number(),
  every: router.optional(),
  at: z.record(z.string(), router).default({}),
  target: z
    .strictObject({
      udp: z.enum(['port-unreachable', 'silent']).optional(),
      echo: z.enum(['replies', 'silent']).optional(),
      rules: rules.optional(),
      bucket: bucket.optional(),
    })
    .default({}),
  /** Packets with the header leave after hop `from`, take `length` other routers and come back at hop `to`. */
  detour: z
    .strictObject({ from: z.number(), to: z.number(), length: z.number(), dropAt: z.number().optional() })
    .optional(),
  /** Hop `at` is one of `count` equal-cost members, `dead` of which drop the header. */
  members: z
    .strictObject({ at: z.number(), count: z.number(), dead: z.number(), hash: z.enum(['flow-label', 'ports-deep']) })
    .optional(),
  expect: z.strictObject({ udp: expectation, icmp6: expectation }),
});

export type ScenarioFile = z.infer<typeof scenarioFile>;
export type Expectation = z.infer<typeof expectation>;

const DROPS_HEADERS = {
  stage: 'forward',
  match: { kind: 'destination-options' },
  action: { kind: 'drop' },
  ...ALWAYS,
} as const;

function withTimes<T extends object>(given: readonly T[] | undefined): (T & typeof ALWAYS)[] {
  return (given ?? []).map((one) => ({ ...ALWAYS, ...one }));
}

export function readScenario(path: string): ScenarioFile {
  return scenarioFile.parse(parse(readFileSync(path, 'utf8')));
}

export function networkOf(scenario: ScenarioFile, seed: number): Network {
  let numbers = 1;
  const make = (hop: number): Router => {
    const given = { ...scenario.every, ...scenario.at[String(hop)] };
    const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    return { ...plainRouter(1 + Math.floor(hop / 3), numbers++), ...defined, rules: withTimes(given.rules) };
  };
  const routers = Array.from({ length: scenario.routers }, (_, index) => make(index + 1));
  const straight = (members: readonly Router[]): Segment => ({
    members: [members],
    hash: 'none',
    headerMember: null,
    salt: seed,
  });
  let segments: Segment[] = [straight(routers)];
  const { detour, members } = scenario;
  if (detour !== undefined) {
    const branch = Array.from({ length: detour.length }, (_, index) =>
      index + 1 === detour.dropAt ? { ...make(-1), rules: [DROPS_HEADERS] } : make(-1),
    );
    segments = [
      straight(routers.slice(0, detour.from)),
      { members: [routers.slice(detour.from, detour.to - 1), branch], hash: 'none', headerMember: 1, salt: seed },
      straight(routers.slice(detour.to - 1)),
    ];
  }
  if (members !== undefined) {
    const equal = Array.from({ length: members.count }, (_, index) => [
      index < members.dead ? { ...make(members.at), rules: [DROPS_HEADERS] } : make(members.at),
    ]);
    segments = [
      straight(routers.slice(0, members.at - 1)),
      { members: equal, hash: members.hash, headerMember: null, salt: seed },
      straight(routers.slice(members.at)),
    ];
  }
  const target = Object.fromEntries(Object.entries(scenario.target).filter(([, value]) => value !== undefined));
  return {
    seed,
    source: SOURCE_ADDRESS,
    target: { ...plainTarget(), ...target, rules: withTimes(scenario.target.rules) },
    epochs: [{ fromNs: 0, segments }],
    adversary: PEACE,
    sendFailures: { share: 0, code: 'EPERM' },
    kernelDrops: 0,
  };
}
