import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const addon = fileURLToPath(new URL('../../native-shim/index.cjs', import.meta.url));

/**
 * Runs in a process of its own, in a namespace of its own: opens sockets, starts every kind of thread that Node has, drops, and tells what
 * every thread's status says and what still works.
 */
const SCRIPT = `
  const { readdirSync, readFileSync } = require('node:fs');
  const { Worker } = require('node:worker_threads');
  const inspector = require('node:inspector');
  const shim = require(process.argv[1]);
  const user = JSON.parse(process.argv[2]);
  const errorOf = (attempt) => { try { attempt(); return null; } catch (error) { return error.code; } };
  const statuses = () => readdirSync('/proc/self/task').map((id) => Object.fromEntries(
    readFileSync('/proc/self/task/' + id + '/status', 'utf8').trim().split('\\n').map((line) => line.split(/:\\s*/))));
  const acceptAll = Uint32Array.of(6, 0, 0, 0x40000);
  let seen = 0;
  const receiver = new shim.Receiver({ etherType: 3, filter: acceptAll }, (count) => { seen += count; }, (error) => { throw error; });
  const sender = new shim.Sender();
  const worker = new Worker('setInterval(() => undefined, 1000); require("node:worker_threads").parentPort.postMessage("up")', { eval: true });
  inspector.open(0); // its thread blocks all signals
  worker.once('message', async () => {
    const before = statuses();
    shim.dropPrivileges(user?.uid, user?.gid);
    const after = statuses();
    const packet = Buffer.from('6000000000003b40' + '0'.repeat(31) + '1' + '0'.repeat(31) + '1', 'hex');
    const errors = new Int32Array(1);
    await sender.send(packet, Uint32Array.of(0), Uint32Array.of(40), null, errors, new Float64Array(1));
    setTimeout(() => {
      console.log(JSON.stringify({
        before, after, sent: errors[0], seen,
        senderAgain: errorOf(() => new shim.Sender()),
        receiverAgain: errorOf(() => new shim.Receiver({ etherType: 3, filter: acceptAll }, () => {}, () => {})),
        rootAgain: errorOf(() => process.setuid(0)),
        twice: errorOf(() => shim.dropPrivileges()),
      }));
      process.exit(0);
    }, 50);
  });
`;

interface Report {
  readonly before: readonly Readonly<Record<string, string>>[];
  readonly after: readonly Readonly<Record<string, string>>[];
  /** errno of a packet sent afterwards. */
  readonly sent: number;
  /** Packets received afterwards. */
  readonly seen: number;
  readonly senderAgain: string | null;
  readonly receiverAgain: string | null;
  readonly rootAgain: string | null;
  readonly twice: string | null;
}

function runAs(prefix: readonly string[], user: { uid: number; gid: number } | null): Report {
  const [command = '', ...rest] = [
    ...['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'],
    ...[...prefix, process.execPath, '-e', SCRIPT, addon, JSON.stringify(user)],
  ];
  return JSON.parse(execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as Report;
}

const NO_CAPABILITY = expect.stringMatching(/^0+$/) as string;
const WITHOUT_CAPABILITIES = {
  ...{ CapInh: NO_CAPABILITY, CapPrm: NO_CAPABILITY, CapEff: NO_CAPABILITY, CapAmb: NO_CAPABILITY },
  NoNewPrivs: '1',
};
const NET_RAW = (1 << 13).toString(16).padStart(16, '0');

describe('dropping privileges', () => {
  it('as root becomes the given user in every thread, bounding set emptied, with the open sockets still working', () => {
    const report = runAs([], { uid: 1234, gid: 2345 });
    // One of them, the inspector's, blocks every signal that can be blocked.
    expect(report.before.some(({ SigBlk }) => /^fffffffe/.test(SigBlk ?? ''))).toBe(true);
    expect(report.after).toHaveLength(report.before.length);
    for (const status of report.after) {
      expect(status).toMatchObject({
        ...WITHOUT_CAPABILITIES,
        ...{
          CapBnd: NO_CAPABILITY,
          Uid: '1234\t1234\t1234\t1234',
          Gid: '2345\t2345\t2345\t2345',
          Groups: expect.stringMatching(/^2345 ?$/) as string,
        },
      });
    }
    expect(report).toMatchObject({ sent: 0, seen: expect.toSatisfy((n: number) => n >= 2) as number, twice: null });
    expect([report.senderAgain, report.receiverAgain, report.rootAgain]).toEqual(['EPERM', 'EPERM', 'EPERM']);
  });

  it('as root stays root but for all capabilities, where nobody else is given', () => {
    const report = runAs([], null);
    for (const status of report.after) {
      expect(status).toMatchObject({ ...WITHOUT_CAPABILITIES, CapBnd: NO_CAPABILITY, Uid: '0\t0\t0\t0' });
    }
    expect([report.sent, report.senderAgain, report.receiverAgain]).toEqual([0, 'EPERM', 'EPERM']);
  });

  it('as a user with an ambient CAP_NET_RAW clears it in every thread', () => {
    const setpriv = ['setpriv', '--reuid=1234', '--regid=1234', '--clear-groups'];
    const report = runAs([...setpriv, '--inh-caps=-all,+net_raw', '--ambient-caps=+net_raw'], null);
    for (const status of report.before)
      expect(status).toMatchObject({ CapEff: NET_RAW, CapAmb: NET_RAW, NoNewPrivs: '0' });
    for (const status of report.after)
      expect(status).toMatchObject({ ...WITHOUT_CAPABILITIES, Uid: '1234\t1234\t1234\t1234' });
    expect([report.sent, report.senderAgain, report.receiverAgain]).toEqual([0, 'EPERM', 'EPERM']);
  });
});
