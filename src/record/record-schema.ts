import { z } from 'zod';
import { OUTCOMES, PROTOCOLS, RECORD_SCHEMA, SETTLED_BY, type Arm, type TraceRecord } from './record.js';

/**
 * The record as a zod schema, for its JSON Schema and for checking records that come from elsewhere. `record/record.ts` is
 * where it is defined; the last lines here make a difference between the two a compile error.
 */

const count = z.int().min(0);
const hopNumber = z.int().min(0).max(255);
const asn = z.int().min(1).max(0xffffffff);
const octet = z.int().min(0).max(255);
const share = z.number().min(0).max(1);
const milliseconds = z.number();
const address = z.string().min(2).describe('IPv6 address, RFC 5952 text');
const asFields = {
  asn: asn.nullable(),
  asName: z.string().nullable(),
  asns: z.array(asn).min(2).exactOptional(),
};

const namedAddress = z.strictObject({ address: address.nullable(), name: z.string().nullable(), ...asFields });

const icmpCount = z.strictObject({
  type: octet,
  code: octet,
  pointer: count.nullable(),
  mtu: count.exactOptional(),
  count,
});

const mplsLabel = z.strictObject({
  label: z.int().min(0).max(0xfffff),
  trafficClass: z.int().min(0).max(7),
  bottomOfStack: z.boolean(),
  ttl: octet,
});

const interfaceInformation = z.strictObject({
  role: z.enum(['incoming', 'sub-ip', 'outgoing', 'next-hop']),
  ifIndex: count.nullable(),
  address: z.string().nullable(),
  name: z.string().nullable(),
  mtu: count.nullable(),
});

const quoteCount = z.strictObject({ intact: z.boolean().nullable(), changes: z.array(z.string()), count });

const extensionObject = z.strictObject({
  classNumber: octet,
  cType: octet,
  hex: z.string().regex(/^(?:[0-9a-f]{2})*$/),
});

const responder = z.strictObject({
  address,
  name: z.string().nullable(),
  ...asFields,
  answered: count,
  rttMs: z.strictObject({ min: milliseconds, median: milliseconds, max: milliseconds }).nullable(),
  replyHopLimit: octet.nullable(),
  icmp: z.array(icmpCount),
  mpls: z.array(mplsLabel),
  interfaces: z.array(interfaceInformation),
  objects: z.array(extensionObject).min(1).exactOptional(),
  quotes: z.array(quoteCount),
});

const arm = z.strictObject({ sent: count, answered: count, responders: z.array(responder) });
const pairCounts = z.strictObject({ both: count, plainOnly: count, pdmOnly: count, neither: count, void: count });

const place = {
  pairs: pairCounts,
  arms: z.strictObject({
    plain: arm,
    pdm: arm,
    do8: arm.exactOptional(),
    do16: arm.exactOptional(),
    long: arm.exactOptional(),
  } satisfies Record<Arm, z.ZodType>),
};

const hop = z.strictObject({
  hop: hopNumber.min(1),
  ...place,
  sharedFrom: z.string().exactOptional(),
  contradicting: z.array(z.string()).exactOptional(),
});

const targetPairs = z.strictObject({
  hop: z.null(),
  ...place,
  distance: z.strictObject({ plain: hopNumber.nullable(), pdm: hopNumber.nullable() }),
});

const summaryHop = z.strictObject({ hop: hopNumber, ...namedAddress.shape, uncertain: z.boolean().exactOptional() });

const attribution = z.strictObject({
  best: asn.nullable(),
  worst: asn.nullable(),
  candidates: z.array(asn),
  silent: z.array(z.strictObject({ from: hopNumber.min(1), to: hopNumber.min(1) })).exactOptional(),
  unknown: z.literal(true).exactOptional(),
  rule: z.string(),
  method: z.literal('origin-as'),
  source: z.string().nullable(),
  date: z.string().nullable(),
});

const summary = z.strictObject({
  lastPdmHop: summaryHop.nullable(),
  lastPlainHop: summaryHop.nullable(),
  nextHop: z
    .strictObject({ ...summaryHop.shape, candidates: z.array(namedAddress), uncertain: z.boolean() })
    .nullable(),
  inDestinationNetwork: z.enum(['yes', 'likely', 'ambiguous', 'no', 'unknown']).nullable(),
  attribution: attribution.nullable(),
});

const refusal = z.strictObject({
  address,
  hop: hopNumber.nullable(),
  type: octet,
  code: octet,
  pointer: count.nullable(),
  inTargetName: z.boolean().exactOptional(),
});

const verdict = z.strictObject({
  outcome: z.enum(OUTCOMES),
  confidence: share.nullable(),
  interval: z.strictObject({ after: hopNumber, upTo: hopNumber, likelyUpTo: hopNumber }).nullable(),
  cause: z.enum(['option', 'size', 'destination-options', 'length']).nullable(),
  refusal: refusal.nullable(),
  pathsDiverge: hopNumber.nullable(),
  optionSeenUpTo: z.union([hopNumber, z.literal('target')]).nullable(),
  evidence: z.strictObject({
    basis: z.enum(['target', 'routers']).nullable(),
    returnPath: z.enum(['excluded', 'not excluded']).nullable(),
    witness: z.enum(['answers', 'echo', 'tcp']).nullable().exactOptional(),
    pairs: count,
    plainOnly: count,
    pdmOnly: count,
    rates: z.strictObject({ plain: share.nullable(), pdm: share.nullable() }),
    passRateUpper: share.nullable(),
    placebo: z.strictObject({ pairs: count, both: count }).exactOptional(),
    neighbours: z.strictObject({ asked: count, same: count, differ: count }).nullable().exactOptional(),
  }),
  settledBy: z.enum(SETTLED_BY).nullable().exactOptional(),
  reasons: z.array(z.string()),
});

const counters = z.strictObject({
  sent: count,
  answered: count,
  late: count,
  duplicate: count,
  foreign: count,
  ambiguous: count,
  malformed: count,
  forged: count,
  sendErrors: count,
  kernelDrops: count.nullable(),
});

const port = z.int().min(0).max(65535);
const instant = z.iso.datetime().describe('RFC 3339, UTC');

/**
 * docs/RECORD.md as a schema, from which config/record.schema.json is made. Strict: a field that it does not name is an
 * error.
 */
export const traceRecordSchema = z.strictObject({
  schema: z.literal(RECORD_SCHEMA),
  id: z.string(),
  runId: z.string(),
  vantage: z.string().nullable(),
  startedAt: instant,
  endedAt: instant,
  tool: z.strictObject({
    version: z.string(),
    transport: z.string().nullable(),
    clock: z.enum(['kernel', 'process']).nullable(),
    method: count.exactOptional(),
  }),
  parameters: z.strictObject({
    confidence: share,
    maxHops: z.int().min(1).max(64),
    timeoutMs: milliseconds,
    hopIntervalMs: milliseconds,
    seed: count,
  }),
  company: z.string().nullable(),
  source: namedAddress,
  target: z.strictObject({ ...namedAddress.shape, input: z.string(), aliases: z.array(z.string()) }),
  sharedWith: z.string().exactOptional(),
  protocol: z.enum(PROTOCOLS),
  flow: z.strictObject({
    sourcePort: port.nullable(),
    destinationPort: port.nullable(),
    echoId: port.nullable(),
    flowLabel: z.int().min(0).max(0xfffff).nullable(),
    size: count.nullable(),
    fragments: count.exactOptional(),
  }),
  hops: z.array(hop),
  targetPairs: targetPairs.nullable(),
  summary,
  verdict,
  pdm: z.strictObject({
    serverDelayMs: milliseconds.nullable(),
    roundTripMs: milliseconds.nullable(),
    implausible: count.exactOptional(),
  }),
  counters,
});

/** Does not compile when the schema and the type differ, in what may be absent too. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;
type Whole<T> = T extends readonly (infer E)[] ? Whole<E>[] : T extends object ? { [K in keyof T]-?: Whole<T[K]> } : T;
type Assert<T extends true> = T;
type _SchemaMatchesType = Assert<Same<z.infer<typeof traceRecordSchema>, TraceRecord>>;
type _SchemaHasAllOfIt = Assert<Same<Whole<z.infer<typeof traceRecordSchema>>, Whole<TraceRecord>>>;
