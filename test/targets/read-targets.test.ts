import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTargets } from '../../src/targets/read-targets.js';
import type { BadRow, ListNote, TargetDefaults, TargetRow } from '../../src/targets/target-row.js';

const DEFAULTS: TargetDefaults = { protocols: ['udp', 'icmp6'], dport: null, company: null, seed: 1 };

async function* chunked(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const octets = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < octets.length; at += size) yield await Promise.resolve(octets.subarray(at, at + size));
}

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function read(text: string | Uint8Array, defaults = DEFAULTS): Promise<(TargetRow | BadRow | ListNote)[]> {
  return collect(readTargets(chunked(text), defaults));
}

async function targets(text: string, defaults = DEFAULTS): Promise<TargetRow[]> {
  return (await read(text, defaults)).filter((row) => row.kind === 'target');
}

async function badRows(text: string): Promise<BadRow[]> {
  return (await read(text)).filter((row) => row.kind === 'bad');
}

describe('a plain list', () => {
  it('has one host per line, comments and empty lines left out but counted', async () => {
    const rows = await targets('# ours\nwww.example.com\n\n2001:DB8::1 # the lab\r\nexample.net');
    expect(rows.map((row) => [row.line, row.host, row.hostKey])).toEqual([
      [2, 'www.example.com', 'www.example.com'],
      [4, '2001:DB8::1', '2001:db8::1'],
      [5, 'example.net', 'example.net'],
    ]);
    expect(rows[0]).toMatchObject({ company: null, protocols: ['udp', 'icmp6'], dport: null, tags: [] });
  });

  it('may begin with a byte order mark', async () => {
    expect((await targets('\ufeffexample.com\n'))[0]?.host).toBe('example.com');
  });

  it('gives every spelling of one host the same key', async () => {
    const keys = async (text: string): Promise<unknown[]> => (await targets(text)).map((row) => row.hostKey);
    expect(await keys('WWW.Example.COM.\nwww.example.com')).toEqual(['www.example.com', 'www.example.com']);
    expect(await keys('[2001:db8:0::1]\n2001:db8:0:0:0:0:0:1')).toEqual(['2001:db8::1', '2001:db8::1']);
    expect(await keys('fe80::1%eth0\nmünchen.example')).toEqual(['fe80::1%eth0', 'xn--mnchen-3ya.example']);
  });

  it('keeps IPv4 addresses: their records say that nothing could be measured', async () => {
    expect((await targets('192.0.2.1'))[0]?.hostKey).toBe('192.0.2.1');
  });

  it('reports what is no host with its line, its text and the remedy', async () => {
    const rows = await badRows(
      'example.com\nhttps://example.com/\n2001:db8::/32\nexample.com:443\n-x.example\n1.2.3\na b\n',
    );
    expect(rows.map((row) => row.line)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(rows[0]?.reason).toContain('URL');
    expect(rows[2]?.reason).toContain('dport');
    expect(rows[5]?.reason).toContain('header');
  });

  it('shows control characters of a bad row as question marks', async () => {
    expect((await badRows('a\u001b[31m b\u202e'))[0]?.text).toBe('a?[31m b?');
  });
});

describe('a list with a header', () => {
  it('takes the columns in any order, quoted cells, and defaults for empty ones', async () => {
    const rows = await targets(
      'Company, HOST ,tags,protocol,dport\n"Example, Inc. ""A""",www.example.com,dns;anycast,"tcp,udp",8443\n,2001:db8::1,,,\nx,h.example\n',
      { ...DEFAULTS, company: 'Nobody' },
    );
    expect(rows[0]).toMatchObject({
      line: 2,
      company: 'Example, Inc. "A"',
      tags: ['dns', 'anycast'],
      protocols: ['udp', 'tcp'],
      dport: 8443,
    });
    expect(rows[1]).toMatchObject({ company: 'Nobody', protocols: ['udp', 'icmp6'], dport: null, tags: [] });
    expect(rows[2]).toMatchObject({ host: 'h.example', company: 'x' });
  });

  it('reports each bad row and goes on with the next', async () => {
    const text = [
      'host,company,protocol,dport',
      'a.example,"open quote,udp,1',
      'b.example,ok,udp,2',
      'c.example,ok,sctp,',
      'd.example,ok,,70000',
      'e.example,one,two,three,four',
      ',no host,,',
      'f.example,mid"quote,,',
      'g.example,"x"y,,',
      'h.example,fine,,443',
    ].join('\n');
    const rows = await read(text);
    expect(rows.filter((row) => row.kind === 'target').map((row) => row.host)).toEqual(['b.example', 'h.example']);
    expect(rows.filter((row) => row.kind === 'bad').map((row) => row.line)).toEqual([2, 4, 5, 6, 7, 8, 9]);
  });

  it('says which columns it ignores', async () => {
    const rows = await read('host,colour\na.example,red\n');
    expect(rows[0]).toEqual({ kind: 'note', line: 1, text: expect.stringContaining('"colour"') as string });
    expect(rows[1]).toMatchObject({ kind: 'target', host: 'a.example' });
  });

  it('is refused as a whole when no column is named host', async () => {
    for (const header of ['name,company\na.example,x\n', 'a.example,Company\n', 'host;company\na.example;x\n'])
      await expect(read(header)).rejects.toMatchObject({ code: 'ETARGETLISTHEADER', exitCode: 66 });
  });

  it('is refused when a column is named twice', async () => {
    await expect(read('host,tags,host\n')).rejects.toThrow(/"host" twice/);
  });
});

describe('any list', () => {
  it('reads the same whatever the chunks it comes in', async () => {
    const text = 'host,company\r\nmünchen.example,"Zoë, GmbH"\r\n# c\r\n2001:db8::2,\r\n';
    const whole = await collect(readTargets(chunked(text, 1e6), DEFAULTS));
    for (const size of [1, 2, 3, 5]) expect(await collect(readTargets(chunked(text, size), DEFAULTS))).toEqual(whole);
  });

  it('accounts for every line of arbitrary octets that is not blank or a comment', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (octets) => {
        const list = new Uint8Array([...new TextEncoder().encode('host\n'), ...octets]);
        const lines = new TextDecoder().decode(list).split('\n').slice(1);
        const expected = lines.flatMap((line, index) => {
          const text = line.trim();
          return text === '' || text.startsWith('#') ? [] : [index + 2];
        });
        const rows = await read(list);
        expect(rows.map((row) => row.line)).toEqual(expected);
      }),
    );
  });

  it('reports a line without end and holds only its beginning', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let part = 0; part < 2000; part += 1) yield await Promise.resolve(Buffer.alloc(64 * 1024, 'a'));
      yield Buffer.from('\nexample.com\n');
    }
    const before = process.memoryUsage().heapUsed;
    const rows = await collect(readTargets(endless(), DEFAULTS));
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
    expect(rows[0]).toMatchObject({ kind: 'bad', line: 1, reason: 'longer than 16384 characters' });
    expect(rows[1]).toMatchObject({ kind: 'target', line: 2, host: 'example.com' });
  });

  it('is not held in memory: a list without end gives rows for as long as they are taken', async () => {
    let line = 0;
    async function* endless(): AsyncGenerator<string> {
      for (;;) {
        const lines = Array.from({ length: 1000 }, () => `www${(line += 1)}.example,"Company ${line}"\n`);
        yield await Promise.resolve(line === 1000 ? `host,company\n${lines.join('')}` : lines.join(''));
      }
    }
    const before = process.memoryUsage().heapUsed;
    let taken = 0;
    let last: unknown = null;
    for await (const row of readTargets(endless(), DEFAULTS)) {
      last = row;
      taken += 1;
      if (taken === 300_000) break;
    }
    expect(last).toMatchObject({ line: 300_001, company: 'Company 300000' });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('of a file that cannot be read fails with the path and the remedy', async () => {
    await expect(collect(readTargets('/nowhere/list.csv', DEFAULTS))).rejects.toThrow(
      /cannot read the targets: \/nowhere\/list\.csv: ENOENT/,
    );
  });

  it('is read from a path as from a stream', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pdm-targets-'));
    writeFileSync(join(directory, 'list'), 'a.example\nb.example\n');
    const rows = await collect(readTargets(join(directory, 'list'), DEFAULTS));
    rmSync(directory, { recursive: true });
    expect(rows.map((row) => row.line)).toEqual([1, 2]);
  });
});

describe('spread keys', () => {
  it('are shared by addresses of one /32 and one /48, and by names of one domain', async () => {
    const [a, b, c, d, e, f] = await targets(
      '2001:db8:1::1\n2001:db8:1:ffff::2\n2001:db8:2::1\n2001:db9::1\nwww.a.example.com\nmail.example.com\n',
    );
    expect(a?.spread).toEqual(b?.spread);
    expect(a?.spread.wide).toBe(c?.spread.wide);
    expect(a?.spread.narrow).not.toBe(c?.spread.narrow);
    expect(a?.spread.wide).not.toBe(d?.spread.wide);
    expect(e?.spread.wide).toBe(f?.spread.wide);
    expect(e?.spread.narrow).not.toBe(f?.spread.narrow);
  });

  it('change with the seed and with nothing else', async () => {
    const one = (await targets('example.com'))[0]?.spread;
    expect((await targets('# x\nexample.com'))[0]?.spread).toEqual(one);
    expect((await targets('example.com', { ...DEFAULTS, seed: 2 }))[0]?.spread).not.toEqual(one);
  });
});
