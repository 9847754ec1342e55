import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { faultsOf, isTestOf, readDocuments, type Documents } from './check-documents.mjs';

const CLAIMS = `
import { delivered } from './delivered.js';
import { noDifference } from './no-difference.js';
/** In their order. */
export const CLAIMS: readonly Claim[] = [delivered, noDifference];
`;

const RECORD = `# The record
## Of the trace
| field | unit | meaning |
| --- | --- | --- |
| \`flat\` | | |
| \`source\` | | an address |

## Addresses
\`source\` and \`candidates\` hold:

| \`address\` | RFC 5952 | |

## Hops and pairs
| \`pairs.both\` | pairs | |
| \`icmp\` | | errors by \`type\` |
| \`pointer\` | octet | |

## \`summary\`
| \`nextHop.candidates\` | | |
| \`attribution.best\` | | |

## \`verdict\`
| \`interval\` | hop limits | (\`after\`, \`upTo\`] |
| \`refusal\` | | by \`type\` |
| \`refusal.hop\` | hop limit | |
| \`evidence.pairs\` | pairs | |
| \`evidence.placebo\` | pairs | \`pairs\` of two packets of one arm |

## Exit codes
| 0 | \`delivered\`; done |
| 20 | \`no-difference\`: neither, not 64 either |
| 64 | bad usage |

## Flags
| \`--hop-interval MS\` | trace | 100 | |
| \`--no-dns\` | trace | – | as \`--transport\` |
| \`--transport auto\\|native\` | trace | auto | |
`;

const object = (properties: Record<string, unknown>): unknown => ({ type: 'object', properties });
const SCHEMA = object({
  flat: {},
  source: { anyOf: [object({ address: {} }), { type: 'null' }] },
  hops: {
    items: object({
      pairs: object({ both: {} }),
      arms: object({ plain: object({ icmp: { items: object({ type: {}, pointer: {} }) } }) }),
    }),
  },
  summary: object({
    nextHop: object({ candidates: { items: object({ address: {} }) } }),
    attribution: object({ best: {} }),
  }),
  verdict: object({
    interval: { anyOf: [object({ after: {}, upTo: {} }), { type: 'null' }] },
    refusal: object({ type: {}, hop: {} }),
    evidence: object({ pairs: {}, placebo: object({ pairs: {} }) }),
  }),
});

const WELL: Documents = {
  sources: {
    'src/trace/claims/claims.ts': CLAIMS,
    'src/trace/claims/claim.ts': '/** A claim. */\nexport interface Claim {}',
    'src/trace/claims/delivered.ts': "/** It arrives. */\nexport const delivered: Claim = {\n  name: 'delivered',\n};",
    'src/trace/claims/no-difference.ts':
      "/** None. */\nexport const noDifference: Claim = {\n  name: 'no-difference',\n};",
    'src/trace/claims/same-path.ts': '/** A veto. */\nexport function standOfSamePath() {}',
    'src/record/record.ts':
      "/** Of outcomes. */\nexport const OUTCOME_EXIT_CODES = {\n  delivered: 0,\n  'no-difference': 20,\n};",
    'src/cli/exit-codes.ts':
      '/** Others. */\nexport const EXIT = {\n  ok: 0,\n  /** Bad. */\n  usage: 64,\n} as const;',
    'src/cli/arguments/flags.ts': "[\n  ['hopInterval', 'MS'],\n  ['dns', null],\n  ['transport', 'auto|native'],\n]",
    'src/trace/pace.ts': '/** METHOD: Pairs, Rhythm at a responder. (METHOD: pairs) METHOD: Claims. The list. */',
  },
  tests: ['delivered', 'no-difference', 'same-path'].map((name) => `test/trace/claims/${name}.test.ts`),
  method:
    '# Method\n## Pairs\n*Rhythm at a\nresponder.*\n# Claims (own)\n## delivered\n## stripped, no-difference\n## same path\n',
  record: RECORD,
  schema: SCHEMA,
};

/** Without the row that begins so. */
function withoutRow(page: string, start: string): string {
  const lines = page.split('\n');
  const left = lines.filter((line) => !line.startsWith(`| ${start}`));
  expect(left, start).toHaveLength(lines.length - 1);
  return left.join('\n');
}

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

  it.each([
    ['the second of two', '/** METHOD: Pairs. METHOD: Pairing */', 'cites "METHOD: Pairing */"'],
    ['a part that the page has not', '/** METHOD: Pairs, Rhythm at a loss. */', 'has no "rhythm at a loss"'],
  ])('fails for a citation of %s', (_, text, fault) => {
    expect(faultsOf(withSource('src/trace/pace.ts', text))).toEqual([expect.stringContaining(fault)]);
  });

  it('takes no file for a test of a claim that does not import it', () => {
    expect(isTestOf('delivered.test.ts', "import { delivered } from '../../../src/trace/claims/delivered.js';")).toBe(
      true,
    );
    expect(isTestOf('delivered.test.ts', "import { dropped } from '../../../src/trace/claims/dropped.js';")).toBe(
      false,
    );
    expect(isTestOf('delivered.test.ts', '')).toBe(false);
  });

  it('fails for a claim without a file, in a file of another name, without a test, without a heading', () => {
    const { 'src/trace/claims/delivered.ts': text, ...others } = WELL.sources;
    expect(faultsOf({ ...WELL, sources: others })).toEqual([expect.stringContaining('claim delivered has no file')]);
    const elsewhere = {
      ...others,
      'src/trace/claims/arrives.ts': text!,
      'src/trace/claims/claims.ts': CLAIMS.replace('./delivered.js', './arrives.js'),
    };
    expect(faultsOf({ ...WELL, sources: elsewhere })).toContainEqual(expect.stringContaining('arrives.ts, not in'));
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

  it('fails for a claim that is missing from the list', () => {
    const list = CLAIMS.replace('[delivered, noDifference]', '[delivered]');
    expect(faultsOf(withSource('src/trace/claims/claims.ts', list))).toEqual([
      'claim no-difference is missing from the list of src/trace/claims/claims.ts',
    ]);
  });

  it('fails for a part that accusations share without a test, or without a heading', () => {
    expect(faultsOf({ ...WELL, tests: WELL.tests.slice(0, 2) })).toEqual([
      'part same-path has no test test/trace/claims/same-path.test.ts',
    ]);
    expect(faultsOf({ ...WELL, method: WELL.method.replace('## same path\n', '') })).toEqual([
      'part same-path has no heading in docs/METHOD.md',
    ]);
  });

  it.each([
    ['`flat`', ['flat']],
    ['`address`', ['source.address', 'summary.nextHop.candidates.address']],
    ['`pairs.both`', ['hops.pairs.both']],
    ['`icmp`', ['hops.arms.plain.icmp', 'hops.arms.plain.icmp.type']],
    ['`pointer`', ['hops.arms.plain.icmp.pointer']],
    ['`attribution.best`', ['summary.attribution.best']],
    ['`nextHop.candidates`', ['summary.nextHop.candidates']],
    ['`interval`', ['verdict.interval', 'verdict.interval.after', 'verdict.interval.upTo']],
    ['`refusal` ', ['verdict.refusal', 'verdict.refusal.type']],
    ['`refusal.hop`', ['verdict.refusal.hop']],
    ['`evidence.pairs`', ['verdict.evidence.pairs']],
  ])('fails for fields without the row %s, whatever else has their last name', (row, fields) => {
    const missing = fields.map((field) => `field ${field} of config/record.schema.json has no row in docs/RECORD.md`);
    expect(faultsOf({ ...WELL, record: withoutRow(RECORD, row) })).toEqual(expect.arrayContaining(missing));
  });

  it('takes a row for no field of another section', () => {
    const moved = withoutRow(RECORD, '`attribution.best`').replace(
      '| `interval`',
      '| `attribution.best` | | |\n| `interval`',
    );
    expect(faultsOf({ ...WELL, record: moved })).toContainEqual(
      expect.stringContaining('field summary.attribution.best'),
    );
  });

  it('fails for an exit code without a row, and for an outcome that its row does not name', () => {
    expect(faultsOf({ ...WELL, record: withoutRow(RECORD, '64') })).toEqual([
      'exit code 64 (usage) has no row in docs/RECORD.md',
    ]);
    expect(faultsOf({ ...WELL, record: RECORD.replace('| `no-difference`', '| no difference') })).toEqual([
      'exit code 20 (no-difference) has no row in docs/RECORD.md',
    ]);
  });

  it.each([
    ['a number', 'const LEAST_LOST = 3;'],
    ['one with a type', '/** Nanoseconds. */\nexport const LEAST_LOST: number = 50e6;'],
    ['a list of them', 'const LEAST_LOST = [0.3, 1] as const;'],
  ])("fails for %s of a rule that stands outside METHOD's numbers", (_, text) => {
    expect(faultsOf(withSource('src/trace/explore.ts', text))).toEqual([
      'src/trace/explore.ts has the number LEAST_LOST: what METHOD states belongs in src/trace/numbers.ts',
    ]);
    for (const file of ['src/trace/numbers.ts', 'src/report/table/table.ts'])
      expect(faultsOf(withSource(file, text))).toEqual([]);
    for (const other of [
      'const NONCE_LENGTH = 8;',
      "const WORDS = ['a'];",
      '  const LEAST = 3;',
      'const MOST = LEAST;',
    ])
      expect(faultsOf(withSource('src/trace/explore.ts', other))).toEqual([]);
  });

  it('fails for a walk over probe rows beside pair, and for another room that reads a row or a reply', () => {
    const walk = 'for (let row = 0; row < state.probes.count; row += 1) {';
    expect(faultsOf(withSource('src/trace/explore.ts', walk))).toEqual([
      'src/trace/explore.ts walks over probe rows: that is what evidence/pair.ts is for',
    ]);
    expect(faultsOf(withSource('src/trace/reply/too-big.ts', walk))).toEqual([]);
    for (const read of ['trace.state.probes.arm(row)', 'state.signatures[0]', 'ARM_CODE.plain'])
      expect(faultsOf(withSource('src/engine/pair-scheduler.ts', read))).toEqual([
        'src/engine/pair-scheduler.ts reads a probe row or a reply: that is for src/trace alone (probe/one-probe.ts)',
      ]);
  });

  it.each([
    ['an interface', 'export interface Told {}'],
    ['a type', 'export type Told = string;'],
    ['a class', 'export class Told {}'],
    ['a function', 'export async function Told() {}'],
    ['a constant', 'export const Told = 1;'],
    ['what is exported farther down', 'const Told = 1;\nexport { Told };'],
    ['what is exported farther down by another name', 'const Told = 1;\nexport { Told as Said };'],
    ['what has the docstring of its file alone', '/** A file. */\n\nexport const Told = 1;'],
    ['what has a comment that is no docstring', '// One.\n/* Two. */\nexport const Told = 1;'],
    ['what stands behind something described', '/** Said. */\nexport const said = 1;\nexport const Told = 2;'],
  ])('fails for %s that is exported without a docstring', (_, text) => {
    expect(faultsOf(withSource('src/text/told.ts', text))).toEqual([
      'src/text/told.ts exports Told without a docstring',
    ]);
  });

  it.each([
    ['has a docstring', '/** Said. */\nexport const said = 1;'],
    ['has one above a comment', '/** Said. */\n// eslint-disable-next-line\nexport const said = 1;'],
    ['is not exported', 'const said = 1;\ninterface Told {}'],
    ['is of another file', "export { said } from './said.js';\nexport * from './told.js';"],
    ['is of another file, and imported', "import { said } from './said.js';\nexport { said };"],
    ['is an overload', '/** Says. */\nexport function say(): void;\nexport function say(what?: string) {}'],
    ['stands in a comment or a string', '// export const said = 1;\nconst text = `\nexport const told = 1;`;'],
  ])('wants no docstring of what %s', (_, text) => {
    expect(faultsOf(withSource('src/text/said.ts', text))).toEqual([]);
  });

  it('fails for a flag without a row, though another row speaks of it', () => {
    for (const [row, flag] of [
      ['`--hop-interval', '--hop-interval'],
      ['`--transport', '--transport'],
    ] as const)
      expect(faultsOf({ ...WELL, record: withoutRow(RECORD, row) })).toEqual([
        `flag ${flag} has no row in docs/RECORD.md`,
      ]);
  });
});

describe('the documents of this project', () => {
  const documents = readDocuments(fileURLToPath(new URL('..', import.meta.url)));

  it('agree with the code', () => {
    expect(faultsOf(documents)).toEqual([]);
  });

  it.each([
    '`interval`',
    '`evidence.pairs`',
    '`refusal.hop`',
    '`nextHop.candidates`',
    '`attribution.best`',
    '11 ',
    '77 ',
  ])('have a row %s that is missed', (row) => {
    expect(faultsOf({ ...documents, record: withoutRow(documents.record, row) })).not.toEqual([]);
  });

  it.each(['where', 'cause', 'doubt', 'same-path', 'bypassed'])('have a test of %s that is missed', (name) => {
    const tests = documents.tests.filter((file) => file !== `test/trace/claims/${name}.test.ts`);
    expect(faultsOf({ ...documents, tests })).toEqual([expect.stringContaining(`${name} has no test`)]);
  });

  it('have a docstring that is missed', () => {
    const file = 'src/wire/result.ts';
    const text = documents.sources[file]!.replace(/^\/\*\*.*\n(?=export type ParseResult)/m, '');
    expect(faultsOf({ ...documents, sources: { ...documents.sources, [file]: text } })).toEqual([
      `${file} exports ParseResult without a docstring`,
    ]);
  });

  it('have a list in which each claim is missed', () => {
    const file = 'src/trace/claims/claims.ts';
    const sources = { ...documents.sources, [file]: documents.sources[file]!.replace(/^ {2}impaired,\n/m, '') };
    expect(faultsOf({ ...documents, sources })).toEqual([`claim impaired is missing from the list of ${file}`]);
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
