import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AnnotationError, causeText } from '../annotation-error.js';
import type { AsOrigin } from './as-table.js';
import { openMmdb } from './mmdb-table.js';
import { AsCsvParser } from './parse-as-csv.js';

/** Where origin ASes come from. A look-up takes well under 2 µs. */
export interface AsDatabase {
  /** Origin of an address (16 octets), or null where nothing is known. */
  lookup(octets: Uint8Array): AsOrigin | null;
  /** For records and people: the package with its version, or the file's name. */
  readonly source: string;
  /** Day of the data, `YYYY-MM-DD`: of the package's version, the MMDB's build, or the file's last change. */
  readonly date: string | null;
  /** Rows or nodes that could not be understood; the rest is used. Zero for MMDB. */
  readonly malformedRows: number;
  readonly firstMalformedLine: number | null;
}

/** npm's optional package of CSV rows, which is used where no file is named. */
export const BUNDLED_PACKAGE = '@ip-location-db/asn';
const SIZE_LIMIT = 1 << 30;
/** Rows between two turns of the event loop: about 5 ms, so that packets are not left waiting. */
const ROWS_PER_TURN = 4096;
const MMDB_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** The metadata is within the last 128 KiB (format 2.0). */
const MMDB_TAIL = 128 << 10;
const inflate = promisify(gunzip);

/**
 * Opens an MMDB file, a CSV file or either gzipped (told apart by content); with null, the bundled data, or null when that
 * package is not installed. Loading the bundled file takes about 0.2 s.
 * Throws AnnotationError `as-database-unreadable` or `as-database-malformed`.
 */
export async function openAsDatabase(
  path: string | null,
  bundledPackage = BUNDLED_PACKAGE,
): Promise<AsDatabase | null> {
  if (path !== null) return openFile(path, path, null);
  const bundled = await findBundled(bundledPackage);
  return bundled === null ? null : openFile(bundled.path, `${bundledPackage} ${bundled.version}`, bundled.date);
}

async function openFile(path: string, source: string, date: string | null): Promise<AsDatabase> {
  const { bytes, changedAt } = await read(path);
  if (bytes.subarray(-MMDB_TAIL).includes(MMDB_MARKER)) return fromMmdb(path, source, bytes);
  const parser = new AsCsvParser(bytes);
  while (parser.parse(ROWS_PER_TURN)) await nextTurn();
  const { rows, ipv4Rows, malformedRows, firstMalformedLine } = parser.counts;
  if (rows === 0) {
    const found = ipv4Rows > 0 ? `${ipv4Rows} rows of IPv4 and none of IPv6` : 'no row that can be used';
    throw malformed(path, `it has ${found}; give rows "start,end,asn,organisation" or an MMDB file`);
  }
  const table = parser.builder.finish();
  return {
    lookup: (octets) => table.lookup(octets),
    source,
    date: date ?? day(changedAt),
    malformedRows,
    firstMalformedLine,
  };
}

function fromMmdb(path: string, source: string, bytes: Buffer): AsDatabase {
  try {
    const table = openMmdb(bytes);
    return {
      lookup: (octets) => table.lookup(octets),
      source: `${source} (${table.databaseType})`,
      date: day(table.builtAt),
      malformedRows: 0,
      firstMalformedLine: null,
    };
  } catch (error) {
    throw malformed(path, `${causeText(error)}; give an AS database with IPv6, such as GeoLite2-ASN`, error);
  }
}

async function read(path: string): Promise<{ bytes: Buffer; changedAt: Date }> {
  try {
    const { size, mtime } = await stat(path);
    if (size > SIZE_LIMIT) throw new Error(`${size} octets, more than ${SIZE_LIMIT}`);
    const raw = await readFile(path);
    const gzipped = raw[0] === 0x1f && raw[1] === 0x8b;
    return { bytes: gzipped ? await inflate(raw, { maxOutputLength: SIZE_LIMIT }) : raw, changedAt: mtime };
  } catch (error) {
    throw new AnnotationError(
      'as-database-unreadable',
      66,
      `asn-db: cannot read "${path}" (${causeText(error)}); give a readable MMDB or CSV file, or leave the setting out for the bundled data`,
      { cause: error },
    );
  }
}

function malformed(path: string, reason: string, cause?: unknown): AnnotationError {
  return new AnnotationError('as-database-malformed', 66, `asn-db: cannot use "${basename(path)}": ${reason}`, {
    cause,
  });
}

async function findBundled(name: string): Promise<{ path: string; version: string; date: string | null } | null> {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), 'asn-ipv6.csv');
    await stat(path);
    const parsed: unknown = JSON.parse(await readFile(manifest, 'utf8'));
    const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '';
    // Versions end in the hour of the data: 2.3.2026061719.
    const digits = /\.(\d{4})(\d{2})(\d{2})\d*$/.exec(version);
    return { path, version, date: digits === null ? null : `${digits[1] ?? ''}-${digits[2] ?? ''}-${digits[3] ?? ''}` };
  } catch {
    return null;
  }
}

function day(date: Date): string | null {
  return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 10);
}
