import { describe, expect, it } from 'vitest';
import { traceRecordSchema } from '../../src/record/record-schema.js';
import { sampleHop, sampleRecord, sampleResponder, sampleSummaryHop } from '../annotate/sample-record.js';

const full = sampleRecord({
  hops: [{ ...sampleHop(1, [sampleResponder('2001:db8::1')], []), sharedFrom: 'another' }],
  targetPairs: {
    ...sampleHop(1, [sampleResponder('2001:db8:d::80', 1, 4)], []),
    hop: null,
    distance: { plain: 2, pdm: null },
  },
  summary: {
    lastPdmHop: sampleSummaryHop(1, '2001:db8::1'),
    lastPlainHop: sampleSummaryHop(1, '2001:db8::1'),
    nextHop: { ...sampleSummaryHop(2, null), candidates: [], uncertain: false },
    inDestinationNetwork: 'unknown',
    attribution: {
      best: null,
      worst: null,
      candidates: [64500],
      silent: [{ from: 2, to: 4 }],
      unknown: true,
      rule: 'n+1 silent',
      method: 'origin-as',
      source: null,
      date: null,
    },
  },
});

full.verdict.settledBy = 'tcp';
full.verdict.refusal = { address: '2001:db8::1', hop: 1, type: 1, code: 1, pointer: null, inTargetName: true };

describe('the schema of the record', () => {
  it('accepts records, the emptiest and a full one, and changes nothing', () => {
    for (const record of [sampleRecord(), full]) expect(traceRecordSchema.parse(record)).toEqual(record);
    expect(traceRecordSchema.parse(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });

  it.each([
    ['a field left out', { company: undefined }],
    ['a field that does not exist', { comapny: 'x' }],
    ['another schema', { schema: 'pdm-trace/2' }],
    ['an outcome that does not exist', { verdict: { ...full.verdict, outcome: 'lost' } }],
    ['a code that does not exist', { verdict: { ...full.verdict, settledBy: 'prayer' } }],
    ['a time without zone', { startedAt: '2026-01-01T00:00:00' }],
    ['AS 0', { source: { ...full.source, asn: 0 } }],
    ['a hop 0', { hops: [{ ...full.hops[0], hop: 0 }] }],
    ['a rate above one', { verdict: { ...full.verdict, confidence: 1.5 } }],
  ])('refuses %s', (_, change) => {
    expect(traceRecordSchema.safeParse({ ...full, ...change }).success).toBe(false);
  });
});
