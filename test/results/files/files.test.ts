import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJsonLinesFile } from '../../../src/results/files/json-lines-file.js';
import { writeWholeFile } from '../../../src/results/files/write-whole-file.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pdm-files-'));
  path = join(directory, 'out');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('a JSON Lines file', () => {
  it('gets one line per text, after what is there already', async () => {
    for (const batch of [['{"a":1}', '{"b":2}'], ['{"c":3}']]) {
      const file = await openJsonLinesFile(path);
      await file.append(batch);
      await file.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"b":2}\n{"c":3}\n');
  });

  it('keeps the order of appends that were not waited for', async () => {
    const file = await openJsonLinesFile(path);
    await Promise.all(Array.from({ length: 20 }, (_, index) => file.append([String(index)])));
    await file.close();
    expect(readFileSync(path, 'utf8').trim().split('\n').map(Number)).toEqual([...Array(20).keys()]);
  });

  it('loses a last line that was cut off, and says how many octets that were', async () => {
    writeFileSync(path, '{"a":1}\n{"b":"zw');
    const file = await openJsonLinesFile(path);
    expect(file.repairedOctets).toBe(8);
    await file.append(['{"c":3}']);
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"c":3}\n');
  });

  it('keeps a last line that only lacks its line feed', async () => {
    writeFileSync(path, '{"a":1}\n{"b":2}');
    const file = await openJsonLinesFile(path);
    expect(file.repairedOctets).toBe(0);
    await file.append(['{"c":3}']);
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"b":2}\n{"c":3}\n');
  });

  it('has only whole lines after being cut anywhere and opened again', async () => {
    const text = ['{"name":"Zoë"}', '{"list":[1,2,3]}', `{"long":"${'x'.repeat(70_000)}"}`]
      .map((line) => `${line}\n`)
      .join('');
    const octets = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: octets.length }), async (length) => {
        writeFileSync(path, octets.subarray(0, length));
        await (await openJsonLinesFile(path)).close();
        const left = readFileSync(path, 'utf8');
        expect(text.startsWith(left)).toBe(true);
        expect(left === '' || left.endsWith('\n')).toBe(true);
        expect(octets.length - Buffer.byteLength(left)).toBeLessThanOrEqual(octets.length - length + 70_020);
      }),
      { numRuns: 40 },
    );
  });

  it('in a directory that is not there fails with path and remedy', async () => {
    const missing = join(directory, 'none', 'out.jsonl');
    await expect(openJsonLinesFile(missing)).rejects.toMatchObject({
      code: 'EOUTPUTMISSING',
      path: missing,
      exitCode: 73,
    });
  });
});

describe('a whole file', () => {
  it('is there when all is written, and nothing else is', async () => {
    await writeWholeFile(path, ['a', 'b', 'x'.repeat(600_000)], { force: false });
    expect(readFileSync(path, 'utf8')).toBe(`ab${'x'.repeat(600_000)}`);
    expect(readdirSync(directory)).toEqual(['out']);
  });

  it('is not replaced without force', async () => {
    writeFileSync(path, 'old');
    await expect(writeWholeFile(path, ['new'], { force: false })).rejects.toMatchObject({ code: 'EOUTPUTEXISTS' });
    await expect(writeWholeFile(path, ['new'], { force: false })).rejects.toThrow(`${path} (give --force`);
    expect(readFileSync(path, 'utf8')).toBe('old');
    await writeWholeFile(path, ['new'], { force: true });
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(readdirSync(directory)).toEqual(['out']);
  });

  it('does not appear when its parts fail on the way, and what was there stays', async () => {
    function* parts(): IterableIterator<string> {
      yield 'x'.repeat(300_000);
      throw new Error('no more');
    }
    await expect(writeWholeFile(path, parts(), { force: false })).rejects.toThrow('no more');
    expect(existsSync(path)).toBe(false);
    appendFileSync(path, 'old');
    await expect(writeWholeFile(path, parts(), { force: true })).rejects.toThrow('no more');
    expect(readdirSync(directory)).toEqual(['out']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });
});
