// @ts-check
/**
 * `npm run bench`: what issue-sized promises say of speed, measured on this machine, with the conditions. `npm run bench verdicts` for
 * single hosts alone, each of 20 runs or `BENCH_RUNS`; `npm run bench lists` for lists alone; `npm run bench million` for a list of a
 * million targets, or of `BENCH_TARGETS`. Nothing here is a test: machines differ, so figures are printed beside their goals and nobody fails.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { createLab } from '../test/lab/lab.mjs';
import { measureListRun, measureScamper } from './list-run.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const MAIN = path.join(ROOT, 'dist', 'cli', 'main.js');
const LAB_RUNS = Number(process.env['BENCH_RUNS'] ?? 20);
const VERSION_RUNS = 11;
const MEMORY_RUNS = 5;
const REPORT_RECORDS = 1_000_000;
const REPORT_RUNS = 5;
/** @type {Record<string, string[]>} */
const REPORTS = {
  'every row': ['--format', 'csv'],
  'how many ended how': ['--counts'],
  'the last run': ['--changes'],
  'all that ever changed': ['--changes', '--since', '2000-01-01', '--format', 'csv'],
};
const NATIVE_TIMEOUT_MS = 300_000;
const LIST_TARGETS = 5000;
const LIST_TIMEOUT_MS = 600_000;
const MILLION_TIMEOUT_MS = 3 * 3_600_000;
/** At 72 packets a target 20,000 a second are a million in an hour and a minute, whatever the processor has time for. */
const MILLION_RATE = 30_000;

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** @param {string} what @param {string} measured @param {string} goal @param {boolean} met */
function line(what, measured, goal, met) {
  process.stdout.write(`${met ? 'met    ' : 'NOT MET'}  ${what.padEnd(52)} ${measured.padEnd(34)} goal ${goal}\n`);
}

/** A figure without a goal. @param {string} what @param {string} measured */
function note(what, measured) {
  process.stdout.write(`${' '.repeat(7)}  ${what.padEnd(52)} ${measured}\n`);
}

/** @param {readonly number[]} values @param {number} digits */
function spread(values, digits) {
  const shown = (/** @type {number} */ value) => value.toFixed(digits);
  return `${shown(median(values))} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

/**
 * What a loss that is said lacks: its cause, as the description has it, or the witness that it is not the answers that are lost.
 * Both take pairs of their own, so that a verdict without them is no faster one. A network that loses nothing has neither.
 * @param {{protocol: string, verdict: {cause: string | null, evidence: {returnPath: string | null, witness?: string | null}}}} record
 * @param {string | null} cause
 */
function lackingIn({ protocol, verdict }, cause) {
  if (cause === null) return [];
  const lacking = [];
  if (verdict.cause !== cause) lacking.push(`${protocol} cause ${verdict.cause}`);
  const { returnPath, witness } = verdict.evidence;
  if (returnPath !== 'excluded' || (witness ?? null) === null) lacking.push(`${protocol} witness ${witness ?? null}`);
  return lacking;
}

/**
 * A run counts only when both records say what the network does: a wrong verdict is not a fast one.
 * @param {string} scenario @param {number} secondsGoal @param {number} probesGoal
 */
async function benchLab(scenario, secondsGoal, probesGoal) {
  const seconds = [];
  const verdictSeconds = [];
  const probes = [];
  const cpuMs = [];
  const transports = new Set();
  /** @type {string[]} */
  const lacking = [];
  const lab = await createLab(scenario);
  const { cause } = lab.description.truth;
  try {
    for (let run = 0; run < LAB_RUNS; run += 1) {
      // bash's clock, so that entering the namespace is not ours; no flag but the one that shows the counters.
      const timed = `TIMEFORMAT='took %R %U %S'; time "$0" "$1" --json "$2"`;
      const { stdout, stderr } = await lab.exec(
        lab.sourceNamespace,
        ['bash', '-c', timed, process.execPath, MAIN, lab.targetAddress],
        { timeoutMs: 60_000 },
      );
      const records = stdout
        .split('\n')
        .filter(Boolean)
        .map((text) => JSON.parse(text));
      const took = /^took (\S+) (\S+) (\S+)$/m.exec(stderr)?.slice(1).map(Number);
      const verdicts = records.map(({ protocol, verdict }) => `${protocol} ${verdict.outcome}`);
      /** @param {{protocol: 'udp' | 'icmp6', verdict: {outcome: string}}} record */
      const isRight = ({ protocol, verdict }) => lab.description.truth.outcomes[protocol].includes(verdict.outcome);
      if (records.length !== 2 || took === undefined || !records.every(isRight)) {
        throw new Error(`${scenario}: not the verdicts of this network: ${verdicts.join(', ') || 'none'}\n${stderr}`);
      }
      for (const { tool, counters } of records) {
        transports.add(tool.transport);
        probes.push(counters.sent);
      }
      lacking.push(...records.flatMap((record) => lackingIn(record, cause)));
      const begins = records.map(({ startedAt }) => Date.parse(startedAt));
      const ends = records.map(({ endedAt }) => Date.parse(endedAt));
      verdictSeconds.push((Math.max(...ends) - Math.min(...begins)) / 1000);
      const [wall = NaN, user = NaN, system = NaN] = took;
      seconds.push(wall);
      cpuMs.push(((user + system) * 1000) / records.length);
    }
  } finally {
    await lab.destroy();
  }
  const mean = probes.reduce((sum, count) => sum + count, 0) / probes.length;
  const s = median(verdictSeconds);
  line(
    `${scenario} (${[...transports].join()}): both verdicts, s`,
    spread(verdictSeconds, 2),
    `≤ ${secondsGoal}`,
    s <= secondsGoal,
  );
  note(`${scenario}: whole command, s`, spread(seconds, 2));
  if (cause !== null) {
    const what = `${scenario}: cause (${cause}) and witness in all records`;
    line(
      what,
      lacking.length === 0 ? `${probes.length} of ${probes.length}` : lacking.join(', '),
      'all',
      lacking.length === 0,
    );
  }
  line(
    `${scenario}: probes per record`,
    `mean ${mean.toFixed(0)} (${Math.min(...probes)}–${Math.max(...probes)})`,
    `≤ ${probesGoal}`,
    mean <= probesGoal,
  );
  note(`${scenario}: CPU per trace with node's start, ms`, spread(cpuMs, 0));
}

function benchVersion() {
  /** @param {string[]} argv */
  const time = (argv) => {
    const startedAtMs = performance.now();
    execFileSync(process.execPath, argv, { stdio: 'ignore' });
    return performance.now() - startedAtMs;
  };
  const ours = [];
  const bare = [];
  for (let run = 0; run < VERSION_RUNS; run += 1) {
    ours.push(time([MAIN, '--version']));
    bare.push(time(['-e', '0']));
  }
  const ratio = median(ours) / median(bare);
  line('--version against bare node', `${ratio.toFixed(2)} × (${median(ours).toFixed(0)} ms)`, '≤ 3 ×', ratio <= 3);
}

/** @param {string} file @returns {Record<string, number>} */
function inChild(file) {
  const argv = ['--expose-gc', path.join(import.meta.dirname, file)];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** Several processes: how much room the heap takes beyond what is in use differs from one to the next. */
function benchMemory() {
  const runs = Array.from({ length: MEMORY_RUNS }, () => inChild('many-traces.mjs'));
  /** @param {string} key */
  const all = (key) => runs.map((run) => run[key] ?? Number.NaN);
  const inFlight = Math.min(...all('inFlight'));
  const rss = median(all('rssMb'));
  line(`RSS with ${inFlight} traces in flight, MB`, spread(all('rssMb'), 0), '≤ 256', rss <= 256 && inFlight >= 25_000);
  note('  after a forced collection, MB', spread(all('collectedMb'), 0));
  note('  heap and buffers in use per trace, octets', spread(all('bytesPerTrace'), 0));
}

/** The adapter's own figures, where this machine allows them: it says its goals itself. */
function benchNative() {
  const argv = ['run', '--silent', 'bench:native'];
  const { status } = spawnSync('npm', argv, { cwd: ROOT, stdio: 'inherit', timeout: NATIVE_TIMEOUT_MS });
  if (status !== 0)
    process.stdout.write('not measured: the native transport (see above; it needs root and its addon)\n');
}

/** Whole commands over a store that was filled once; its pages are in memory, as those of a store in use are. */
function benchReport() {
  const folder = mkdtempSync(path.join(tmpdir(), 'pdm-trace-bench-'));
  try {
    const store = path.join(folder, 'store.db');
    const fill = ['--import', './bench/native-typescript.mjs', 'bench/fill-store.ts', store, String(REPORT_RECORDS)];
    const filled = JSON.parse(execFileSync(process.execPath, fill, { cwd: ROOT, encoding: 'utf8' }));
    const perSecond = Math.round(filled.records / filled.seconds);
    note(
      `store of ${filled.records} records, ${Math.round(filled.octetsPerRecord)} octets each`,
      `${perSecond} stored/s`,
    );
    for (const [what, flags] of Object.entries(REPORTS)) {
      const seconds = [];
      for (let run = 0; run < REPORT_RUNS; run += 1) {
        const startedAtMs = performance.now();
        execFileSync(process.execPath, [MAIN, 'report', '--store', store, ...flags], { stdio: 'ignore' });
        seconds.push((performance.now() - startedAtMs) / 1000);
      }
      line(`report ${flags.join(' ')} (${what}): whole command, s`, spread(seconds, 2), '≤ 2', median(seconds) <= 2);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A list as its users run it: by a command into a store. @param {'clean' | 'mixed'} name @param {number} secondsGoal @param {number} probesGoal */
async function benchList(name, secondsGoal, probesGoal) {
  const found = await measureListRun(name, LIST_TARGETS, LIST_TIMEOUT_MS);
  const what = `${name} list of ${LIST_TARGETS} targets, two protocols`;
  const left = found.done ? '' : `, ended after ${found.records} of ${2 * LIST_TARGETS} records`;
  const isInTime = found.done && found.seconds <= secondsGoal;
  line(`${what}: wall time, s`, `${found.seconds.toFixed(1)}${left}`, `≤ ${secondsGoal}`, isInTime);
  const wrong = found.records - found.right;
  const how = Object.entries(found.wrong).map(([text, count]) => `, ${count} ${text}`);
  line(`${what}: not as the network is`, `${wrong} of ${found.records}${how.join('')}`, '0', wrong === 0);
  const probes = found.probesPerRecord;
  line(`${what}: probes per record`, probes.toFixed(1), `≤ ${probesGoal}`, probes <= probesGoal);
  note(`${what}: CPU per target, ms`, cpuText(found, LIST_TARGETS));
  note(`${what}: RSS, MB`, found.rssMb.toFixed(0));
}

/** Those of 5,000 targets at 20,000 packets a second, and a plain traceroute of the same beside them. */
async function benchLists() {
  await benchList('clean', 40, 40);
  await benchList('mixed', 75, 90);
  for (const name of /** @type {const} */ (['clean', 'mixed'])) {
    const { seconds, done } = await measureScamper(name, LIST_TARGETS, LIST_TIMEOUT_MS);
    const text = done ? seconds.toFixed(1) : 'not ended';
    note(`${name} list of ${LIST_TARGETS}: scamper, UDP alone, a packet a hop, s`, text);
  }
}

/** A list that takes about an hour: it is asked for by its name. */
async function benchMillion() {
  const targets = Number(process.env['BENCH_TARGETS'] ?? 1_000_000);
  const found = await measureListRun('clean', targets, MILLION_TIMEOUT_MS, MILLION_RATE);
  const what = `clean list of ${targets} targets at --rate ${MILLION_RATE}`;
  const measuringMs = (1000 * found.measuringCpuSeconds) / targets;
  const hours = (found.seconds * 1_000_000) / targets / 3600;
  line(`${what}: wall time, h for a million`, hours.toFixed(2), '≤ 1', found.done && hours <= 1);
  line(`${what}: RSS, MB`, found.rssMb.toFixed(0), '≤ 512', found.rssMb <= 512);
  line(`${what}: not as the network is`, String(found.records - found.right), '0', found.records === found.right);
  line(`${what}: CPU of the measuring thread, ms a target`, measuringMs.toFixed(2), '≤ 3.5', measuringMs <= 3.5);
  note(`${what}: CPU per target, ms`, cpuText(found, targets));
}

/** @param {{ cpuSeconds: number, measuringCpuSeconds: number }} found @param {number} targets */
function cpuText({ cpuSeconds, measuringCpuSeconds }, targets) {
  const each = (/** @type {number} */ seconds) => ((1000 * seconds) / targets).toFixed(1);
  return `${each(cpuSeconds)}, of which the measuring thread ${each(measuringCpuSeconds)}`;
}

/** What cannot be measured here is said, and the rest is measured. @param {string} what @param {() => unknown} measure */
async function attempt(what, measure) {
  try {
    await measure();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stdout.write(`not measured: ${what}: ${reason}\n`);
  }
}

async function main() {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('npm run build failed: nothing was measured');
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const processor = cpus()[0]?.model ?? 'unknown processor';
  const load = () => loadavg().map((value) => value.toFixed(2));
  process.stdout.write(
    `node ${process.version}, Linux ${kernel}, ${cpus().length} × ${processor}, load ${load().join(' ')}; medians (lowest–highest)\n`,
  );
  if (process.argv.includes('million')) {
    await attempt('a million targets', benchMillion);
    return;
  }
  if (process.argv.includes('lists')) {
    await attempt('lists', benchLists);
    return;
  }
  await attempt('delivered-8', () => benchLab('delivered-8', 1.5, 90));
  await attempt('ten-a-second', () => benchLab('ten-a-second', 2, 90));
  await attempt('drop-at-4', () => benchLab('drop-at-4', 4, 200));
  if (process.argv.includes('verdicts')) return;
  await attempt('--version', benchVersion);
  await attempt('packets', () => {
    for (const [what, perSecond] of Object.entries(inChild('hot-path.mjs'))) {
      line(`${what}, packets/s, one thread`, `${Math.round(perSecond / 1000)} k`, '≥ 500 k', perSecond >= 500_000);
    }
  });
  await attempt('memory', benchMemory);
  await attempt('lists', benchLists);
  await attempt('report', benchReport);
  process.stdout.write(`load afterwards ${load().join(' ')}\n`);
  benchNative();
}

await main();
