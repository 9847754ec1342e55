// @ts-check
/**
 * `npm run check:install`: a clean copy of this checkout installs and builds where no compiler works, and then says in one
 * line what to install. Needs npm's registry or its cache, and about a minute.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

const ROOT = path.resolve(import.meta.dirname, '..');
const MADE_HERE = new Set(['node_modules', 'dist', '.git', 'coverage', path.join('native-shim', 'build')]);

/** @param {string} cwd @param {readonly string[]} argv */
function run(cwd, [command = '', ...args]) {
  const env = { ...process.env, CC: '/bin/false', CXX: '/bin/false', npm_config_loglevel: 'error' };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 280_000 });
  return { code: status, output: `${stdout}${stderr}` };
}

/** @type {string[]} */
const failures = [];

/** @param {string} what @param {boolean} holds @param {string} output */
function check(what, holds, output) {
  process.stdout.write(`${holds ? 'ok    ' : 'FAILED'} ${what}\n`);
  if (!holds) failures.push(`${what}\n${output}`);
}

const folder = mkdtempSync(path.join(tmpdir(), 'pdm-trace-install-'));
try {
  cpSync(ROOT, folder, { recursive: true, filter: (file) => !MADE_HERE.has(path.relative(ROOT, file)) });
  const install = run(folder, ['npm', 'ci', '--no-audit', '--no-fund']);
  check('npm ci ends well without a compiler', install.code === 0, install.output);
  const build = run(folder, ['npm', 'run', '--silent', 'build']);
  check('npm run build ends well', build.code === 0, build.output);
  const main = path.join('dist', 'cli', 'main.js');
  const help = run(folder, [process.execPath, main, '--help']);
  check('--help works', help.code === 0 && help.output.includes('Usage:'), help.output);
  const trace = run(folder, [process.execPath, main, '::1']);
  const said = trace.output.trimEnd().split('\n');
  const isOneLine = said.length === 1 && trace.output.includes('g++ make python3');
  check('a trace ends with 69 and one line that names g++ make python3', trace.code === 69 && isOneLine, trace.output);
  const store = run(folder, [
    process.execPath,
    main,
    'run',
    '--targets',
    'config/targets.example.txt',
    '--store',
    'x.db',
  ]);
  const namesBuild = (store.code === 73 || store.code === 69) && store.output.includes('g++ make python3');
  check('a store says what to install', namesBuild, store.output);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) process.stdout.write(`\n${failure}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
