// @ts-check
/**
 * Sends hand-made probes for the lab's own tests.
 * Run as a program inside a source namespace it reads a job from stdin, sends, and prints one reply or null per probe.
 */
import { createRequire } from 'node:module';
import process from 'node:process';
import { clearInterval, setImmediate, setInterval } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '../scenario/probe.mjs';

/**
 * @typedef {import('../scenario/probe.mjs').Probe} Probe
 * @typedef {import('../scenario/probe.mjs').Reply} Reply
 */

const ICMPV6 = 58;
const IPPROTO_RAW = 255;

/** @param {{source: string, target: string, probes: Probe[], gapMs: number, waitMs: number}} job @returns {Promise<(Reply | null)[]>} */
async function run(job) {
  const raw = createRequire(import.meta.url)('raw-socket');
  const sender = raw.createSocket({ addressFamily: raw.AddressFamily.IPv6, protocol: IPPROTO_RAW });
  const receiver = raw.createSocket({ addressFamily: raw.AddressFamily.IPv6, protocol: ICMPV6 });
  /** @type {(Reply | null)[]} */
  const replies = job.probes.map(() => null);
  const keepAlive = setInterval(() => undefined, 1000);
  receiver.on('message', (/** @type {Buffer} */ message, /** @type {string} */ from) => {
    const decoded = decode(message);
    if (decoded && decoded.number < replies.length) replies[decoded.number] ??= { from, ...decoded.reply };
  });
  for (const [number, probe] of job.probes.entries()) {
    const packet = encode(job, probe, number);
    await new Promise((resolve, reject) => {
      sender.send(packet, 0, packet.length, job.target, (/** @type {Error | null} */ error) => {
        // raw-socket calls back outside of Node's own turn: promises settle only when the next turn begins.
        setImmediate(error ? reject : resolve, error);
      });
    });
    if (job.gapMs > 0) await setTimeout(job.gapMs);
  }
  for (let waited = 0; waited < job.waitMs && replies.includes(null); waited += 10) await setTimeout(10);
  clearInterval(keepAlive);
  sender.close();
  receiver.close();
  return replies;
}

/**
 * @param {import('./lab-types.js').Lab} lab @param {readonly Probe[]} probes
 * @param {{gapMs?: number, waitMs?: number}} [options] @returns {Promise<(Reply | null)[]>}
 */
export async function sendProbes(lab, probes, options = {}) {
  const target = lab.description.asked ?? lab.targetAddress;
  const job = { source: lab.sourceAddress, target, probes, gapMs: 2, waitMs: 300, ...options };
  const { code, stdout, stderr } = await lab.exec('source', [process.execPath, fileURLToPath(import.meta.url)], {
    input: JSON.stringify(job),
  });
  if (code !== 0) throw new Error(`probes were not sent: exit ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let input = '';
  for await (const chunk of process.stdin) input += String(chunk);
  process.stdout.write(JSON.stringify(await run(JSON.parse(input))));
}
