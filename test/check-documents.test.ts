import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultsOf, type Documents } from './check-documents.mjs';

const CLAIMS = `
import { delivered } from './delivered.js';
import { noDifference } from './no-difference.js';
export const CLAIMS: readonly Claim[] = [delivered, noDifference];
`;

const WELL: Documents = {
  sources: {
    'src/trace/claims/claims.ts': CLAIMS,
    'src/trace/claims/delivered.ts': "export const delivered: Claim = {\n  name: 'delivered',\n};",
    'src/trace/claims/no-difference.ts': "export const noDifference: Claim = {\n  name: 'no-difference',\n};",
    'src/cli/flags.ts': "[\n  ['hopInterval', 'MS'],\n  ['dns', null],\n  ['transport', 'auto|native'],\n]",
    'src/trace/pace.ts': '/** METHOD: Pairs, Rhythm at a responder. (METHOD: pairs) METHOD: Claims. The list. */',
  },
  tests: ['test/trace/claims/delivered.test.ts', 'test/trace/claims/no-difference.test.ts'],
  method: '# Method\n## Pairs\n# Claims (own)\n## delivered\n## stripped, no-difference\n',
  record: '`a.inner` and `flat`; `--hop-interval MS`, `--no-dns`, `--transport auto`',
  schema: { properties: { flat: {}, a: { anyOf: [{ properties: { inner: {} } }] } } },
};

function withSource(file: string, text: string): Documents {
  return { ...WELL, sources: { ...WELL.sources, [file]: text } };
}

describe('the check of the documents', () => {
  it('finds nothing where code and documents agree', () => {
    expect(faultsOf(WELL)).toEqual([]);
  });

  it.each([
    ['a heading that does not exist', '/** METHOD: Pairing. */', 'cites "METHOD: Pairing. */"'],
    ['a number of the old sections', '/** METHOD §6.1 */', 'cites "METHOD §6.1 */"'],
    ['no name that the page could have', '/** (METHOD, arms) */', 'cites "METHOD, arms) */"'],
  ])('fails for a citation of %s', (_, text, fault) => {
    expect(faultsOf(withSource('src/trace/pace.ts', text))).toEqual([expect.stringContaining(fault)]);
  });

  it('fails for a claim without a file, in a file of another name, without a test, without a heading', () => {
    const { 'src/trace/claims/delivered.ts': text, ...others } = WELL.sources;
    expect(faultsOf({ ...WELL, sources: others })).toEqual([expect.stringContaining('claim delivered has no file')]);
    const elsewhere = {
      ...others,
      'src/trace/claims/arrives.ts': text!,
      'src/trace/claims/claims.ts': CLAIMS.replace('./delivered.js', './arrives.js'),
    };
    expect(faultsOf({ ...WELL, sources: elsewhere })).toEqual([expect.stringContaining('arrives.ts, not in')]);
    expect(faultsOf({ ...WELL, tests: WELL.tests.slice(1) })).toEqual([
      'claim delivered has no test test/trace/claims/delivered.test.ts',
    ]);
    expect(faultsOf({ ...WELL, method: WELL.method.replace('## delivered\n', '') })).toEqual([
      'claim delivered has no heading in docs/METHOD.md',
    ]);
  });

  it('fails where the list of claims cannot be read', () => {
    expect(faultsOf(withSource('src/trace/claims/claims.ts', ''))).toEqual([
      expect.stringContaining('no list of claims'),
    ]);
  });

  it('fails for a field of the record that no page explains, however deep', () => {
    expect(faultsOf({ ...WELL, record: WELL.record.replace('a.inner', 'a') })).toEqual([
      'field inner of config/record.schema.json is missing from docs/RECORD.md',
    ]);
  });

  it('fails for a flag that no page explains', () => {
    expect(faultsOf({ ...WELL, record: WELL.record.replace('--hop-interval', 'hop-interval') })).toEqual([
      'flag --hop-interval is missing from docs/RECORD.md',
    ]);
  });
});

describe('the table of networks that were once judged wrong', () => {
  const page = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('## Networks that were once judged wrong');
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
  const cells = rows.slice(2).map((row) => row.slice(2, -2).split(' | '));

  it('has a test and a relative for each', () => {
    expect(cells.length).toBeGreaterThan(30);
    for (const row of cells) expect(row, row.join(' | ')).toHaveLength(3);
  });

  it.each(cells)('names tests that there are: %s', (_, ...tests) => {
    for (const named of tests.flatMap((cell) => cell.split('<br>'))) {
      const [, file = '', title = ''] = /^`([^`]+)` ?(.*)$/.exec(named) ?? [];
      expect(readFileSync(new URL(file, import.meta.url), 'utf8'), named).toContain(title);
    }
  });
});
