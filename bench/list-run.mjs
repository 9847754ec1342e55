// @ts-check
/** `pdm-trace run` over a list of simulated targets behind one TUN interface, as a whole command. */
import Database from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { openTunNetwork, targetAddress } from '../test/e2e/tun-network.mjs';

const LIST_RATE = 20_000;
const MAIN = path.resolve(import.meta.dirname, '../dist/cli/main.js');
const OUTCOMES = { answers: 'delivered', filtered: 'dropped', silent: 'no-difference' };

/**
 * Of a hundred 5 are silent, 32 are behind a filter and 63 or 64 answer. Every fifth region, 256 targets with routers of their own
 * from hop 4 on, is filtered as a whole; elsewhere three of twenty are, behind hop 5, 6 or 7, where ways are their own: that packets to
 * others pass where some are lost accuses nobody (METHOD: dropped).
 * @param {number} index
 */
function mixed(index) {
  const place = index % 20;
  if (place === 19) return { kind: /** @type {const} */ ('silent'), filterAfter: 0 };
  if ((index >> 8) % 5 === 1) return { kind: /** @type {const} */ ('filtered'), filterAfter: 3 };
  return place % 7 === 3 ? { kind: /** @type {const} */ ('filtered'), filterAfter: 5 + (index % 3) } : ANSWERS;
}

const ANSWERS = { kind: /** @type {const} */ ('answers'), filterAfter: 0 };

/** @type {Readonly<Record<string, (index: number) => { kind: 'answers' | 'filtered' | 'silent', filterAfter: number }>>} */
const LISTS = { clean: () => ANSWERS, mixed };

/** Written by the main thread of the command, which measures, when it ends; its own CPU first, in nanoseconds (Linux, proc(5)). */
const USAGE_HOOK = `if (require('node:worker_threads').isMainThread) {
  const { readFileSync, writeFileSync } = require('node:fs');
  process.on('exit', () => {
    const [measuringCpuNs] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
    writeFileSync(3, JSON.stringify({ ...process.resourceUsage(), measuringCpuNs }));
  });
}`;

/**
 * @param {'clean' | 'mixed'} name @param {number} targets @param {number} timeoutMs ended by Ctrl-C then, and what was measured counts
 * @param {number} [rate] packets a second, as `--rate` takes it
 * @param {readonly string[]} [nodeFlags] for a profile
 * @returns {Promise<{ seconds: number, records: number, right: number, wrong: Record<string, number>, probesPerRecord: number, cpuSeconds: number, measuringCpuSeconds: number, rssMb: number, done: boolean }>}
 */
export async function measureListRun(name, targets, timeoutMs, rate = LIST_RATE, nodeFlags = []) {
  const directory = mkdtempSync(path.join(tmpdir(), 'pdm-bench-list-'));
  const network = await openTunNetwork({ counted: false });
  try {
    const { truth, list } = writeList(name, targets, directory);
    const store = path.join(directory, 'store.db');
    const hook = path.join(directory, 'usage.cjs');
    writeFileSync(hook, USAGE_HOOK);
    const node = [process.execPath, ...nodeFlags, '-r', hook, MAIN, 'run', '--targets', list, '--store', store];
    const [command = '', ...argv] = network.command([...node, '--rate', String(rate), '--no-dns', '--allow-special']);
    const startedAtMs = performance.now();
    const child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    let used = '';
    child.stdio[3]?.on('data', (/** @type {Buffer} */ text) => (used += text.toString()));
    const timer = setTimeout(() => child.kill('SIGINT'), timeoutMs);
    const code = await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const { maxRSS, userCPUTime, systemCPUTime, measuringCpuNs } = JSON.parse(used);
    const found = readRecords(store, truth);
    return {
      seconds,
      ...found,
      cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
      measuringCpuSeconds: measuringCpuNs / 1e9,
      rssMb: maxRSS / 1024,
      done: code === 0,
    };
  } finally {
    network.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * The list as a file, and how each target is to end.
 * @param {'clean' | 'mixed'} name @param {number} targets @param {string} directory
 */
function writeList(name, targets, directory) {
  /** @type {Map<string, string>} */
  const truth = new Map();
  for (let index = 0; index < targets; index += 1) {
    const { kind, filterAfter } = LISTS[name]?.(index) ?? ANSWERS;
    truth.set(targetAddress(index, kind, filterAfter), OUTCOMES[kind]);
  }
  const list = path.join(directory, 'list.txt');
  writeFileSync(list, [...truth.keys()].join('\n'));
  return { truth, list };
}

/** The highest rate that scamper takes. */
const SCAMPER_RATE = 10_000;

/**
 * A plain traceroute of the same list, one UDP packet a hop, by scamper (Debian package of that name) at the highest rate that it takes:
 * what looking at the hops alone costs.
 * @param {'clean' | 'mixed'} name @param {number} targets @param {number} timeoutMs
 * @returns {Promise<{ seconds: number, done: boolean }>}
 * @throws where there is no scamper
 */
export async function measureScamper(name, targets, timeoutMs) {
  const directory = mkdtempSync(path.join(tmpdir(), 'pdm-bench-scamper-'));
  const network = await openTunNetwork({ counted: false });
  try {
    const { list } = writeList(name, targets, directory);
    const flags = ['-p', String(SCAMPER_RATE), '-O', 'warts', '-o', path.join(directory, 'out.warts')];
    const [command = '', ...argv] = network.command(['scamper', ...flags, '-c', 'trace -P UDP-paris -q 1', '-f', list]);
    const startedAtMs = performance.now();
    const child = spawn(command, argv, { stdio: 'ignore', timeout: timeoutMs });
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code === 127 || code === 126) throw new Error('there is no scamper: apt-get install scamper');
    return { seconds: (performance.now() - startedAtMs) / 1000, done: code === 0 };
  } finally {
    network.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param {string} store @param {ReadonlyMap<string, string>} truth */
function readRecords(store, truth) {
  /** @type {Record<string, number>} */
  const wrong = {};
  let records = 0;
  let right = 0;
  let probes = 0;
  const database = new Database(store, { readonly: true });
  const rows = database.prepare('SELECT destination_input, protocol, outcome, probes_sent FROM trace').raw();
  for (const row of rows.iterate()) {
    const [input, protocol, outcome, sent] = /** @type {[string, string, string, number]} */ (row);
    records += 1;
    probes += sent;
    const expected = truth.get(input);
    if (outcome === expected) right += 1;
    else {
      const what = `${protocol} ${outcome} for ${expected ?? 'no target'}`;
      wrong[what] = (wrong[what] ?? 0) + 1;
    }
  }
  database.close();
  return { records, right, wrong, probesPerRecord: probes / records };
}
