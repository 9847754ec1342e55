import type { SqlConnection } from './sql-connection.js';

/** Addresses known to quote packets that carry an extension header, kept for later runs. */
export class ReporterTable {
  readonly #connection: SqlConnection;

  constructor(connection: SqlConnection) {
    this.#connection = connection;
  }

  /** `addresses` as RFC 5952 text. One transaction. */
  add(addresses: Iterable<string>, seenAtMs: number): void {
    const insert = this.#connection.prepare(
      `INSERT INTO reporter (address, first_seen_at_ms, last_seen_at_ms) VALUES (?, ?, ?)
       ON CONFLICT (address) DO UPDATE SET last_seen_at_ms = max(last_seen_at_ms, excluded.last_seen_at_ms)`,
    );
    this.#connection.transaction(() => {
      for (const address of addresses) insert.run([address, seenAtMs, seenAtMs]);
    });
  }

  /** Those seen since `sinceMs`: a router may be replaced, so old knowledge should not count for ever. */
  *known(sinceMs = 0): IterableIterator<string> {
    const rows = this.#connection
      .prepare('SELECT address FROM reporter WHERE last_seen_at_ms >= ?')
      .iterateRaw([sinceMs]);
    for (const [address] of rows) yield String(address);
  }
}
