// @ts-check
/**
 * What README calls "passes its tests": installs what is missing, builds, runs every check and every suite, and ends
 * with one line `N passed, N failed` over all of them. A test that was skipped has not passed: it counts as failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { installMissingPackages } from './system-packages.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const BIN = path.join(ROOT, 'node_modules', '.bin');

const BUILD = { name: 'build', argv: ['npm', 'run', '--silent', 'build'] };
/** Steps that pass or fail as one. */
const CHECKS = [
  { name: 'format', argv: [path.join(BIN, 'prettier'), '--check', '.'] },
  { name: 'lint', argv: [path.join(BIN, 'eslint'), '.'] },
  { name: 'types', argv: [path.join(BIN, 'tsc'), '--noEmit'] },
  {
    name: 'architecture',
    argv: [path.join(BIN, 'depcruise'), 'src', 'test', '--config', '.dependency-cruiser.cjs'],
  },
  { name: 'dead code', argv: [path.join(BIN, 'knip')] },
  { name: 'documents', argv: ['node', 'test/check-documents.mjs'] },
];

/** One after the other: the lab measures real packets in real time. */
const SUITES = ['unit', 'sim', 'lab'];

/** Long and patient: they run beside all others, and step aside for them. */
const ASIDE = ['nice', '-n', '19'];
const ASIDE_SUITES = ['container'];
/** The addon under sanitizers, clang-tidy and clang-format, and with each supported Node. */
const ASIDE_CHECKS = [
  { name: 'check:native', argv: [...ASIDE, 'npm', 'run', '--silent', 'check:native'] },
  { name: 'check:node', argv: [...ASIDE, 'npm', 'run', '--silent', 'check:node'] },
];

/** @type {{ passed: number, failed: number }} */
const total = { passed: 0, failed: 0 };

/** @param {string[]} argv @returns {Promise<{ code: number, output: string }>} */
function run([command = '', ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()));
    child.stderr.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()));
    child.once('error', (error) => {
      resolve({ code: 1, output: `${output}${error.message}\n` });
    });
    child.once('close', (code) => {
      resolve({ code: code ?? 1, output });
    });
  });
}

/** @param {string} name @param {boolean} passed @param {number} startedAtMs @param {string} output */
function report(name, passed, startedAtMs, output) {
  total[passed ? 'passed' : 'failed'] += 1;
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
  if (!passed) process.stdout.write(`${output}\n`);
}

/** @returns {string | null} why privileged tests cannot run here */
function privilegeProblem() {
  if (process.getuid?.() === 0) {
    const tried = spawnSync('unshare', ['--net', 'true']);
    return tried.status === 0 ? null : 'root, but network namespaces cannot be made here';
  }
  const tried = spawnSync('unshare', ['--user', '--map-root-user', '--net', 'true']);
  return tried.status === 0 ? null : 'neither root nor user namespaces: the kernel lab cannot run';
}

/** @param {{ name: string, argv: string[] }} check */
async function runCheck({ name, argv }) {
  const startedAtMs = Date.now();
  const { code, output } = await run(argv);
  report(name, code === 0, startedAtMs, output);
}

/** @param {string} suite @param {string} folder @param {readonly string[]} before */
async function runSuite(suite, folder, before = []) {
  const startedAtMs = Date.now();
  const file = path.join(folder, `${suite}.json`);
  const { code, output } = await run([
    ...before,
    path.join(BIN, 'vitest'),
    'run',
    '--project',
    suite,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]);
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  let result;
  try {
    result = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    total.failed += 1;
    process.stdout.write(`FAILED ${suite} (${seconds} s): it ended without a result\n${output}\n`);
    return;
  }
  const passed = Number(result.numPassedTests);
  // A file that could not be collected has no tests, so its failure must be counted by itself.
  const brokenFiles = result.testResults.filter(
    (/** @type {{ status: string, assertionResults: unknown[] }} */ each) =>
      each.status === 'failed' && each.assertionResults.length === 0,
  ).length;
  const failed = Number(result.numTotalTests) - passed + brokenFiles;
  // No tests at all, an error outside of every test, or one in a file's clean-up: vitest says so by its exit code alone.
  const otherwise = failed === 0 && (passed === 0 || code !== 0) ? 1 : 0;
  total.passed += passed;
  total.failed += failed + otherwise;
  process.stdout.write(
    `${failed + otherwise === 0 ? 'ok    ' : 'FAILED'} ${suite}: ${passed} passed, ${failed + otherwise} failed (${seconds} s)\n`,
  );
  if (failed + otherwise > 0) process.stdout.write(`${output}\n`);
}

async function main() {
  const missing = installMissingPackages();
  if (missing.length > 0) {
    total.failed += 1;
    process.stdout.write(
      `FAILED Debian packages are missing: ${missing.join(' ')}. Remedy: sudo apt-get install ${missing.join(' ')}\n`,
    );
  }
  const problem = privilegeProblem();
  if (problem !== null) {
    total.failed += 1;
    process.stdout.write(`FAILED privileged tests cannot run: ${problem}. Remedy: run as root\n`);
  }
  await runCheck(BUILD);
  const folder = mkdtempSync(path.join(tmpdir(), 'pdm-trace-test-'));
  const aside = async () => {
    for (const suite of ASIDE_SUITES) await runSuite(suite, folder, ASIDE);
    for (const check of ASIDE_CHECKS) await runCheck(check);
  };
  const others = async () => {
    for (const check of CHECKS) await runCheck(check);
    for (const suite of SUITES) await runSuite(suite, folder);
  };
  try {
    await Promise.all([aside(), others()]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

await main();
