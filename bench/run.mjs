// @ts-check
/**
 * `npm run bench`: what issue-sized promises say of speed, measured on this machine, with the conditions. Nothing here is a
 * test: machines differ, so figures are printed beside their goals and nobody fails.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { createLab } from '../test/lab/lab.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const MAIN = path.join(ROOT, 'dist', 'cli', 'main.js');
const LAB_RUNS = 5;
const VERSION_RUNS = 11;

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** @param {string} what @param {string} measured @param {string} goal @param {boolean} met */
function line(what, measured, goal, met) {
  process.stdout.write(`${met ? 'met    ' : 'NOT MET'}  ${what.padEnd(52)} ${measured.padEnd(34)} goal ${goal}\n`);
}

/** @param {readonly number[]} values @param {number} digits */
function spread(values, digits) {
  const shown = (/** @type {number} */ value) => value.toFixed(digits);
  return `${shown(median(values))} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

/** @param {string} scenario @param {number} secondsGoal @param {number} probesGoal */
async function benchLab(scenario, secondsGoal, probesGoal) {
  const seconds = [];
  const probes = [];
  const cpuMs = [];
  const lab = await createLab(scenario);
  try {
    for (let run = 0; run < LAB_RUNS; run += 1) {
      const startedAtMs = performance.now();
      const { stdout } = await lab
        .exec(
          lab.sourceNamespace,
          ['bash', '-c', `TIMEFORMAT='cpu %U %S'; time node ${MAIN} --json --no-dns ${lab.targetAddress} 2>/dev/null`],
          { timeoutMs: 60_000 },
        )
        .then((result) => ({ stdout: `${result.stdout}${result.stderr}` }));
      seconds.push((performance.now() - startedAtMs) / 1000);
      const records = stdout.split('\n').filter((text) => text.startsWith('{'));
      for (const record of records) probes.push(JSON.parse(record).counters.sent);
      const [user = 0, system = 0] = (/^cpu (.*)$/m.exec(stdout)?.[1] ?? '').split(' ').map(Number);
      cpuMs.push(((user + system) * 1000) / Math.max(1, records.length));
    }
  } finally {
    await lab.destroy();
  }
  const mean = probes.reduce((sum, count) => sum + count, 0) / probes.length;
  const s = median(seconds);
  line(`${scenario}: whole command, both protocols, s`, spread(seconds, 2), `≤ ${secondsGoal}`, s <= secondsGoal);
  line(`${scenario}: probes per record`, `mean ${mean.toFixed(0)}`, `≤ ${probesGoal}`, mean <= probesGoal);
  process.stdout.write(
    `         ${`${scenario}: CPU per trace, start of node included, ms`.padEnd(52)} ${spread(cpuMs, 0)}\n`,
  );
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
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', path.join(import.meta.dirname, file)],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`${file} failed: ${stderr}`);
  return JSON.parse(stdout);
}

async function main() {
  spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const processor = cpus()[0]?.model ?? 'unknown processor';
  process.stdout.write(
    `node ${process.version}, Linux ${kernel}, ${cpus().length} × ${processor}, load ${loadavg()[0]?.toFixed(2)}; medians (lowest–highest)\n`,
  );
  benchVersion();
  const rates = inChild('hot-path.mjs');
  for (const [what, perSecond] of Object.entries(rates)) {
    line(`${what}, packets/s in one thread`, `${Math.round(perSecond / 1000)} k`, '≥ 500 k', perSecond >= 500_000);
  }
  const { rssMb = 0, growthMb = 0, inFlight = 0, bytesPerTrace = 0 } = inChild('many-traces.mjs');
  const rss = `${rssMb.toFixed(0)} MB (+${growthMb.toFixed(0)} MB, heap ${bytesPerTrace.toFixed(0)} B each)`;
  line(`RSS with ${inFlight} traces in flight`, rss, '≤ 256 MB', rssMb <= 256);
  await benchLab('delivered-8', 2.5, 90);
  await benchLab('drop-at-4', 6, 200);
}

await main();
