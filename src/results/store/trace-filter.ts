/** Which records are read, and the condition that it makes in SQL. */
import type { Outcome, Protocol } from '../../record/record.js';
import type { SqlValue } from './sql-connection.js';

/** All given conditions must hold. Of a list one entry must; an empty list matches nothing. */
export interface TraceFilter {
  readonly runId?: string;
  readonly runIds?: readonly string[];
  readonly company?: string;
  readonly outcomes?: readonly Outcome[];
  readonly protocol?: Protocol;
  readonly protocols?: readonly Protocol[];
  /** Records in which this AS is the destination's, hop n's, hop n+1's, or among the attribution's readings and candidates. */
  readonly asn?: number;
  /** `startedAt` in [fromMs, toMs). */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Substring of the destination as written, its name or its address. */
  readonly destination?: string;
  /** The destination exactly as written (case aside), or its address in RFC 5952 text. */
  readonly host?: string;
  /** The target's row of its list has this tag. */
  readonly tag?: string;
  /** Only records that differ from the one before, as `changes` lists them. */
  readonly changed?: boolean;
  /** Only records that an earlier run has one to compare with. */
  readonly compared?: boolean;
  /** Nothing that was stored after this key (`lastKey`): several reads then see the same records while others are written. */
  readonly upToKey?: number;
}

/** `byKey`: rows are read in the order of keys, within bounds that the time gave; its index would only make them be sorted. */
export function whereClause(
  filter: TraceFilter,
  fixed: readonly string[] = [],
  byKey = false,
): { sql: string; parameters: SqlValue[] } {
  const conditions = [...fixed];
  const parameters: SqlValue[] = [];
  const add = (condition: string, ...values: SqlValue[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  const addOneOf = (expression: (list: string) => string, values: readonly SqlValue[] | undefined): void => {
    if (values !== undefined) add(expression(values.map(() => '?').join(', ')), ...values);
  };
  const startedAt = byKey ? '+t.started_at_ms' : 't.started_at_ms';
  if (filter.runId !== undefined) add('t.run_key = (SELECT run.run_key FROM run WHERE run.id = ?)', filter.runId);
  addOneOf((list) => `t.run_key IN (SELECT run.run_key FROM run WHERE run.id IN (${list}))`, filter.runIds);
  if (filter.company !== undefined) add('t.company = ?', filter.company);
  if (filter.protocol !== undefined) add('t.protocol = ?', filter.protocol);
  addOneOf((list) => `t.protocol IN (${list})`, filter.protocols);
  addOneOf((list) => `t.outcome IN (${list})`, filter.outcomes);
  if (filter.fromMs !== undefined) add(`${startedAt} >= ?`, filter.fromMs);
  if (filter.toMs !== undefined) add(`${startedAt} < ?`, filter.toMs);
  // `+`: where records are counted, an index that covers all is worth more than the order of keys.
  if (filter.upToKey !== undefined) add('+t.trace_key <= ?', filter.upToKey);
  if (filter.changed === true) conditions.push('t.change IS NOT NULL');
  if (filter.compared === true) conditions.push('t.previous_started_at_ms IS NOT NULL');
  if (filter.asn !== undefined) {
    const asn = filter.asn;
    add(
      `(? IN (t.destination_asn, t.last_pdm_asn, t.next_hop_asn, t.attribution_best, t.attribution_worst)
        OR instr(' ' || t.attribution_candidates || ' ', ' ' || ? || ' '))`,
      ...[asn, String(asn)],
    );
  }
  if (filter.destination !== undefined) {
    const text = filter.destination;
    add(
      `(instr(lower(t.destination_input), lower(?)) OR instr(lower(t.destination_name), lower(?))
        OR instr(t.destination_address, lower(?)))`,
      ...[text, text, text],
    );
  }
  if (filter.host !== undefined) {
    // By the series, which has an index; only what may be an address is looked for in every row.
    const written = `t.trace_key IN (SELECT s.trace_key FROM trace AS s
      WHERE s.series_key IN (SELECT series_key FROM series WHERE series.host = lower(?)))`;
    if (filter.host.includes(':')) add(`(${written} OR t.destination_address = ?)`, filter.host, filter.host);
    else add(written, filter.host);
  }
  if (filter.tag !== undefined) {
    add(
      `EXISTS (SELECT 1 FROM target JOIN json_each(target.tags) AS tag
         WHERE target.target_key = t.target_key AND tag.value = ?)`,
      filter.tag,
    );
  }
  return { sql: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, parameters };
}
