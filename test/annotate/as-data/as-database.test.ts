import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/address/address.js';
import { BUNDLED_PACKAGE, openAsDatabase, type AsDatabase } from '../../../src/annotate/as-data/as-database.js';
import { AsTableBuilder } from '../../../src/annotate/as-data/as-table.js';
import { AsCsvParser, parseWords } from '../../../src/annotate/as-data/parse-as-csv.js';

// For busy machines: nothing here takes more than a second on an idle one.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'as-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

let files = 0;
function write(content: string | Uint8Array): string {
  const path = join(directory, `as-${(files += 1)}.csv`);
  writeFileSync(path, content);
  return path;
}

async function open(content: string | Uint8Array): Promise<AsDatabase> {
  return (await openAsDatabase(write(content)))!;
}

function octets(text: string): Uint8Array {
  return parseAddress(text)!.octets;
}

const ROWS = [
  '2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,64500,Example Corp',
  '2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,64501,"Quoted, ""Inc."""',
  '2001:db8:ff::,2001:db8:ff:ffff:ffff:ffff:ffff:ffff,AS4200000000,',
].join('\n');

describe('a CSV file', () => {
  it('gives the origin of an address at both ends of a range and none beyond', async () => {
    const database = await open(ROWS);
    expect(database.lookup(octets('2001:db8::'))).toEqual({ asn: 64500, name: 'Example Corp' });
    expect(database.lookup(octets('2001:db8:0:ffff:ffff:ffff:ffff:ffff'))).toEqual({
      asn: 64500,
      name: 'Example Corp',
    });
    expect(database.lookup(octets('2001:db8:1::1'))).toEqual({ asn: 64501, name: 'Quoted, "Inc."' });
    expect(database.lookup(octets('2001:db8:ff::1'))).toEqual({ asn: 4200000000, name: null });
    for (const text of ['2001:db7:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db8:2::', '2001:db9::', '::', 'ffff::'])
      expect(database.lookup(octets(text))).toBeNull();
    expect(database.malformedRows).toBe(0);
  });

  it('says where it is from: the file and the day it was changed', async () => {
    const path = write(ROWS);
    utimesSync(path, 1_750_000_000, 1_750_000_000);
    expect(await openAsDatabase(path)).toMatchObject({ source: path, date: '2025-06-15' });
  });

  it('may be gzipped, have a header, a byte order mark, CR LF, comments, empty lines and quotes around every field', async () => {
    const text = `\ufeffstart,end,asn,organisation\r\n# comment\r\n\r\n"2001:db8::","2001:db8::ffff","64500","Two\r\nlines"\r\n`;
    const database = await open(gzipSync(text));
    expect(database.lookup(octets('2001:db8::1'))).toEqual({ asn: 64500, name: 'Twolines' });
    expect(database.malformedRows).toBe(0);
  });

  it('passes over IPv4 rows and ranges that are not announced', async () => {
    const database = await open(`1.0.0.0,1.0.0.255,13335,Cloudflare\n2001:db8::,2001:db8::1,0,Not routed\n${ROWS}`);
    expect(database.lookup(octets('2001:db8::1'))).toEqual({ asn: 64500, name: 'Example Corp' });
    expect(database.malformedRows).toBe(0);
  });

  it.each([
    ['an end before the start', '2001:db8:5::2,2001:db8:5::1,64505,x'],
    ['an address that is none', '2001:db8:5::g,2001:db8:5::1,64505,x'],
    ['two gaps', '2001::db8::5,2001:db8:5::1,64505,x'],
    ['nine groups', '1:2:3:4:5:6:7:8:9,2001:db8:5::1,64505,x'],
    ['an AS number beyond 32 bits', '2001:db8:5::1,2001:db8:5::1,4294967296,x'],
    ['words for an AS number', '2001:db8:5::1,2001:db8:5::1,none,x'],
    ['too few fields', '2001:db8:5::1,2001:db8:5::1'],
    ['text after a closing quote', '"2001:db8:5::1"x,2001:db8:5::1,64505,x'],
    ['an open quote', '"2001:db8:5::1,2001:db8:5::1,64505,x'],
  ])('counts a row with %s, says where it is, and uses the others', async (_, row) => {
    const lines = ROWS.split('\n');
    const database = await open(`${lines[0]!}\n${row}\n${lines[1]!}\n${lines[2]!}\n`);
    expect(database).toMatchObject({ malformedRows: 1, firstMalformedLine: 2 });
    expect(database.lookup(octets('2001:db8::1'))?.asn).toBe(64500);
    expect(database.lookup(octets('2001:db8:1::1'))?.asn).toBe(64501);
    expect(database.lookup(octets('2001:db8:5::1'))).toBeNull();
  });

  it('may be unsorted, and the most specific of overlapping ranges wins', async () => {
    const database = await open(
      ['2001:db8:8::,2001:db8:8::ff,3,inner', '2001:db8::,2001:db8:ffff::,2,outer', '::1,::2,1,first'].join('\n'),
    );
    expect(database.lookup(octets('::2'))?.asn).toBe(1);
    expect(database.lookup(octets('2001:db8:7::'))?.asn).toBe(2);
    expect(database.lookup(octets('2001:db8:8::80'))?.asn).toBe(3);
    expect(database.lookup(octets('2001:db8:8::100'))?.asn).toBe(2);
  });

  it('gives all origins of a range that several networks announce', async () => {
    const database = await open(
      '2001:db8::,2001:db8::ff,64500,A\n2001:db8::,2001:db8::ff,64501,B\n2001:db8::,2001:db8::ff,64500,A',
    );
    expect(database.lookup(octets('2001:db8::1'))).toEqual({ asn: 64500, name: 'A', asns: [64500, 64501] });
  });

  it('agrees with a search through all ranges, whatever they are', () => {
    const small = fc.integer({ min: 0, max: 40 });
    const rows = fc.array(fc.record({ start: small, length: small, asn: fc.integer({ min: 1, max: 9 }) }), {
      maxLength: 20,
    });
    const words = (value: number): Uint32Array =>
      Uint32Array.of(0x20010db8, value >> 4, value & 3, ((value >> 2) & 3) * 0x40000000);
    const bytes = (value: number): Uint8Array => {
      const view = new DataView(new ArrayBuffer(16));
      words(value).forEach((part, index) => {
        view.setUint32(index * 4, part);
      });
      return new Uint8Array(view.buffer);
    };
    // `words` must keep the order of its numbers for this to mean anything, so they are ranked by it first.
    const ranked = Array.from({ length: 128 }, (_, value) => value).sort((one, other) => {
      const [x, y] = [words(one), words(other)];
      const at = x.findIndex((part, index) => part !== y[index]);
      return at < 0 ? 0 : x[at]! - y[at]!;
    });
    fc.assert(
      fc.property(rows, (ranges) => {
        const builder = new AsTableBuilder();
        for (const { start, length, asn } of ranges)
          builder.add(words(ranked[start]!), words(ranked[start + length]!), asn, `AS${asn}`);
        const table = builder.finish();
        for (let value = 0; value <= 100; value += 1) {
          const around = ranges.filter(({ start, length }) => start <= value && value <= start + length);
          const latest = Math.max(...around.map(({ start }) => start));
          const shortest = Math.min(...around.filter(({ start }) => start === latest).map(({ length }) => length));
          const winners = around.filter(({ start, length }) => start === latest && length === shortest);
          const asns = [...new Set(winners.map(({ asn }) => asn))];
          const found = table.lookup(bytes(ranked[value]!));
          expect(found === null ? [] : (found.asns ?? [found.asn])).toEqual(asns);
        }
      }),
    );
  });

  it('reads every address that address text can be, as the address room does, and refuses the rest', () => {
    const into = new Uint32Array(4);
    const read = (text: string): string | null => {
      const buffer = Buffer.from(`,${text},`, 'latin1');
      if (!parseWords(buffer, 1, 1 + text.length, into)) return null;
      const view = new DataView(new ArrayBuffer(16));
      into.forEach((part, index) => {
        view.setUint32(index * 4, part);
      });
      return formatAddress(new Uint8Array(view.buffer));
    };
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV6(), fc.string({ unit: fc.constantFrom(':', '::', '0', 'f', '12', '.', 'x'), maxLength: 18 })),
        (text) => {
          const expected = parseAddress(text);
          // A zone has no place in a range.
          expect(read(text)).toBe(expected === null || expected.zone !== null ? null : formatAddress(expected.octets));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('survives arbitrary octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const parser = new AsCsvParser(Buffer.from(bytes));
        for (let turns = 0; parser.parse(7); turns += 1) expect(turns).toBeLessThan(400);
        parser.builder.finish();
      }),
    );
  });

  it('survives rows cut and mixed anywhere', () => {
    const unit = fc.constantFrom('"', ',', '\n', '\r', '2001:db8::', '64500', 'x', '#');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
        const parser = new AsCsvParser(Buffer.from(text));
        for (let turns = 0; parser.parse(1); turns += 1) expect(turns).toBeLessThan(700);
        expect(parser.builder.length).toBeLessThanOrEqual(parser.counts.rows);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['is empty', ''],
    ['holds IPv4 only', '1.0.0.0,1.0.0.255,13335,Cloudflare\n'],
    ['holds text', 'hello\nworld\n'],
    [
      'is a damaged MMDB',
      Buffer.concat([Buffer.alloc(64, 7), Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), Buffer.alloc(8, 0xff)]),
    ],
  ])('is refused with its name and a remedy where it %s', async (_, content) => {
    await expect(open(content)).rejects.toMatchObject({
      code: 'as-database-malformed',
      exitCode: 66,
      message: expect.stringMatching(/^asn-db: cannot use "as-\d+\.csv": .+; give /) as unknown,
    });
  });

  it('is refused where it is missing or broken gzip', async () => {
    const missing = join(directory, 'missing.mmdb');
    await expect(openAsDatabase(missing)).rejects.toMatchObject({
      code: 'as-database-unreadable',
      exitCode: 66,
      message: `asn-db: cannot read "${missing}" (ENOENT); give a readable MMDB or CSV file, or leave the setting out for the bundled data`,
    });
    await expect(open(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3))).rejects.toMatchObject({
      code: 'as-database-unreadable',
    });
    await expect(openAsDatabase(directory)).rejects.toMatchObject({ code: 'as-database-unreadable' });
  });
});

describe('an MMDB file', () => {
  // MaxMind's test database, see data/README.md.
  const path = new URL('data/GeoLite2-ASN-Test.mmdb', import.meta.url).pathname;

  it('gives what its makers put in', async () => {
    const database = (await openAsDatabase(path))!;
    const sunrise = { asn: 6730, name: 'Sunrise Communications AG' };
    for (const text of ['2001:1700::', '2001:171f:ffff:ffff:ffff:ffff:ffff:ffff'])
      expect(database.lookup(octets(text))).toEqual(sunrise);
    expect(database.lookup(octets('2001:1720::'))).toBeNull();
    expect(database.lookup(octets('2001:5100::1'))).toEqual({
      asn: 2529,
      name: 'Now maintained by Cable & Wireless Worldwide',
    });
    expect(database.lookup(octets('2001:db8::1'))).toBeNull();
    expect(database).toMatchObject({ source: `${path} (GeoLite2-ASN)`, date: '2026-02-04' });
  });

  it('may be gzipped', async () => {
    const database = await open(gzipSync(readFileSync(path)));
    expect(database.lookup(octets('2001:1700::1'))?.asn).toBe(6730);
  });

  it('never throws at a look-up, wherever it is damaged', async () => {
    const whole = readFileSync(path);
    const addresses = ['2001:1700::1', '2001:5100::1', '2600:6000::1', '::', 'ffff::'].map(octets);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 }),
        async (damage) => {
          const bytes = Buffer.from(whole);
          for (const [at, octet] of damage) bytes[at] = octet;
          let database: AsDatabase;
          try {
            database = await open(bytes);
          } catch (error) {
            expect(error).toMatchObject({ exitCode: 66 });
            return;
          }
          for (const address of addresses) {
            const asn = database.lookup(address)?.asn ?? 1;
            expect(Number.isInteger(asn) && asn >= 1 && asn <= 0xffffffff).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the bundled data', () => {
  it('is used when no file is named, with the day of its version', async () => {
    const database = (await openAsDatabase(null))!;
    expect(database.source).toMatch(/^@ip-location-db\/asn \d+\.\d+\.\d{10}$/);
    expect(database.source.startsWith(BUNDLED_PACKAGE)).toBe(true);
    expect(database.date).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(database.malformedRows).toBe(0);
    // Addresses that have been in these networks for two decades.
    expect(database.lookup(octets('2001:200::1'))).toEqual({ asn: 2500, name: 'WIDE Project' });
    expect(database.lookup(octets('2001:db8::1'))).toBeNull();
  });

  it('is optional: without the package there is no database, and no error', async () => {
    expect(await openAsDatabase(null, '@ip-location-db/not-installed')).toBeNull();
  });

  it('says the same as another CSV parser for both ends of every fiftieth row', async () => {
    const file = createRequire(import.meta.url).resolve(`${BUNDLED_PACKAGE}/asn-ipv6.csv`);
    const database = (await openAsDatabase(null))!;
    const rows: string[][] = parse(readFileSync(file));
    expect(rows.length).toBeGreaterThan(50_000);
    for (let index = 0; index < rows.length; index += 50) {
      const [start, end, asn, organisation] = rows[index]!;
      for (const text of [start!, end!])
        expect(database.lookup(octets(text))).toEqual({ asn: Number(asn), name: organisation!.slice(0, 120).trim() });
    }
  });
});
