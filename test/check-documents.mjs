// @ts-check
/**
 * Whether the documents and the code still say the same: headings of docs/METHOD.md that src cites, the file, test, heading and
 * place in the list of every claim and of the parts that accusations share, and that docs/RECORD.md has a row for each field of
 * the record, each exit code and each flag. And whether the numbers of METHOD's rules stand in one file, and whether everything
 * that src exports has a docstring.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import ts from 'typescript';

/**
 * @typedef {Readonly<Record<string, string>>} Texts By path.
 * @typedef {{ sources: Texts, tests: readonly string[], method: string, record: string, schema: unknown }} Documents
 */

const CLAIMS = 'src/trace/claims';
/** In its folder, and neither claims nor parts of them that METHOD has a heading for. */
const PLUMBING = ['claim', 'claims', 'changed', 'confirm'];
const OUTCOME_CODES = ['src/record/record.ts', 'OUTCOME_EXIT_CODES'];
const OTHER_CODES = ['src/cli/exit-codes.ts', 'EXIT'];
const FLAG_FILES = ['src/cli/arguments/flags.ts', 'src/cli/arguments/report-flags.ts'];

/** `## stripped, altered` and `# Claims (own)`, in lower case. @param {string} method */
function headings(method) {
  return [...method.matchAll(/^#+ (.+?)(?: \(own\))?$/gm)].map(([, heading]) => String(heading).toLowerCase());
}

/** `METHOD: Pairs, Rhythm at a responder. METHOD: where` are two. */
const CITATION = /\bMETHOD(?:: ?| §|,)(.*?)(?=\bMETHOD(?:: ?| §|,)|$)/gm;

/** @param {Texts} sources @param {readonly string[]} known @param {string} method @returns {string[]} */
function strangeCitations(sources, known, method) {
  const page = plainText(method);
  return Object.entries(sources).flatMap(([file, text]) =>
    [...text.matchAll(CITATION)].flatMap(([cited, rest = '']) => {
      const name = rest.toLowerCase();
      const heading = known.find((each) => name.startsWith(each) && !/^[\w-]/.test(name.slice(each.length)));
      if (!cited.startsWith('METHOD:') || heading === undefined)
        return [`${file} cites "${cited.trim()}", which is no heading of docs/METHOD.md`];
      const missing = partsBehind(name.slice(heading.length)).filter((part) => !page.includes(part));
      return missing.map((part) => `${file} cites "${cited.trim()}", but docs/METHOD.md has no "${part}"`);
    }),
  );
}

/** `, the way back and the source's own firewall. What …` names two parts of a section. @param {string} rest @returns {string[]} */
function partsBehind(rest) {
  const named = /^,([^.,;:)*]*)/.exec(rest)?.[1] ?? '';
  return named.split(/ and (?=the )/).flatMap((part) => (part.trim() === '' ? [] : [plainText(part).trim()]));
}

/** Without marks, in lower case and one line. @param {string} page */
function plainText(page) {
  return page.replace(/[*`_]/g, '').replace(/\s+/g, ' ').toLowerCase();
}

/** Files and names of the claims in the list of claims.ts. @param {Texts} sources */
function claimsOf(sources) {
  const list = sources[`${CLAIMS}/claims.ts`] ?? '';
  const names = /CLAIMS[^=]*= \[([^\]]*)\]/.exec(list)?.[1]?.match(/\w+/g) ?? [];
  return names.map((identifier) => {
    const from = new RegExp(`import \\{[^}]*\\b${identifier}\\b[^}]*\\} from '\\./([\\w-]+)\\.js'`).exec(list)?.[1];
    const text = sources[`${CLAIMS}/${from}.ts`];
    return { identifier, from, name: /^ {2}name: '([\w-]+)'/m.exec(text ?? '')?.[1] };
  });
}

/** @param {Documents} documents @param {readonly string[]} known @returns {string[]} */
function faultsOfClaims({ sources, tests }, known) {
  const claims = claimsOf(sources);
  if (claims.length === 0) return [`${CLAIMS}/claims.ts has no list of claims`];
  const listed = claims.flatMap(({ identifier, from, name }) => {
    if (name === undefined) return [`claim ${identifier} has no file with its name in ${CLAIMS}`];
    return from === name ? [] : [`claim ${name} stands in ${CLAIMS}/${from}.ts, not in ${CLAIMS}/${name}.ts`];
  });
  const headed = known.flatMap((heading) => heading.split(', '));
  const files = Object.keys(sources).flatMap((file) => {
    const name = file.startsWith(`${CLAIMS}/`) ? path.basename(file, '.ts') : 'claims';
    if (PLUMBING.includes(name)) return [];
    const declared = /^export const (\w+): Claim\b/m.exec(sources[file] ?? '')?.[1];
    const what = declared === undefined ? 'part' : 'claim';
    const faults = [];
    if (declared !== undefined && !claims.some(({ identifier }) => identifier === declared))
      faults.push(`claim ${name} is missing from the list of ${CLAIMS}/claims.ts`);
    const test = `test/trace/claims/${name}.test.ts`;
    if (!tests.includes(test)) faults.push(`${what} ${name} has no test ${test}`);
    const heading = declared === undefined ? name.replaceAll('-', ' ') : name;
    if (!headed.includes(heading)) faults.push(`${what} ${name} has no heading in docs/METHOD.md`);
    return faults;
  });
  return [...listed, ...files];
}

/** @typedef {{ path: string, hasParts: boolean }} Field `hasParts`: an object, or objects in a list. */

/** Every property's path, at any depth: `verdict.interval.after`. @param {unknown} schema @param {string} at @returns {Field[]} */
function fieldsOf(schema, at = '') {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'properties'
      ? Object.entries(value).flatMap(([name, inner]) => {
          const parts = fieldsOf(inner, `${at}${name}.`);
          return [{ path: `${at}${name}`, hasParts: parts.length > 0 }, ...parts];
        })
      : fieldsOf(value, at),
  );
}

/** @typedef {{ names: readonly string[], says: readonly string[], cells: readonly string[] }} Row What its first cell names, and what stands between backquotes in the others. */

/** Tables' rows by the heading of their section. @param {string} page @returns {Map<string, Row[]>} */
function rowsOf(page) {
  const sections = page.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const rows = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(/(?<!\\) \| ?/));
      const read = rows.map(([first = '', ...others]) => ({
        names: codeOf(first),
        says: codeOf(others.join(' ')),
        cells: [first, ...others],
      }));
      return [heading.replace(/`/g, '').trim(), read];
    }),
  );
}

/** Where a section speaks of: the rest of a field's path there, and null elsewhere. */
const PLACES = new Map([
  ['Of the trace', within(/^/)],
  ['Hops and pairs', within(/^(?:hops|targetPairs)\.(?:arms\.\w+\.)?(?:responders\.)?/)],
  ['summary', within(/^summary\./)],
  ['verdict', within(/^verdict\./)],
  ['pdm and counters', within(/^/)],
]);

/** @param {RegExp} start @returns {(field: string) => string | null} */
function within(start) {
  return (field) => (start.test(field) ? field.replace(start, '') : null);
}

/**
 * Fields of the record without a row: neither one of their full name in the section of their place, nor one of what they are part
 * of that names them. Parts of `hops` may be named by their last part (`pointer` of `icmp`), and addresses have a section of their own.
 * @param {Documents} documents @returns {string[]}
 */
function strangeFields({ record, schema }) {
  const sections = rowsOf(record);
  const shape = sections.get('Addresses') ?? [];
  const holders = codeOf(/^## Addresses\n([^|]*)/m.exec(record)?.[1] ?? '');
  /** @param {string} field @returns {Row[]} */
  const rowsNaming = (field) =>
    [...PLACES].flatMap(([heading, inPlace]) => {
      const rest = inPlace(field);
      if (rest === null) return [];
      const ends = (/** @type {string} */ name) => heading === 'Hops and pairs' && rest.endsWith(`.${name}`);
      return (sections.get(heading) ?? []).filter(({ names }) => names.some((name) => name === rest || ends(name)));
    });
  /** @param {string} field */
  const isPartOfRow = (field) => {
    const [, whole = '', part = ''] = /^(.*)\.(\w+)$/.exec(field) ?? [];
    const isNamed = rowsNaming(whole).some(({ says }) => says.some((each) => each.split(/\W+/).includes(part)));
    const isOfAddress =
      holders.includes(whole.split('.').at(-1) ?? '') && shape.some(({ names }) => names.includes(part));
    return isNamed || isOfAddress;
  };
  const fields = fieldsOf(schema);
  /** Of an object whose parts all have rows of their own nothing is left to say. @param {string} field */
  const isSaidByParts = (field) => {
    const parts = fields.filter(
      ({ path: part }) => part.startsWith(`${field}.`) && !part.slice(field.length + 1).includes('.'),
    );
    return parts.length > 0 && parts.every(({ path: part, hasParts }) => hasParts || rowsNaming(part).length > 0);
  };
  return fields
    .filter(({ path: field }) => rowsNaming(field).length === 0 && !isPartOfRow(field) && !isSaidByParts(field))
    .map(({ path: field }) => `field ${field} of config/record.schema.json has no row in docs/RECORD.md`);
}

/** `{ delivered: 0, 'no-difference': 20 }` of an object in a source file. @param {Texts} sources @param {readonly string[]} where @returns {[string, string][]} */
function codesOf(sources, [file = '', name = '']) {
  const body = new RegExp(`const ${name}\\b[^{]*\\{([^}]*)\\}`).exec(sources[file] ?? '')?.[1] ?? '';
  return [...body.matchAll(/^ *'?([\w-]+)'?: (\d+),/gm)].map(([, key, code]) => [String(key), String(code)]);
}

/** @param {Documents} documents @returns {string[]} */
function strangeExitCodes({ sources, record }) {
  const rows = rowsOf(record).get('Exit codes') ?? [];
  /** @param {string} code */
  const rowsFor = (code) => rows.filter(({ cells }) => cells[0]?.trim() === code);
  const outcomes = codesOf(sources, OUTCOME_CODES);
  return [
    ...outcomes.filter(([outcome, code]) => !rowsFor(code).some(({ says }) => says.includes(outcome))),
    ...codesOf(sources, OTHER_CODES).filter(([, code]) => rowsFor(code).length === 0),
  ].map(([key, code]) => `exit code ${code} (${key}) has no row in docs/RECORD.md`);
}

/** `--hop-interval` of `['hopInterval', 'MS']`. @param {Texts} sources @returns {string[]} */
function flagsOf(sources) {
  return FLAG_FILES.flatMap((file) =>
    [...(sources[file] ?? '').matchAll(/\[\s*'([a-zA-Z]+)',\s*(?:null|'[A-Z]+'|'[^']*\|[^']*')/g)].map(
      ([, key]) => `--${String(key).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    ),
  );
}

/** Numbers in src/trace that are no rule of METHOD, by what they are. What METHOD states stands in numbers.ts. */
const NUMBERS = 'src/trace/numbers.ts';
const OTHER_NUMBERS = {
  'lengths, offsets and values of octets in packets': [
    'NONCE_LENGTH',
    'TCP_NO_OPERATION',
    'FILLING',
    'CHECKSUM_MODULUS',
    'NUMBER_BITS',
    'ECHO_SPACING_INVERSE',
    'UPPER_HEADER_LENGTH',
    'PAYLOAD_LENGTH',
    'IPV6_MINIMUM_MTU',
    'SHORTEST_LAST_PIECE',
    'LARGEST_PROBE',
    'LARGEST_FRAGMENTED_PROBE',
    'DEFAULT_FRAGMENTED_SIZE',
    'HEADER_FROM',
    'HEADER_END',
    'DECISIVE_PDM_OCTETS',
    'DECISIVE_OCTETS',
    'FRAGMENT_ID_OFFSET',
    'FRAGMENT_IDENTITY',
    'OWN_PREFIX_OCTETS',
  ],
  'how much is kept of what strangers send': [
    'MOST_REWRITTEN_LABELS',
    'MOST_SIGNATURES',
    'MOST_OBJECTS',
    'MOST_OBJECT_OCTETS',
    'MOST_CONTRADICTING',
    'MOST_ROUTERS',
    'MOST_SIGHTINGS',
    'MOST_CANDIDATES',
  ],
  'layout of tables, marks and weights that are no measure of anything': [
    'NO_REPLY',
    'FLAG_SENT',
    'FLAG_FAILED',
    'FLAG_LATE',
    'ROW_OCTETS',
    'FIRST_ROWS',
    'KEYS_PER_PROBE',
    'NOT_PASSED',
    'FAR',
    'UNKNOWN_DISTANCE',
    'ALL_OURS',
    'LOG_FACTORIALS',
    'TABLES',
    'KEPT_PAIRS',
    'MOST_COUNTED',
    'MOST_CHANCES',
    'FEW_NAMES',
  ],
  'arithmetic: two packets make a pair, and sums are rounded': ['ANSWERS_PER_PAIR', 'ROUNDING'],
};

/** Constants that are numbers, or lists of them. @param {Texts} sources @returns {string[]} */
function strangeNumbers(sources) {
  const known = Object.values(OTHER_NUMBERS).flat();
  return Object.entries(sources).flatMap(([file, text]) =>
    !file.startsWith('src/trace/') || file === NUMBERS
      ? []
      : [...text.matchAll(/^(?:export )?const ([A-Z][A-Z_0-9]*)(?:: [^=]+)? = \[?-?\d/gm)]
          .filter(([, name = '']) => !known.includes(name))
          .map(([, name]) => `${file} has the number ${name}: what METHOD states belongs in ${NUMBERS}`),
  );
}

/** Where a loop over probe rows may stand, and nothing outside src/trace reads a row or a reply. */
const WALKS_ROWS = /^src\/trace\/(?:reply\/|evidence\/pair\.ts|probe\/sending\.ts)/;

/** @param {Record<string, string>} sources */
function strangeRows(sources) {
  return Object.entries(sources).flatMap(([file, text]) => {
    const faults = [];
    if (!WALKS_ROWS.test(file) && /for \([^)]*probes\.count/.test(text))
      faults.push(`${file} walks over probe rows: that is what evidence/pair.ts is for`);
    if (!file.startsWith('src/trace/') && /\.signatures\b|\bstate\.probes\b|\bARM_CODE\b/.test(text))
      faults.push(`${file} reads a probe row or a reply: that is for src/trace alone (probe/one-probe.ts)`);
    return faults;
  });
}

/**
 * Exported declarations without a docstring right above them: behind an empty line it is the file's. What a file exports of
 * others has its own where it is declared.
 * @param {Texts} sources @returns {string[]}
 */
function undescribedExports(sources) {
  return Object.entries(sources).flatMap(([file, text]) => {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
    const exportedBelow = new Set(
      source.statements.flatMap((statement) =>
        ts.isExportDeclaration(statement) &&
        statement.moduleSpecifier === undefined &&
        statement.exportClause !== undefined &&
        ts.isNamedExports(statement.exportClause)
          ? statement.exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
          : [],
      ),
    );
    /** Overloads share one, that of the first. @type {Set<string>} */
    const functions = new Set();
    return source.statements.flatMap((statement) => {
      const names = declaredNames(statement);
      const isExported =
        (ts.canHaveModifiers(statement) &&
          ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true) ||
        ts.isExportAssignment(statement) ||
        names.some((name) => exportedBelow.has(name));
      const isOverload = ts.isFunctionDeclaration(statement) && names.every((name) => functions.has(name));
      if (ts.isFunctionDeclaration(statement)) for (const name of names) functions.add(name);
      if (!isExported || isOverload || hasDocstring(source, statement)) return [];
      return [`${file} exports ${names.join(', ')} without a docstring`];
    });
  });
}

/** @param {import('typescript').Statement} statement @returns {string[]} */
function declaredNames(statement) {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : 'a pattern'));
  if (
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement)
  )
    return [statement.name?.text ?? 'default'];
  return ts.isExportAssignment(statement) ? ['default'] : [];
}

/** @param {import('typescript').SourceFile} source @param {import('typescript').Statement} statement */
function hasDocstring(source, statement) {
  const { text } = source;
  const comments = ts.getLeadingCommentRanges(text, statement.pos) ?? [];
  const last = comments.findLast(({ pos }) => text.startsWith('/**', pos));
  return last !== undefined && !/\n\s*\n/.test(text.slice(last.end, statement.getStart(source)));
}

/** What stands between backquotes. @param {string} page */
function codeOf(page) {
  return [...page.matchAll(/`([^`\n]+)`/g)].map(([, code]) => String(code));
}

/** @param {Documents} documents @returns {string[]} One sentence for each thing that is missing; none when all is well. */
export function faultsOf(documents) {
  const { sources, method, record } = documents;
  const known = headings(method);
  const named = (rowsOf(record).get('Flags') ?? []).flatMap(({ names }) => names);
  const flags = new Set(named.map((each) => (each.split(' ')[0] ?? '').replace(/^--no-/, '--')));
  return [
    ...strangeCitations(sources, known, method),
    ...strangeRows(sources),
    ...faultsOfClaims(documents, known),
    ...strangeFields(documents),
    ...strangeExitCodes(documents),
    ...strangeNumbers(sources),
    ...undescribedExports(sources),
    ...[...new Set(flagsOf(sources))]
      .filter((flag) => !flags.has(flag))
      .map((flag) => `flag ${flag} has no row in docs/RECORD.md`),
  ];
}

/** It imports what its name says: an empty file is no test. @param {string} file @param {string} text */
export function isTestOf(file, text) {
  return text.includes(`/claims/${path.basename(file, '.test.ts')}.js'`);
}

/** @param {string} root @returns {Documents} */
export function readDocuments(root) {
  /** @param {string} file */
  const read = (file) => readFileSync(path.join(root, file), 'utf8');
  const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/${file}`);
  const claimTests = path.join(root, 'test/trace/claims');
  return {
    sources: Object.fromEntries(files.map((file) => [file, read(file)])),
    tests: existsSync(claimTests)
      ? readdirSync(claimTests).flatMap((file) =>
          isTestOf(file, read(`test/trace/claims/${file}`)) ? [`test/trace/claims/${file}`] : [],
        )
      : [],
    method: read('docs/METHOD.md'),
    record: read('docs/RECORD.md'),
    schema: JSON.parse(read('config/record.schema.json')),
  };
}

if (process.argv[1] === import.meta.filename) {
  const faults = faultsOf(readDocuments(path.resolve(import.meta.dirname, '..')));
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
