/** What goes in and out of the API: requests are checked with these, and the OpenAPI document is made of them. */
import { z } from 'zod';
import { traceRecordSchema } from '../../record/record-schema.js';
import { parseHost } from '../../targets/parse-host.js';
import { HIGHEST_HOP_LIMIT } from '../../trace/numbers.js';
import { OUTCOMES, PROTOCOLS } from '../../record/record.js';
import { TARGET_STATES } from '../../results/store/target-table.js';
import { PROBLEM_CODES } from './http-problem.js';

const DEFAULT_LIMIT = 50;
const HIGHEST_LIMIT = 500;

const count = z.int().min(0);
const instant = z.iso.datetime().describe('RFC 3339, UTC');
const id = z.string().min(1).max(64);
const protocol = z.enum(PROTOCOLS);
const outcome = z.enum(OUTCOMES);
const text = z.string().nullable();
const whole = z.int().nullable();
const next = z.string().nullable().describe('what `after` must be for the next page; null: there is none');
const shortText = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => !/\p{C}/u.test(value), 'has control characters');

const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(HIGHEST_LIMIT)
  .default(DEFAULT_LIMIT)
  .describe(`rows of one page, 1 to ${HIGHEST_LIMIT}`);
const after = id.optional().describe('go on behind this one: `next` of the page before');

/** What the path of a run's resource names. */
export const runParameters = z.strictObject({ runId: id.describe('UUIDv7 of a run') });
/** What the path of a record's resource names. */
export const traceParameters = z.strictObject({ traceId: id.describe('UUIDv7 of a record') });
/** Which page of a list is asked for, where its entries have ids. */
export const pageQuery = z.strictObject({ limit, after });
/** Which page of a run's targets is asked for; these are known by their lines. */
export const targetsQuery = z.strictObject({
  limit,
  after: z.coerce.number().int().min(0).optional().describe('go on behind this one: `next` of the page before'),
});

const since = z.iso
  .datetime({ offset: true })
  .transform((time) => Date.parse(time))
  .optional();
/** Filters of records; all given ones must fit. */
export const tracesQuery = z.strictObject({
  run: id.optional().describe('of this run'),
  company: shortText.optional().describe('of this company, exactly'),
  protocol: protocol.optional(),
  tag: shortText.optional().describe('of a target with this tag in the list'),
  outcome: z
    .string()
    .transform((value) => value.split(','))
    .pipe(z.array(outcome).min(1).max(OUTCOMES.length))
    .optional()
    .describe('with one of these outcomes, separated by commas'),
  host: shortText.optional().describe('of this destination as it was written in the list, or with this address'),
  since: since.describe('started at this RFC 3339 time or later'),
  until: since.describe('started before this RFC 3339 time'),
  limit,
  after,
});
/** The filters of records once they are checked: times are milliseconds since 1970. */
export type TracesQuery = z.output<typeof tracesQuery>;

/** The body of a request for a trace; what is left out is the daemon's to say. */
export const traceRequest = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(300)
      .superRefine((value, context) => {
        const parsed = parseHost(value, 0);
        if ('reason' in parsed) context.addIssue({ code: 'custom', message: parsed.reason });
      })
      .describe('a name or an IPv6 address'),
    protocol: protocol.exactOptional().describe("left out: the daemon's protocols, a record for each"),
    dport: z.int().min(1).max(65535).exactOptional().describe('destination port; not with icmp6'),
    maxHops: z.int().min(1).max(HIGHEST_HOP_LIMIT).exactOptional(),
    tags: z
      .array(
        z
          .string()
          .min(1)
          .max(64)
          .refine((value) => !/\p{C}/u.test(value), 'has control characters'),
      )
      .max(20)
      .exactOptional(),
  })
  .refine((body) => body.protocol !== 'icmp6' || body.dport === undefined, {
    path: ['dport'],
    message: 'icmp6 has no ports; leave dport out',
  });

const run = z.strictObject({
  id,
  name: text.describe("the job's name, or the list's"),
  vantage: text,
  toolVersion: z.string(),
  state: z.enum(['loading', 'ready', 'finished']).describe('ready: its targets are stored, it is or can be measured'),
  startedAt: instant,
  endedAt: instant.nullable(),
});

const outcomeCounts = z.array(z.strictObject({ protocol, outcome, count }));

const traceSummary = z.strictObject({
  id,
  runId: id,
  startedAt: instant,
  endedAt: instant,
  company: text,
  startAddress: text,
  startName: text,
  startAsn: whole,
  destinationInput: z.string(),
  destinationAddress: text,
  destinationName: text,
  destinationAsn: whole,
  destinationAsName: text,
  protocol,
  destinationPort: whole,
  lastPdmHop: whole,
  lastPdmAddress: text,
  lastPdmName: text,
  lastPdmAsn: whole,
  lastPlainHop: whole,
  lastPlainAddress: text,
  lastPlainName: text,
  lastPlainAsn: whole,
  nextHop: whole,
  nextHopAddress: text,
  nextHopName: text,
  nextHopAsn: whole,
  nextHopAsName: text,
  nextHopInDestinationNetwork: text,
  attributionBest: whole,
  attributionWorst: whole,
  attributionCandidates: text.describe('AS numbers in the order of the path, a space between them'),
  attributionSilent: text.describe('hop limits at which nobody answered: 5..6 9'),
  attributionUnknown: text.describe('yes: a network that no address names may be meant too; no'),
  insertedHeaders: text.describe('kinds of headers that the way put in, and where: routing@5 routing@target'),
  outcome,
  confidence: z.number().nullable(),
  cause: text,
  intervalAfter: whole,
  intervalUpTo: whole,
  intervalLikelyUpTo: whole,
  optionSeenUpTo: text,
  probesSent: count,
});

const target = z.strictObject({
  line: z.int().describe('of the list'),
  host: z.string(),
  company: text,
  protocols: z.array(protocol),
  dport: whole,
  tags: z.array(z.string()),
  state: z.enum(TARGET_STATES),
  records: z.array(z.strictObject({ id, protocol, address: text, outcome })),
});

const job = z.strictObject({
  name: z.string(),
  targets: z.string(),
  cron: z.string(),
  timezone: z.string(),
  protocols: z.array(protocol),
  nextRunAt: instant.nullable(),
  running: z
    .strictObject({ runId: id, startedAt: instant, targets: count, done: count })
    .nullable()
    .describe('null: it is not running'),
  lastEnd: z
    .strictObject({
      runId: id.nullable(),
      endedAt: instant,
      state: z.enum(['finished', 'stopped', 'failed']),
      error: text,
    })
    .nullable()
    .describe('null: it has not ended since the daemon was started'),
  skipped: count.describe('times that it was due and did not begin'),
});

/** By their names in the OpenAPI document. */
export const SCHEMAS = {
  Problem: z.strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(PROBLEM_CODES),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).exactOptional(),
  }),
  Health: z.strictObject({
    status: z.literal('ok'),
    uptimeSeconds: z.number(),
    eventLoopLagMs: z.strictObject({ mean: z.number(), p99: z.number(), max: z.number() }).describe('last minute'),
  }),
  Readiness: z.strictObject({
    status: z.enum(['ready', 'not-ready']),
    reasons: z.array(z.string()).describe('one sentence each; none without the token where one is needed'),
  }),
  Runs: z.strictObject({ items: z.array(run), next }),
  Run: z.strictObject({
    ...run.shape,
    targets: z.strictObject({ total: count, waiting: count, inFlight: count, done: count }),
    records: count,
    outcomes: outcomeCounts,
    sharedFaults: z
      .array(z.string())
      .describe(
        'one sentence for each fault that five targets or more share: it is one, and not as many as there are targets',
      ),
  }),
  Targets: z.strictObject({ items: z.array(target), next }),
  Traces: z.strictObject({ items: z.array(traceSummary), next }),
  Trace: traceRecordSchema,
  Jobs: z.strictObject({ items: z.array(job) }),
  TraceRequest: traceRequest,
  TraceAccepted: z.strictObject({
    runId: id,
    run: z.string().describe('path of the run'),
    traces: z.string().describe('path of its records'),
  }),
} as const satisfies Record<string, z.ZodType>;
/** A name of `SCHEMAS`, to refer to in the OpenAPI document. */
export type SchemaName = keyof typeof SCHEMAS;
