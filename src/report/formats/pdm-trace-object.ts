import type { Arm, TraceRecord } from '../../record/record.js';
import type { ArmHop } from './expand-replies.js';
import { insertedHeaders } from '../../record/inserted-headers.js';

/** What formats of other people have no field for, in one object of each arm's trace: `pdm_trace`, which their readers pass over. */
export function pdmTraceObject(record: TraceRecord, arm: Arm, path: readonly ArmHop[]): Record<string, unknown> {
  return {
    id: record.id,
    arm,
    outcome: record.verdict.outcome,
    last_pdm_hop: record.summary.lastPdmHop?.hop ?? null,
    ...networks(record),
    ...inserted(path),
  };
}

/** Whose network may be meant, where the outcome names somebody: all that the record leaves possible, or nothing. */
function networks({ summary }: TraceRecord): Record<string, unknown> {
  const { attribution } = summary;
  if (attribution === null) return {};
  const { candidates, silent, unknown } = attribution;
  return {
    candidates,
    ...(silent === undefined ? {} : { silent }),
    ...(unknown === undefined ? {} : { unknown }),
    in_destination_network: summary.inDestinationNetwork,
  };
}

/** Headers that the way put in front of ours: Atlas has a field for the size of two kinds, which quotes do not always show. */
function inserted(path: readonly ArmHop[]): Record<string, unknown> {
  const found = path.flatMap(({ hop, responders }) =>
    responders.flatMap((responder) => {
      const headers = insertedHeaders(responder);
      return headers.length === 0 ? [] : [{ hop, from: responder.address, headers }];
    }),
  );
  return found.length === 0 ? {} : { inserted: found };
}
