/**
 * What the daemon and its measuring child say to each other, as JSON. The child reads what strangers send, so everything that
 * comes from it is checked here before it is believed.
 */
import { z } from 'zod';
import { traceRecordSchema } from '../../record/record-schema.js';
import type { Settings } from '../../config/settings.js';
import { PROTOCOLS, type Protocol, type TraceRecord } from '../../record/record.js';
import type { MeasureOrder } from '../target-measurer.js';

/** From the daemon. */
export type MeasureRequest =
  /** The first one: opens the sockets. */
  | { readonly kind: 'open'; readonly settings: Settings }
  | { readonly kind: 'orders'; readonly orders: readonly NumberedOrder[] }
  /** So many records were taken: as many more may come. */
  | { readonly kind: 'taken'; readonly records: number }
  /** Text of a do-not-probe file that takes the place of the one before; null: none. */
  | { readonly kind: 'do-not-probe'; readonly text: string | null }
  /** Ends all traces now. */
  | { readonly kind: 'interrupt' };

/** `number`: what the child's messages about the order name it by. */
export interface NumberedOrder {
  readonly number: number;
  readonly order: MeasureOrder;
}

/** Records that the child hands over before any of them is said to be taken. */
export const RECORD_WINDOW = 200;

const number = z.int().min(0);
const line = z.string().max(2000);
const count = z.number().min(0);

const statsSchema = z.strictObject({
  tracesInFlight: count,
  probesSent: count,
  repliesMatched: count,
  foreign: count,
  malformed: count,
  sendErrors: count,
  kernelDrops: count.nullable(),
});

const messageSchema = z.discriminatedUnion('kind', [
  /** Sockets are open, privileges are gone. */
  z.strictObject({ kind: z.literal('ready'), transport: line }),
  /** Nothing can be measured, or no longer; the process ends. */
  z.strictObject({ kind: z.literal('failed'), code: z.string().max(100).nullable(), message: line, exitCode: number }),
  z.strictObject({ kind: z.literal('warning'), message: line }),
  /** A trace of the order has begun. */
  z.strictObject({
    kind: z.literal('started'),
    number,
    traceId: z.uuid(),
    protocol: z.enum(PROTOCOLS),
    address: z.string().max(100),
  }),
  z.strictObject({
    kind: z.literal('record'),
    number,
    record: traceRecordSchema,
    interrupted: z.boolean(),
    last: z.boolean(),
  }),
  /** The order yields nothing more. `defect`: what broke over it. */
  z.strictObject({
    kind: z.literal('end'),
    number,
    end: z.enum(['done', 'interrupted']),
    defect: z.string().max(10_000).nullable(),
  }),
  /** Every second, so that a child that hangs is noticed. */
  z.strictObject({ kind: z.literal('stats'), stats: statsSchema }),
]);

/** From the measuring child. */
export type MeasureMessage =
  | Exclude<z.output<typeof messageSchema>, { kind: 'record' }>
  | {
      readonly kind: 'record';
      readonly number: number;
      readonly record: TraceRecord;
      readonly interrupted: boolean;
      readonly last: boolean;
    };

/** Far more than a record of 64 hops takes. */
const MOST_CHARACTERS = 4 << 20;

/** The message, or why it is none, in a few words. */
export function parseMeasureMessage(text: string): MeasureMessage | string {
  if (text.length > MOST_CHARACTERS) return `${text.length} characters`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'no JSON';
  }
  const result = messageSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, 300);
}

/** A record that answers the order it says it answers. */
export function isRecordOf(record: TraceRecord, order: MeasureOrder): boolean {
  return record.runId === order.runId && order.protocols.some((protocol: Protocol) => protocol === record.protocol);
}
