/**
 * The tables of the store. SQL users read them too, so columns are named like the CSV's and the record's fields, and the
 * views `summary` and `hop` are documented in the README. Forward-only: a migration that was released is never edited.
 */

/** "pdmt": marks the file as ours for `file(1)` and for us (SQLite header, offset 68). */
export const APPLICATION_ID = 0x70646d74;

/*
 * Why records are plain JSON text and not compressed: the `hop` view and everybody's own queries read them with SQLite's
 * JSON functions in any client; zlib would cost about 0.3 ms a record, more than all else that storing one costs.
 *
 * Why `record` is a table of its own: tables, filters and comparisons scan `trace`, about 0.8 kB a row, and never drag
 * 20 kB of JSON through the cache.
 */
const VERSION_1 = `
CREATE TABLE run (
  run_key        INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  name           TEXT,
  vantage        TEXT,
  tool_version   TEXT NOT NULL,
  options        TEXT NOT NULL CHECK (json_valid(options)),
  state          TEXT NOT NULL CHECK (state IN ('loading', 'ready', 'finished')),
  started_at_ms  INTEGER NOT NULL,
  ended_at_ms    INTEGER
) STRICT;

-- One row per host and port of a run's list. state: 0 waiting, 1 in flight, 2 done.
CREATE TABLE target (
  target_key  INTEGER PRIMARY KEY,
  run_key     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  line        INTEGER NOT NULL,
  host        TEXT NOT NULL,
  host_key    TEXT NOT NULL,
  company     TEXT,
  protocols   INTEGER NOT NULL,
  dport       INTEGER,
  tags        TEXT NOT NULL,
  wide        INTEGER NOT NULL,
  narrow      INTEGER NOT NULL,
  position    REAL NOT NULL,
  state       INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2))
) STRICT;
CREATE UNIQUE INDEX target_host ON target (run_key, host_key, ifnull(dport, 0));
CREATE INDEX target_waiting ON target (run_key, position, target_key) WHERE state = 0;
CREATE INDEX target_in_flight ON target (run_key) WHERE state = 1;

-- What is measured again and again: the same host, protocol and port from the same vantage.
CREATE TABLE series (
  series_key  INTEGER PRIMARY KEY,
  host        TEXT NOT NULL,
  protocol    TEXT NOT NULL,
  dport       INTEGER NOT NULL,
  vantage     TEXT NOT NULL,
  address     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX series_identity ON series (host, protocol, dport, vantage, address);

CREATE TABLE trace (
  trace_key                        INTEGER PRIMARY KEY,
  id                               TEXT NOT NULL UNIQUE,
  run_key                          INTEGER NOT NULL REFERENCES run,
  target_key                       INTEGER,
  series_key                       INTEGER NOT NULL REFERENCES series,
  started_at_ms                    INTEGER NOT NULL,
  ended_at_ms                      INTEGER NOT NULL,
  company                          TEXT,
  start_address                    TEXT,
  start_name                       TEXT,
  start_asn                        INTEGER,
  destination_input                TEXT NOT NULL,
  destination_address              TEXT,
  destination_name                 TEXT,
  destination_asn                  INTEGER,
  destination_as_name              TEXT,
  protocol                         TEXT NOT NULL,
  destination_port                 INTEGER,
  last_pdm_hop                     INTEGER,
  last_pdm_address                 TEXT,
  last_pdm_name                    TEXT,
  last_pdm_asn                     INTEGER,
  last_plain_hop                   INTEGER,
  last_plain_address               TEXT,
  last_plain_name                  TEXT,
  last_plain_asn                   INTEGER,
  next_hop                         INTEGER,
  next_hop_address                 TEXT,
  next_hop_name                    TEXT,
  next_hop_asn                     INTEGER,
  next_hop_as_name                 TEXT,
  next_hop_in_destination_network  TEXT,
  attribution_best                 INTEGER,
  attribution_worst                INTEGER,
  outcome                          TEXT NOT NULL,
  confidence                       REAL,
  cause                            TEXT,
  interval_after                   INTEGER,
  interval_up_to                   INTEGER,
  interval_likely_up_to            INTEGER,
  option_seen_up_to                TEXT,
  probes_sent                      INTEGER NOT NULL,
  -- The latest record of the same series from another run, as known when this one was stored.
  previous_trace_key               INTEGER,
  previous_started_at_ms           INTEGER,
  previous_outcome                 TEXT,
  previous_last_pdm_hop            INTEGER,
  -- 'outcome', 'place' (the same outcome, but PDM was last seen at another hop), or null: no change, or nothing before.
  change                           TEXT,
  -- 1: the measurement was interrupted; the record gives way to one of a resumed run.
  provisional                      INTEGER NOT NULL CHECK (provisional IN (0, 1)),
  -- The record's line of the summary CSV, so that exporting a million of them does not have to build them.
  csv_line                         TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX trace_once_per_target ON trace (target_key, protocol, ifnull(destination_address, ''))
  WHERE target_key IS NOT NULL;
CREATE INDEX trace_series ON trace (series_key, started_at_ms, run_key, provisional, outcome, last_pdm_hop);
CREATE INDEX trace_run ON trace (run_key);
CREATE INDEX trace_run_outcome ON trace (run_key, outcome, protocol);
CREATE INDEX trace_started ON trace (started_at_ms);
CREATE INDEX trace_company ON trace (company) WHERE company IS NOT NULL;
CREATE INDEX trace_destination_asn ON trace (destination_asn) WHERE destination_asn IS NOT NULL;
CREATE INDEX trace_change ON trace (run_key) WHERE change IS NOT NULL;

CREATE TABLE record (
  trace_key  INTEGER PRIMARY KEY REFERENCES trace ON DELETE CASCADE,
  json       TEXT NOT NULL
) STRICT;

-- No longer used: a reporter has to be dependable in the run that relies on it. Kept, because this step is never edited.
CREATE TABLE reporter (
  address           TEXT PRIMARY KEY,
  first_seen_at_ms  INTEGER NOT NULL,
  last_seen_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW summary AS
SELECT t.company, t.start_address, ifnull(t.start_name, t.start_address) AS start_name,
       t.destination_address,
       coalesce(t.destination_name, t.destination_address, t.destination_input) AS destination_name, t.protocol,
       t.last_pdm_hop, ifnull(t.last_pdm_name, t.last_pdm_address) AS last_pdm_name,
       t.last_plain_hop, ifnull(t.last_plain_name, t.last_plain_address) AS last_plain_name,
       t.next_hop, ifnull(t.next_hop_name, t.next_hop_address) AS next_hop_name,
       t.next_hop_in_destination_network, t.outcome, t.confidence,
       t.destination_input, t.destination_asn, t.next_hop_asn, t.cause, run.id AS run_id, t.id AS trace_id,
       strftime('%Y-%m-%dT%H:%M:%SZ', t.started_at_ms / 1000, 'unixepoch') AS started_at
FROM trace AS t JOIN run USING (run_key);

-- One row per hop, arm and responder; a silent hop has one row per arm with a null address.
CREATE VIEW hop AS
SELECT t.id AS trace_id, t.run_key, t.destination_input, t.destination_address, t.protocol, t.outcome,
       json_extract(h.value, '$.hop') AS hop, json_extract(h.value, '$.sharedFrom') AS shared_from, a.key AS arm,
       json_extract(a.value, '$.sent') AS sent, json_extract(a.value, '$.answered') AS answered,
       json_extract(p.value, '$.address') AS address, json_extract(p.value, '$.name') AS name,
       json_extract(p.value, '$.asn') AS asn, json_extract(p.value, '$.asName') AS as_name,
       json_extract(p.value, '$.answered') AS responder_answered,
       json_extract(p.value, '$.rttMs.min') AS rtt_min_ms, json_extract(p.value, '$.rttMs.median') AS rtt_median_ms,
       json_extract(p.value, '$.rttMs.max') AS rtt_max_ms,
       json_extract(p.value, '$.icmp') AS icmp, json_extract(p.value, '$.quotes') AS quotes
FROM trace AS t
JOIN record AS r USING (trace_key)
JOIN json_each(r.json, '$.hops') AS h
JOIN json_each(h.value, '$.arms') AS a
LEFT JOIN json_each(a.value, '$.responders') AS p;
`;

/** Columns that version 2 added to `trace`, and how they come from the JSON of a record (`r.json`): as in `summariseRecord`. */
const ADDED_IN_2: Readonly<Record<string, string>> = {
  attribution_candidates:
    "(SELECT group_concat(value, ' ') FROM json_each(r.json, '$.summary.attribution.candidates'))",
  attribution_silent: `(SELECT group_concat(
      iif(value ->> 'from' = value ->> 'to', value ->> 'from', (value ->> 'from') || '..' || (value ->> 'to')), ' ')
    FROM json_each(r.json, '$.summary.attribution.silent'))`,
  attribution_unknown: `CASE json_type(r.json, '$.summary.attribution')
    WHEN 'object' THEN iif(json_extract(r.json, '$.summary.attribution.unknown') = 1, 'yes', 'no') END`,
  inserted_headers: `(SELECT group_concat(kind || '@' || place, ' ') FROM (
      SELECT DISTINCT substr(c.value, 10) AS kind, ifnull(h.value ->> 'hop', 'target') AS place,
             ifnull(h.value ->> 'hop', 1000) AS position
      FROM (SELECT value FROM json_each(r.json, '$.hops') UNION ALL SELECT json_extract(r.json, '$.targetPairs')) AS h
      JOIN json_each(h.value, '$.arms') AS a
      JOIN json_each(a.value, '$.responders') AS p
      JOIN json_each(p.value, '$.quotes') AS q
      JOIN json_each(q.value, '$.changes') AS c
      WHERE c.value LIKE 'inserted-%' ORDER BY position, kind))`,
};
const NAMES_IN_2 = Object.keys(ADDED_IN_2);

/** A record of which nothing of this is known by its text is not read as JSON, nor is one that is damaged. */
const HAS_ADDED = `(instr(r.json, '"attribution":{') > 0 OR instr(r.json, '"inserted-') > 0) AND json_valid(r.json)`;

/** A line of the summary CSV of version 1 with four cells more; none of them needs quotes. */
function longerLine(cells: readonly string[]): string {
  const added = cells.map((cell) => `',' || ifnull(${cell}, '')`).join(' || ');
  return `substr(csv_line, 1, length(csv_line) - 2) || ${added} || char(13, 10)`;
}

/* All that the record leaves possible of whose network is meant, and headers that the way put in. */
const VERSION_2 = `
${NAMES_IN_2.map((name) => `ALTER TABLE trace ADD COLUMN ${name} TEXT;`).join('\n')}
UPDATE trace SET (${NAMES_IN_2.join(', ')}) = (
  SELECT ${Object.values(ADDED_IN_2).join(', ')}
  FROM record AS r WHERE r.trace_key = trace.trace_key AND ${HAS_ADDED}
);
UPDATE trace SET csv_line = ${longerLine(NAMES_IN_2)};
DROP VIEW summary;
CREATE VIEW summary AS
SELECT t.company, t.start_address, ifnull(t.start_name, t.start_address) AS start_name,
       t.destination_address,
       coalesce(t.destination_name, t.destination_address, t.destination_input) AS destination_name, t.protocol,
       t.last_pdm_hop, ifnull(t.last_pdm_name, t.last_pdm_address) AS last_pdm_name,
       t.last_plain_hop, ifnull(t.last_plain_name, t.last_plain_address) AS last_plain_name,
       t.next_hop, ifnull(t.next_hop_name, t.next_hop_address) AS next_hop_name,
       t.next_hop_in_destination_network, t.outcome, t.confidence,
       t.attribution_candidates, t.attribution_silent, t.attribution_unknown, t.inserted_headers,
       t.destination_input, t.destination_asn, t.next_hop_asn, t.cause, run.id AS run_id, t.id AS trace_id,
       strftime('%Y-%m-%dT%H:%M:%SZ', t.started_at_ms / 1000, 'unixepoch') AS started_at
FROM trace AS t JOIN run USING (run_key);
`;

/**
 * Entry `i` makes a store of version `i` look like the newest one for a connection that only reads: it may not migrate, and a
 * report on a file that nobody writes any more is to work all the same. Null: it cannot. `columns` are those of `trace` there.
 */
export const READ_AS_NEWEST: readonly (((columns: readonly string[]) => string) | null)[] = [
  null,
  (columns) => {
    const kept = columns.filter((name) => name !== 'csv_line').map((name) => `t.${name}`);
    const added = Object.entries(ADDED_IN_2).map(
      ([name, value]) =>
        `(SELECT ${value} FROM main.record AS r WHERE r.trace_key = t.trace_key AND ${HAS_ADDED}) AS ${name}`,
    );
    return `
      CREATE TEMP VIEW trace_with_added AS SELECT ${[...kept, 't.csv_line', ...added].join(', ')} FROM main.trace AS t;
      CREATE TEMP VIEW trace AS SELECT ${kept.join(', ').replaceAll('t.', '')}, ${NAMES_IN_2.join(', ')},
        ${longerLine(NAMES_IN_2)} AS csv_line FROM temp.trace_with_added;`;
  },
];

/** Entry `i` takes a store of version `i` to `i + 1` (`PRAGMA user_version`). */
export const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2];
