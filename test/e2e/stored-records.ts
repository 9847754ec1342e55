/** What a store holds between two processes, read as another program would; and that nothing it held before is gone. */
import Database from 'better-sqlite3';

/** A whole record: not one that was given up, whose place another may take. */
export interface StoredRecord {
  /** Id of its run. */
  readonly run: string;
  /** `<address> <protocol>` */
  readonly key: string;
  readonly id: string;
  readonly outcome: string;
  /** As JSON. */
  readonly reasons: string;
}

/** Whole records by their key, of a store that has one run. @throws where the file or a record is not as it should be */
export function storedRecords(path: string): ReadonlyMap<string, StoredRecord> {
  const audit = new StoreAudit(path, ({ key }) => key);
  audit.lookAtStore();
  if (audit.violations.length > 0) throw new Error(audit.violations.join('\n'));
  return audit.stored;
}

/** Ids of the runs in this state. */
export function runsIn(path: string, state: 'loading' | 'ready' | 'finished'): string[] {
  return read(path, (database) => {
    return database.prepare('SELECT id FROM run WHERE state = ?').pluck().all(state) as string[];
  });
}

/** Looks at a store again and again. `keyOf`: what there may be one record of. */
export class StoreAudit {
  /** What did not hold; empty when all is well. */
  readonly violations: string[] = [];
  /** As of the last look. */
  stored: ReadonlyMap<string, StoredRecord> = new Map();
  readonly #path: string;
  readonly #keyOf: (record: StoredRecord) => string;

  constructor(path: string, keyOf: (record: StoredRecord) => string) {
    this.#path = path;
    this.#keyOf = keyOf;
  }

  /** The file is whole, and nothing is there twice, or gone that was there at the last look. */
  lookAtStore(): void {
    const now = new Map<string, StoredRecord>();
    for (const record of this.#records()) {
      const key = this.#keyOf(record);
      if (now.has(key)) this.violations.push(`${key} is stored twice`);
      now.set(key, record);
    }
    for (const [key, { id }] of this.stored)
      if (now.get(key)?.id !== id) this.violations.push(`${key} was stored as ${id} and is not any more`);
    this.stored = now;
  }

  #records(): StoredRecord[] {
    return read(this.#path, (database) => {
      const health = database.pragma('quick_check', { simple: true });
      if (health !== 'ok') this.violations.push(`the store is damaged: ${String(health)}`);
      const rows = database
        .prepare(
          `SELECT run.id AS run, t.destination_input || ' ' || t.protocol AS key, t.id, t.outcome,
                  json_extract(r.json, '$.id') AS json_id, json_extract(r.json, '$.verdict.reasons') AS reasons
           FROM trace AS t JOIN record AS r USING (trace_key) JOIN run USING (run_key) WHERE t.provisional = 0`,
        )
        .all() as (StoredRecord & { readonly json_id: string })[];
      for (const { key, id, json_id: jsonId } of rows)
        if (jsonId !== id) this.violations.push(`${key}: the record is another one`);
      return rows;
    });
  }
}

function read<T>(path: string, reader: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true });
  try {
    return reader(database);
  } finally {
    database.close();
  }
}
