// @ts-check
/**
 * Whether the documents and the code still say the same: headings of docs/METHOD.md that src cites, the file, test and heading
 * of every claim, the record's fields and the command line's flags in docs/RECORD.md.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/**
 * @typedef {Readonly<Record<string, string>>} Texts By path.
 * @typedef {{ sources: Texts, tests: readonly string[], method: string, record: string, schema: unknown }} Documents
 */

const CLAIMS = 'src/trace/claims';
const FLAG_FILES = ['src/cli/flags.ts', 'src/cli/report-flags.ts'];

/** `## stripped, altered` and `# Claims (own)`, in lower case. @param {string} method */
function headings(method) {
  return [...method.matchAll(/^#+ (.+?)(?: \(own\))?$/gm)].map(([, heading]) => String(heading).toLowerCase());
}

/** @param {Texts} sources @param {readonly string[]} known @returns {string[]} */
function strangeCitations(sources, known) {
  return Object.entries(sources).flatMap(([file, text]) =>
    [...text.matchAll(/\bMETHOD(?:: ?| §|,)(.*)/g)].flatMap(([cited, rest = '']) => {
      const name = rest.toLowerCase();
      const isHeading = known.some((each) => name.startsWith(each) && !/^[\w-]/.test(name.slice(each.length)));
      return cited.startsWith('METHOD:') && isHeading
        ? []
        : [`${file} cites "${cited.trim()}", which is no heading of docs/METHOD.md`];
    }),
  );
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
  const headed = known.flatMap((heading) => heading.split(', '));
  return claims.flatMap(({ identifier, from, name }) => {
    if (name === undefined) return [`claim ${identifier} has no file with its name in ${CLAIMS}`];
    const faults = [];
    if (from !== name) faults.push(`claim ${name} stands in ${CLAIMS}/${from}.ts, not in ${CLAIMS}/${name}.ts`);
    const test = `test/trace/claims/${name}.test.ts`;
    if (!tests.includes(test)) faults.push(`claim ${name} has no test ${test}`);
    if (!headed.includes(name)) faults.push(`claim ${name} has no heading in docs/METHOD.md`);
    return faults;
  });
}

/** Every property's name, at any depth. @param {unknown} schema @returns {string[]} */
function fieldsOf(schema) {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'properties'
      ? Object.entries(value).flatMap(([name, inner]) => [name, ...fieldsOf(inner)])
      : fieldsOf(value),
  );
}

/** `--hop-interval` of `['hopInterval', 'MS']`. @param {Texts} sources @returns {string[]} */
function flagsOf(sources) {
  return FLAG_FILES.flatMap((file) =>
    [...(sources[file] ?? '').matchAll(/\[\s*'([a-zA-Z]+)',\s*(?:null|'[A-Z]+'|'[^']*\|[^']*')/g)].map(
      ([, key]) => `--${String(key).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    ),
  );
}

/** What stands between backquotes. @param {string} page */
function codeOf(page) {
  return [...page.matchAll(/`([^`\n]+)`/g)].map(([, code]) => String(code));
}

/** @param {Documents} documents @returns {string[]} One sentence for each thing that is missing; none when all is well. */
export function faultsOf(documents) {
  const { sources, method, record, schema } = documents;
  const known = headings(method);
  const code = codeOf(record);
  const words = new Set(code.flatMap((each) => each.split(/\W+/)));
  const flags = new Set(code.flatMap((each) => each.split(/[ =]/)).map((each) => each.replace(/^--no-/, '--')));
  return [
    ...strangeCitations(sources, known),
    ...faultsOfClaims(documents, known),
    ...[...new Set(fieldsOf(schema))]
      .filter((field) => !words.has(field))
      .map((field) => `field ${field} of config/record.schema.json is missing from docs/RECORD.md`),
    ...[...new Set(flagsOf(sources))]
      .filter((flag) => !flags.has(flag))
      .map((flag) => `flag ${flag} is missing from docs/RECORD.md`),
  ];
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
    tests: existsSync(claimTests) ? readdirSync(claimTests).map((file) => `test/trace/claims/${file}`) : [],
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
