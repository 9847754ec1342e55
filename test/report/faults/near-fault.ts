import type { TraceRecord } from '../../../src/record/record.js';
import { buildRecord, type RecordOptions } from '../../results/record-builder.js';

/** Numbers that are equal modulo this share their routers. */
const SAME_ROUTERS = 97;

/** A record of target `index`, all of which lose the option between the same two routers of the source's own network. */
export function nearFault(index: number, options: RecordOptions = {}): TraceRecord {
  const number = SAME_ROUTERS * index;
  const record = buildRecord({ number, distance: 6, lastPdmHop: 1, silentHops: [], ...options });
  const { interval } = record.verdict;
  return interval === null ? record : { ...record, verdict: { ...record.verdict, interval: { ...interval, upTo: 2 } } };
}
