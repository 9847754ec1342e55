/** `--pcap` in the lab: what the file says, in the words of tshark, must be what the records say. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { createLab } from './lab.mjs';
import type { Lab } from './lab-types.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TRANSPORTS = ['native', 'raw-socket'] as const;
const FIELDS = {
  comment: 'frame.comment',
  direction: 'frame.packet_flags_direction',
  time: 'frame.time_epoch',
  source: 'ipv6.src',
  hopLimit: 'ipv6.hlim',
  psn: 'ipv6.opt.pdm.psn_this_pkt',
  malformed: '_ws.malformed',
  udpChecksum: 'udp.checksum.status',
  icmpv6Checksum: 'icmpv6.checksum.status',
  tcpChecksum: 'tcp.checksum.status',
  findings: '_ws.expert.group',
} as const;
type Frame = Readonly<Record<keyof typeof FIELDS, string>>;

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: run "npm run build" before these tests`);
});

function argvOf(lab: Lab, transport: string, file: string, more: readonly string[] = []): string[] {
  const flags = ['--json', '--no-dns', '--asn-db', lab.asnFile, '--protocol', 'udp,icmp6', '--transport', transport];
  return [process.execPath, MAIN, ...flags, '--pcap', file, ...more, lab.targetAddress];
}

/** One entry per frame. Fails when tshark finds the file cut off anywhere but at a block. */
function framesOf(file: string): Frame[] {
  const fields = Object.values(FIELDS).flatMap((field) => ['-e', field]);
  // tshark guesses what a payload of random octets may be, and finds one in some thousands a malformed one of that kind.
  const guesses = ['-d', 'udp.port==1-65535,data'];
  const fieldsOnly = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const form = [...guesses, ...fieldsOnly, '-o', 'udp.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'];
  const { stdout, stderr, status } = spawnSync('tshark', ['-n', '-r', file, ...form, ...fields], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(stderr).not.toMatch(/cut short|damaged|corrupt/);
  const names = Object.keys(FIELDS);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const values = line.split('\t');
      // Of addresses and the like the outermost counts, of remarks every one.
      const first = (name: string, value: string): string => (name === 'findings' ? value : value.split('|', 1)[0]!);
      return Object.fromEntries(names.map((name, i) => [name, first(name, values[i] ?? '')])) as Frame;
    });
}

/** PI_COMMENTS_GROUP of Wireshark's epan/proto.h. */
const COMMENTS = String(0x0b000000);
/** … and PI_SEQUENCE_GROUP: that a segment asks for a connection, on the same ports again, or resets one. */
const OF_SEGMENTS = new RegExp(`^${COMMENTS}(\\|${String(0x02000000)})+$`, 'u');
const isOutgoing = ({ direction }: Frame): boolean => Number(direction) === 2;
const WHOSE = /trace (\S+) (udp|icmp6) (\S+?)(;|$)/;
const PROBE = /probe (\d+) \((plain|pdm|do8|do16|long), hop (\d+)\)/;

/** What must hold for every file, whole or cut off by a kill. */
function checkFrames(frames: readonly Frame[], lab: Lab, transport: string): void {
  for (const frame of frames) {
    expect(frame.malformed).toBe('');
    // Everything tshark has to remark is that there are comments, and checksums that it verifies are good.
    // What the target's kernel leaves to its card to sum, a raw socket at the other end of a veth sees as it was left.
    const isUnsummed = transport === 'raw-socket' && !isOutgoing(frame) && frame.tcpChecksum !== '';
    if (frame.tcpChecksum === '') expect(frame.findings).toBe(COMMENTS);
    else if (!isUnsummed) expect(frame.findings).toMatch(OF_SEGMENTS);
    if (!isUnsummed) expect(`${frame.udpChecksum}${frame.icmpv6Checksum}${frame.tcpChecksum}`).toMatch(/^1+$/);
    expect(WHOSE.exec(frame.comment)?.[1], frame.comment).toBe(lab.targetAddress);
    if (isOutgoing(frame)) {
      expect(frame.source).toBe(lab.sourceAddress);
      const [, , arm, hop] = PROBE.exec(frame.comment) ?? [];
      expect(frame.hopLimit).toBe(hop);
      expect(frame.psn !== '').toBe(arm === 'pdm');
    } else {
      expect(frame.comment).toMatch(/^answers probe \d+ \(\w+, hop \d+\): .+, RTT \d+\.\d{6} ms; /);
      expect(frame.comment).toContain(`from ${frame.source},`);
      expect(frame.comment.includes('IPv6 header reconstructed')).toBe(transport === 'raw-socket');
    }
  }
}

interface Running {
  readonly pid: number;
  /** All it printed, once it has ended. */
  readonly stdout: Promise<string>;
}

/** A trace of which packets are in the file: before that, a busy machine may take seconds, and a signal would find nothing. */
async function startTrace(lab: Lab, transport: string, file: string): Promise<Running> {
  const pidFile = join(lab.directory, 'pid');
  const shell = ['sh', '-c', 'echo $$ > "$0"; exec "$@"', pidFile];
  const child = lab.spawn('source', [...shell, ...argvOf(lab, transport, file)], { stdio: 'pipe' });
  let printed = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const stdout = new Promise<string>((resolve) =>
    child.once('close', () => {
      resolve(printed);
    }),
  );
  const deadlineMs = Date.now() + 30_000;
  while (!(existsSync(file) && statSync(file).size > 4096) && Date.now() < deadlineMs) await sleep(20);
  return { pid: Number(readFileSync(pidFile, 'utf8')), stdout };
}

function ofTrace(frames: readonly Frame[], id: string): Frame[] {
  return frames.filter(({ comment }) => WHOSE.exec(comment)?.[3] === id);
}

describe.concurrent('pdm-trace --pcap', () => {
  for (const transport of TRANSPORTS) {
    for (const scenario of ['drop-at-4', 'delivered-8']) {
      it(`holds each packet that the records count, ${transport} in ${scenario}`, async () => {
        const lab = await createLab(scenario);
        try {
          const file = join(lab.directory, 'evidence.pcapng');
          const result = await lab.exec('source', argvOf(lab, transport, file), { timeoutMs: 100_000 });
          const records = result.stdout
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line) as TraceRecord);
          expect(records, result.stderr).toHaveLength(2);
          const frames = framesOf(file);
          checkFrames(frames, lab, transport);
          for (const { id, counters } of records) {
            const ours = ofTrace(frames, id);
            expect(ours.filter(isOutgoing)).toHaveLength(counters.sent);
            const { answered, duplicate, forged, ambiguous, malformed } = counters;
            const received = answered + duplicate + forged + ambiguous + malformed;
            expect(ours.filter((frame) => !isOutgoing(frame))).toHaveLength(received);
            const numbers = ours.filter(isOutgoing).map(({ comment }) => PROBE.exec(comment)?.[1]);
            expect(new Set(numbers).size).toBe(counters.sent);
          }
          expect(ofTrace(frames, records[0]!.id).length + ofTrace(frames, records[1]!.id).length).toBe(frames.length);
          const times = frames.map(({ time }) => time);
          for (const time of times) expect(time).toMatch(/^\d+\.\d{9}$/);
          // Without the kernel's stamps a time is when this process came to it, which on a busy machine is not the order of writing.
          if (transport === 'native') expect(times).toEqual([...times].sort());
        } finally {
          await lab.destroy();
        }
      });
    }

    it(`has every probe of an interrupted trace, ${transport}`, async () => {
      const lab = await createLab('drop-at-4');
      try {
        const file = join(lab.directory, 'evidence.pcapng');
        const running = await startTrace(lab, transport, file);
        process.kill(running.pid, 'SIGINT');
        const stdout = await running.stdout;
        const records = stdout
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as TraceRecord);
        const frames = framesOf(file);
        checkFrames(frames, lab, transport);
        const sent = records.reduce((sum, { counters }) => sum + counters.sent, 0);
        expect(sent).toBeGreaterThan(0);
        expect(frames.filter(isOutgoing)).toHaveLength(sent);
      } finally {
        await lab.destroy();
      }
    });

    it(`is whole up to the last second after kill -9, ${transport}`, async () => {
      const lab = await createLab('drop-at-4');
      try {
        const file = join(lab.directory, 'evidence.pcapng');
        const running = await startTrace(lab, transport, file);
        await sleep(1200);
        const killedAtS = Date.now() / 1000;
        process.kill(running.pid, 'SIGKILL');
        await running.stdout;
        const frames = framesOf(file);
        checkFrames(frames, lab, transport);
        expect(killedAtS - Number(frames.at(-1)!.time)).toBeLessThan(1);
        expect(killedAtS - Number(frames.at(-1)!.time)).toBeGreaterThan(-0.1);
      } finally {
        await lab.destroy();
      }
    });
  }

  it('leaves a file that exists alone, and replaces it with --force', async () => {
    const lab = await createLab('delivered-8');
    try {
      const existing = join(lab.directory, 'asn.csv');
      const before = statSync(existing).size;
      const refused = await lab.exec('source', argvOf(lab, 'auto', existing), { timeoutMs: 60_000 });
      expect(refused.code).toBe(73);
      expect(refused.stdout).toBe('');
      expect(refused.stderr).toMatch(/^pdm-trace: exists already: .*asn\.csv \(give --force .*\)\n$/);
      expect(statSync(existing).size).toBe(before);
      const file = join(lab.directory, 'hosts');
      const forced = await lab.exec('source', argvOf(lab, 'auto', file, ['--force']), { timeoutMs: 60_000 });
      expect(forced.code, forced.stderr).toBe(0);
      expect(framesOf(file).length).toBeGreaterThan(0);
    } finally {
      await lab.destroy();
    }
  });

  it('says with exit code 73 that there is no room, prints the records all the same, and leaves whole blocks', async () => {
    const lab = await createLab('delivered-8');
    try {
      const file = join(lab.directory, 'evidence.pcapng');
      // A file may have 32 KiB here, as on a disk with no more room.
      const shell = ['bash', '-c', 'trap "" XFSZ; ulimit -f 32; exec "$@"', 'bash'];
      const result = await lab.exec('source', [...shell, ...argvOf(lab, 'auto', file)], { timeoutMs: 60_000 });
      expect(result.code, result.stderr).toBe(73);
      expect(result.stdout.trim().split('\n')).toHaveLength(2);
      expect(result.stderr).toMatch(/the capture cannot be written \[EFBIG\].*evidence\.pcapng/);
      const frames = framesOf(file);
      expect(frames.length).toBeGreaterThan(0);
      checkFrames(frames, lab, 'native');
    } finally {
      await lab.destroy();
    }
  });
});
