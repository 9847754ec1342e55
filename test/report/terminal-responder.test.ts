/** METHOD: Replies, terminal responder. A target that answers from another address: every output takes its words for arrivals. */
import { describe, expect, it } from 'vitest';
import { recordText } from '../../src/cli/trace/record-text.js';
import { scamperTraces } from '../../src/report/formats/scamper-json.js';
import { isEnd } from '../../src/record/refusals.js';
import type { TraceRecord } from '../../src/record/record.js';
import { deliveredRecord } from '../cli/record-builder.js';
import { createStyle } from '../../src/cli/terminal/style.js';

const OTHER = '2001:db8:ffff::99';

/** The delivered record, whose target says of its closed port from another address. */
function answeredFrom(address: string, code = 4): TraceRecord {
  const record = structuredClone(deliveredRecord());
  const { targetPairs, target } = record;
  for (const place of [...record.hops, targetPairs!]) {
    for (const arm of Object.values(place.arms)) {
      for (const responder of arm.responders) {
        if (responder.address !== target.address) continue;
        responder.address = address;
        responder.icmp = [{ type: 1, code, pointer: null, count: responder.answered }];
      }
    }
  }
  return record;
}

describe('a target that answers from another address', () => {
  it('is the end of the path, and a router that refuses is not', () => {
    expect(isEnd(answeredFrom(OTHER), OTHER)).toBe(true);
    expect(isEnd(answeredFrom(OTHER, 1), OTHER)).toBe(false);
    // Where the target itself answers, nobody else is it.
    expect(isEnd(deliveredRecord(), OTHER)).toBe(false);
  });

  it('completes the trace of both arms, as the verdict says', () => {
    expect(scamperTraces(answeredFrom(OTHER)).map(({ stop_reason }) => stop_reason)).toEqual([
      'COMPLETED',
      'COMPLETED',
    ]);
  });

  it('is marked as refusing nothing', () => {
    const text = recordText(answeredFrom(OTHER), { columns: 120, style: createStyle(false, true) });
    expect(text).toContain('PDM arrives');
    expect(text).not.toContain('!4');
  });
});
