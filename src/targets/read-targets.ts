import { createReadStream } from 'node:fs';
import { PROTOCOLS, type Protocol } from '../record/record.js';
import { parseHost } from './parse-host.js';
import { splitCsvRow } from './split-csv-row.js';
import { splitLines, type Line } from './split-lines.js';
import { TargetListError, type BadRow, type ListNote, type TargetDefaults, type TargetRow } from './target-row.js';

const COLUMNS = ['host', 'company', 'protocol', 'dport', 'tags'] as const;
type Column = (typeof COLUMNS)[number];

const LINE_LIMIT = 16_384;
const TEXT_LIMIT = 200;
const COMPANY_LIMIT = 200;
const TAG_LIMIT = 32;

/**
 * Reads a target list: CSV whose first row names its columns (`host`, and optionally `company`, `protocol`, `dport`, `tags`,
 * in any order), or one host per line. Lines that are empty or begin with `#` count but say nothing; in a plain list ` #`
 * also starts a comment after the host. Several protocols or tags in one cell are separated by spaces, `;`, `|`, `+`, or by
 * commas in quotes. Memory does not grow with the list; duplicates are for the store to find.
 *
 * @param source a path, or chunks as a readable stream gives them.
 * @throws TargetListError where the file cannot be read, or its header has no column `host`.
 */
export async function* readTargets(
  source: string | AsyncIterable<Uint8Array | string>,
  defaults: TargetDefaults,
): AsyncGenerator<TargetRow | BadRow | ListNote> {
  const name = typeof source === 'string' ? source : 'the target list';
  const chunks = typeof source === 'string' ? createReadStream(source, { highWaterMark: 64 * 1024 }) : source;
  let columns: (Column | null)[] | 'plain' | null = null;
  try {
    for await (const lines of splitLines(chunks, LINE_LIMIT)) {
      for (const line of lines) {
        const blank = line.text.trim();
        if (!line.overlong && (blank === '' || blank.startsWith('#'))) continue;
        if (columns === null) {
          const header = readHeader(line, name);
          columns = header.columns;
          yield* header.notes;
          if (columns !== 'plain') continue;
        }
        yield columns === 'plain' ? plainRow(line, defaults) : csvRow(line, columns, defaults);
      }
    }
  } catch (error) {
    if (error instanceof TargetListError) throw error;
    const code =
      error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);
    const message = `cannot read the targets: ${name}: ${code} (give a readable file of hosts)`;
    throw new TargetListError('ETARGETLISTREAD', message, error);
  }
}

interface Header {
  readonly columns: (Column | null)[] | 'plain';
  readonly notes: readonly ListNote[];
}

/** The first line that says anything. Without `host` among its cells and without a comma it is itself a host. */
function readHeader(line: Line, name: string): Header {
  const cells = splitCsvRow(line.text);
  if (!Array.isArray(cells)) return { columns: 'plain', notes: [] };
  const names = cells.map((cell) => cell.toLowerCase());
  if (!names.includes('host')) {
    if (cells.length === 1 && !/^host[;\t]|[;\t]host\b/i.test(line.text)) return { columns: 'plain', notes: [] };
    const found = safeText(line.text);
    const message = `${name}: line ${line.number} "${found}" names no column "host" (begin the file with a header such as "host,company", cells separated by commas, or write one host per line)`;
    throw new TargetListError('ETARGETLISTHEADER', message);
  }
  const columns = names.map((cell) => COLUMNS.find((column) => column === cell) ?? null);
  const notes: ListNote[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = safeText(cells[index] ?? '');
    if (column === null && cell !== '')
      notes.push({
        kind: 'note',
        line: line.number,
        text: `column "${cell}" is ignored; known ones: ${COLUMNS.join(', ')}`,
      });
    if (column !== null && columns.indexOf(column) !== index) {
      const message = `${name}: line ${line.number} names the column "${column}" twice (keep one of them)`;
      throw new TargetListError('ETARGETLISTHEADER', message);
    }
  }
  return { columns, notes };
}

function plainRow(line: Line, defaults: TargetDefaults): TargetRow | BadRow {
  const comment = line.text.search(/\s#/);
  const text = (comment < 0 ? line.text : line.text.slice(0, comment)).trim();
  if (!line.overlong && /[,\s]/.test(text))
    return bad(line, 'more than a host; for further columns begin the file with a header such as "host,company"');
  return targetRow(line, { host: text }, defaults);
}

function csvRow(line: Line, columns: readonly (Column | null)[], defaults: TargetDefaults): TargetRow | BadRow {
  const cells = splitCsvRow(line.text);
  if (!Array.isArray(cells)) return bad(line, cells.reason);
  if (cells.length > columns.length && cells.slice(columns.length).some((cell) => cell !== ''))
    return bad(
      line,
      `${cells.length} cells, the header has ${columns.length}; put a cell that holds a comma in quotes`,
    );
  const named: Partial<Record<Column, string>> = {};
  for (const [index, column] of columns.entries()) if (column !== null) named[column] = cells[index] ?? '';
  return targetRow(line, named, defaults);
}

function targetRow(line: Line, cells: Partial<Record<Column, string>>, defaults: TargetDefaults): TargetRow | BadRow {
  if (line.overlong) return bad(line, `longer than ${LINE_LIMIT} characters`);
  const host = parseHost(cells.host ?? '', defaults.seed);
  if ('reason' in host) return bad(line, host.reason);
  const protocols = parseProtocols(cells.protocol ?? '', defaults.protocols);
  if ('reason' in protocols) return bad(line, protocols.reason);
  const dport = parsePort(cells.dport ?? '', defaults.dport);
  if ('reason' in dport) return bad(line, dport.reason);
  const company = cells.company ?? '';
  if (company.length > COMPANY_LIMIT)
    return bad(line, `company of ${company.length} characters; use at most ${COMPANY_LIMIT}`);
  const tags = words(cells.tags ?? '');
  if (tags.length > TAG_LIMIT) return bad(line, `${tags.length} tags; use at most ${TAG_LIMIT}`);
  return {
    kind: 'target',
    line: line.number,
    host: host.host,
    hostKey: host.hostKey,
    company: company === '' ? defaults.company : safeText(company),
    protocols: protocols.value,
    dport: dport.value,
    tags: tags.map(safeText),
    spread: host.spread,
  };
}

type Parsed<T> = { readonly value: T } | { readonly reason: string };

function parseProtocols(cell: string, byDefault: readonly Protocol[]): Parsed<readonly Protocol[]> {
  const named = words(cell.toLowerCase());
  if (named.length === 0) return { value: byDefault };
  const unknown = named.find((word) => !isProtocol(word));
  if (unknown !== undefined) return { reason: `protocol "${safeText(unknown)}"; known ones: ${PROTOCOLS.join(', ')}` };
  return { value: PROTOCOLS.filter((protocol) => named.includes(protocol)) };
}

function isProtocol(word: string): word is Protocol {
  return PROTOCOLS.some((protocol) => protocol === word);
}

function parsePort(cell: string, byDefault: number | null): Parsed<number | null> {
  if (cell === '') return { value: byDefault };
  const port = /^\d{1,5}$/.test(cell) ? Number(cell) : 0;
  if (port < 1 || port > 65535) return { reason: `dport "${safeText(cell)}"; use 1 to 65535` };
  return { value: port };
}

function words(cell: string): string[] {
  return cell === '' ? [] : [...new Set(cell.split(/[\s;|+,]+/).filter((word) => word !== ''))];
}

function bad(line: Line, reason: string): BadRow {
  return { kind: 'bad', line: line.number, text: safeText(line.text), reason };
}

/** Controls, invisible and reordering characters shown as `?`: lists come from strangers too. */
function safeText(text: string): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, '?');
  return shown.length <= TEXT_LIMIT ? shown : `${shown.slice(0, TEXT_LIMIT)}…`;
}
