/** Large and fragmented probes in the lab's real networks: what the routers see, and what is said of it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { createLab } from './lab.mjs';
import type { Lab } from './lab-types.js';
import { traceRecords } from './trace-records.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TRANSPORTS = ['native', 'raw-socket'] as const;
const ACCUSATIONS = ['dropped', 'rejected', 'stripped', 'altered', 'impaired'];

async function inLab(scenario: string, use: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await createLab(scenario);
  try {
    await use(lab);
  } finally {
    await lab.destroy();
  }
}

async function filterAt(lab: Lab, node: string, rule: string): Promise<void> {
  const rules = `table ip6 fragments {
    chain forward {
      type filter hook forward priority 0
      iifname "up*" ${rule} drop
    }
  }`;
  const { code, stderr } = await lab.exec(node, ['nft', '-f', '-'], { input: rules });
  expect(code, stderr).toBe(0);
}

interface Fragment {
  readonly id: number;
  readonly offset: number;
  readonly more: boolean;
  readonly length: number;
  readonly hasOption: boolean;
}

/** Fragment headers, behind a Destination Options header of 16 octets or none. */
function fragmentsOf(packets: readonly Uint8Array[]): Fragment[] {
  return packets.flatMap((bytes) => {
    const hasOption = bytes[6] === 60 && bytes[40] === 44 && bytes[42] === 0x0f;
    if (!hasOption && bytes[6] !== 44) return [];
    const at = hasOption ? 56 : 40;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const word = view.getUint16(at + 2);
    return [
      {
        id: view.getUint32(at + 4),
        offset: word & 0xfff8,
        more: (word & 1) === 1,
        length: view.getUint16(4) - (at + 8 - 40),
        hasOption,
      },
    ];
  });
}

function tsharkFields(file: string, filter: string, ...fields: readonly string[]): string[][] {
  // A payload that begins with a random nonce is nothing that tshark is to guess at, and to find malformed.
  const unguessed = ['-d', 'udp.port==1-65535,data'];
  const form = ['-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const argv = ['-n', '-r', file, ...unguessed, ...form];
  const text = execFileSync('tshark', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));
}

describe.concurrent('pdm-trace --fragment', () => {
  for (const transport of TRANSPORTS) {
    it(`delivered: PDM stands before the Fragment header, and both arms are cut alike (${transport})`, () =>
      inLab('delivered-8', async (lab) => {
        const capture = await lab.capture('hop1', 'up');
        const file = join(lab.directory, 'evidence.pcapng');
        const records = await traceRecords(lab, '--fragment', '--transport', transport, '--pcap', file);
        const { packets } = await capture.stop();
        for (const { verdict, summary, flow, counters } of records) {
          expect(verdict.outcome).toBe('delivered');
          expect(summary.lastPdmHop?.hop).toBe(8);
          expect(flow).toMatchObject({ size: 1400, fragments: 2 });
          expect([counters.duplicate, counters.malformed, counters.forged, counters.ambiguous]).toEqual([0, 0, 0, 0]);
        }
        const sent = records.reduce((sum, { counters }) => sum + counters.sent, 0);
        const fragments = fragmentsOf(packets);
        expect(fragments).toHaveLength(2 * sent);
        expect(new Set(fragments.map(({ id }) => id)).size).toBe(sent);
        const shapes = (hasOption: boolean) =>
          new Set(
            fragments
              .filter((fragment) => fragment.hasOption === hasOption)
              .map(({ offset, more, length }) => `${offset} ${more} ${length}`),
          );
        expect(shapes(true)).toEqual(new Set(['0 true 1216', '1216 false 144']));
        expect(shapes(false)).toEqual(shapes(true));
        expect(tsharkFields(file, '_ws.malformed or ipv6.fragment.error', 'frame.number')).toEqual([]);
        const whole = `ipv6.reassembled.length == 1360 and ipv6.src == ${lab.sourceAddress}`;
        const ours = tsharkFields(file, `${whole} and frame.comment contains "probe"`, 'frame.comment', 'udp.length');
        expect(ours).toHaveLength(sent);
        for (const [comment] of ours)
          expect(comment).toMatch(/^probe \d+ \((plain|pdm), hop \d+\), fragment 2 of 2 of /);
        expect(ours.some(([, length]) => length === '1360')).toBe(true);
      }));

    it(`delivered where the answers are fragments themselves (${transport})`, () =>
      inLab('delivered-8', async (lab) => {
        const flags = ['--fragment', '--size', '3000', '--protocol', 'icmp6', '--transport', transport];
        const [record] = await traceRecords(lab, ...flags);
        expect(record!.verdict.outcome).toBe('delivered');
        expect(record!.verdict.evidence.rates).toEqual({ plain: 1, pdm: 1 });
        expect(record!.summary.lastPdmHop?.hop).toBe(8);
        expect(record!.flow).toMatchObject({ size: 3000, fragments: 3 });
        expect(record!.counters).toMatchObject({ malformed: 0, forged: 0, duplicate: 0 });
      }));

    it(`accuses nobody where all fragments are dropped, and says so (${transport})`, () =>
      inLab('delivered-8', async (lab) => {
        await filterAt(lab, 'hop4', 'exthdr frag exists');
        for (const { verdict } of await traceRecords(lab, '--fragment', '--transport', transport)) {
          expect(ACCUSATIONS).not.toContain(verdict.outcome);
          expect(verdict.reasons.join(' ')).toContain('All probes were fragments');
        }
      }));

    it(`dropped beyond hop 4 where fragments with the option are, and only those (${transport})`, () =>
      inLab('delivered-8', async (lab) => {
        await filterAt(lab, 'hop4', 'exthdr frag exists exthdr dst exists');
        const records = await traceRecords(lab, '--fragment', '--transport', transport);
        expect(records).toHaveLength(2);
        for (const { protocol, verdict, summary } of records) {
          // What is lost of datagrams may be the errors about them, and no SYN stands for a fragment: echo requests alone say why.
          const cause = protocol === 'icmp6' ? 'destination-options' : null;
          expect([verdict.outcome, verdict.cause]).toEqual(['dropped', cause]);
          expect(verdict.interval?.after).toBe(4);
          expect(summary.nextHop?.address).toBe(lab.hopAddress(5));
        }
        const [whole] = await traceRecords(lab, '--protocol', 'icmp6', '--transport', transport);
        expect(whole!.verdict.outcome).toBe('delivered');
      }));
  }

  it('accuses nobody where only later fragments with the option are dropped, and says that the target waits for them', () =>
    inLab('delivered-8', async (lab) => {
      await filterAt(lab, 'hop4', 'exthdr dst exists frag frag-off != 0');
      const { code, stderr } = await lab.exec('target', ['sysctl', '-w', 'net.ipv6.ip6frag_time=1']);
      expect(code, stderr).toBe(0);
      const [record] = await traceRecords(lab, '--fragment', '--protocol', 'udp');
      expect(record!.verdict.outcome).toBe('inconclusive');
      expect(record!.verdict.reasons.join(' ')).toMatch(/some of them came and others did not/);
      // First fragments are quoted beyond hop 4, whole probes are not.
      expect(record!.summary.lastPdmHop?.hop).toBe(4);
      const [responder] = record!.targetPairs!.arms.pdm.responders;
      expect(responder).toMatchObject({ address: lab.targetAddress, icmp: [{ type: 3, code: 1 }] });
    }));

  it('places the drop of later fragments before the hops that first ones reach', () =>
    inLab('delivered-8', async (lab) => {
      await filterAt(lab, 'hop4', 'exthdr dst exists frag frag-off != 0');
      const [record] = await traceRecords(lab, '--fragment', '--protocol', 'icmp6', '--no-explain');
      expect(record!.verdict.outcome).toBe('dropped');
      expect(record!.verdict.interval).toMatchObject({ after: 4, upTo: 9 });
    }));

  it('passes a link that only takes what every link takes', () =>
    inLab('small-mtu', async (lab) => {
      for (const { verdict } of await traceRecords(lab, '--fragment')) expect(verdict.outcome).toBe('delivered');
    }));
});

describe.concurrent('pdm-trace --size', () => {
  for (const transport of TRANSPORTS) {
    it(`accuses nobody where the option makes packets too long for a link, and names the size that fits (${transport})`, () =>
      inLab('small-mtu', async (lab) => {
        const records = await traceRecords(lab, '--size', '1270', '--transport', transport);
        expect(records).toHaveLength(2);
        for (const { verdict, flow, hops, targetPairs } of records) {
          expect(flow.size).toBe(1270);
          expect(verdict.outcome).toBe('inconclusive');
          expect(verdict.reasons[0]).toContain(`Packet Too Big from ${lab.hopAddress(4)} (MTU 1280)`);
          expect(verdict.reasons[0]).toContain('Give --size 1264 or less, or --fragment.');
          expect(hops[3]!.arms.pdm.responders[0]!.icmp).toMatchObject([{ type: 3, code: 0 }]);
          const [responder] = targetPairs!.arms.pdm.responders;
          expect(responder).toMatchObject({ address: lab.hopAddress(4), icmp: [{ type: 2, code: 0, mtu: 1280 }] });
        }
      }));
  }

  it('says no more than that where both arms are too long', () =>
    inLab('small-mtu', async (lab) => {
      const [record] = await traceRecords(lab, '--size', '1400', '--protocol', 'icmp6');
      expect(record!.verdict.outcome).toBe('inconclusive');
      expect(record!.verdict.reasons[0]).toContain('Give --size 1264 or less');
    }));

  it('delivered with the largest probes that fit, quoted in part', () =>
    inLab('small-mtu', async (lab) => {
      for (const { verdict, summary } of await traceRecords(lab, '--size', '1264')) {
        expect(verdict.outcome).toBe('delivered');
        expect(summary.lastPdmHop?.hop).toBe(8);
      }
    }));

  it('measures nothing that the link does not take, naming what it does', () =>
    inLab('delivered-8', async (lab) => {
      const argv = [MAIN, '--json', '--no-dns', '--size', '1490', lab.targetAddress];
      const { code, stdout, stderr } = await lab.exec('source', [process.execPath, ...argv], { timeoutMs: 60_000 });
      expect(code).toBe(23);
      expect(stderr).toMatch(
        /--size 1490: .* 1506 octets, and the link \(down\) takes 1500; give 1484 or less, or --fragment\n/,
      );
      for (const line of stdout.trimEnd().split('\n')) {
        expect((JSON.parse(line) as TraceRecord).verdict.outcome).toBe('not-measured');
      }
    }));
});
