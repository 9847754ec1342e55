import type { PlaceRecord, ResponderRecord, TraceRecord } from './record.js';

const CHANGE = 'inserted-';

/** Kinds of headers that the way put in front of ours, as this responder's quotes show them: `hop-by-hop`, `routing` … */
export function insertedHeaders({ quotes }: Pick<ResponderRecord, 'quotes'>): string[] {
  const changes = quotes.flatMap((quote) => quote.changes).filter((change) => change.startsWith(CHANGE));
  return [...new Set(changes.map((change) => change.slice(CHANGE.length)))];
}

interface InsertedAt {
  readonly kind: string;
  /** Null is the target. */
  readonly hop: number | null;
}

/** Kinds of inserted headers at each place at which packets carried them, in the order of the path. */
export function insertedInOrder(record: TraceRecord): InsertedAt[] {
  const places: (PlaceRecord & { readonly hop: number | null })[] = [...record.hops];
  if (record.targetPairs !== null) places.push(record.targetPairs);
  return places.flatMap(({ hop, arms }) => {
    const kinds = new Set(Object.values(arms).flatMap(({ responders }) => responders.flatMap(insertedHeaders)));
    return [...kinds].sort().map((kind) => ({ kind, hop }));
  });
}

/** Each kind of inserted header with the places at which packets carried it, in the order of the path; null is the target. */
export function insertedOnPath(record: TraceRecord): Map<string, (number | null)[]> {
  const found = new Map<string, (number | null)[]>();
  for (const { kind, hop } of insertedInOrder(record)) found.set(kind, [...(found.get(kind) ?? []), hop]);
  return found;
}
