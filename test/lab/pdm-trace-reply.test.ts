/** Answers with PDM from a host that speaks RFC 8250: what the record says of them, and what the next probes carry. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { findPdm } from '../../src/wire/find-pdm.js';
import { decodePdmTimeMs, type PdmOption } from '../../src/wire/pdm.js';
import { createLab } from './lab.mjs';
import type { Lab } from './lab-types.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const RESPONDER = fileURLToPath(new URL('pdm-responder.py', import.meta.url));
const DELAY_MS = 3;
const TRACES_AT_MOST = 6;
const SILENT_KERNEL = `table ip6 quiet {
  chain input {
    type filter hook input priority 0;
    icmpv6 type echo-request drop
    meta l4proto udp drop
  }
}`;
const PDM_FIELDS = ['psn_this_pkt', 'psn_last_recv', 'scale_dtlr', 'scale_dtls', 'delta_last_recv', 'delta_last_sent'];
const UDP = 17;
const ICMPV6 = 58;
const PROTOCOLS = [UDP, ICMPV6];

async function startResponder(lab: Lab): Promise<() => void> {
  const quiet = await lab.exec('target', ['nft', '-f', '-'], { input: SILENT_KERNEL });
  expect(quiet.code, quiet.stderr).toBe(0);
  const child = lab.spawn('target', ['python3', RESPONDER, 'up', String(DELAY_MS)], { stdio: 'pipe' });
  await new Promise<void>((resolve, reject) => {
    let complaint = '';
    child.stderr?.on('data', (chunk) => (complaint += String(chunk)));
    child.stdout?.once('data', () => {
      resolve();
    });
    child.once('close', () => {
      reject(new Error(`the responder ended: ${complaint}`));
    });
  });
  return () => child.stdin?.end();
}

interface Seen {
  readonly isOurs: boolean;
  readonly flow: string;
  readonly pdm: PdmOption;
}

/** Packets with PDM that are whole, not quoted, seen from the source, in order. */
function packetsWithPdm(packets: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly seen: Seen }[] {
  return packets.flatMap((bytes) => {
    const found = bytes[6] === 60 ? findPdm(bytes, 40, bytes.length, 60) : null;
    if (found?.version !== 'rfc8250') return [];
    const [protocol, at] = [bytes[40], 56];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isOurs = protocol === UDP ? view.getUint16(at) >= 0xf000 : bytes[at] === 128;
    const port = protocol === ICMPV6 ? view.getUint16(at + 4) : view.getUint16(isOurs ? at : at + 2);
    return [{ bytes, seen: { isOurs, flow: `${protocol} ${port}`, pdm: found.pdm } }];
  });
}

function tsharkPdm(pcap: Uint8Array): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'pdm-reply-'));
  try {
    const file = join(folder, 'lab.pcap');
    writeFileSync(file, pcap);
    // A quoted packet's option is not this packet's own.
    const own = 'ipv6.opt.pdm.psn_this_pkt and not (icmpv6.type < 128)';
    const fields = PDM_FIELDS.flatMap((field) => ['-e', `ipv6.opt.pdm.${field}`]);
    const text = execFileSync('tshark', ['-n', '-r', file, '-Y', own, '-T', 'fields', ...fields], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function trace(lab: Lab, transport: string): Promise<readonly TraceRecord[]> {
  const argv = [MAIN, '--json', '--no-dns', '--transport', transport, lab.targetAddress];
  const { stdout, stderr, code } = await lab.exec('source', [process.execPath, ...argv], { timeoutMs: 60_000 });
  expect(code, stderr).toBe(0);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TraceRecord);
}

/** What RFC 8250 §3 asks of every packet of a 5-tuple, given those before it. */
function checkFlow(flow: readonly Seen[]): number {
  let answered = 0;
  let own: PdmOption | null = null;
  const received = new Set<number>();
  for (const { isOurs, pdm } of flow) {
    if (!isOurs) {
      received.add(pdm.psnThisPacket);
      continue;
    }
    if (own !== null) expect(pdm.psnThisPacket).toBe((own.psnThisPacket + 1) & 0xffff);
    own = pdm;
    // A probe may leave while an answer is on its way through the program: it then tells of an answer before, or none.
    if (!received.has(pdm.psnLastReceived)) continue;
    answered += 1;
    expect(pdm.deltaTimeLastReceived).toBeGreaterThan(0);
    expect(decodePdmTimeMs(pdm.scaleDtls, pdm.deltaTimeLastSent)).toBeGreaterThan(0);
  }
  return answered;
}

/** Traces once, holds record and packets against each other: the protocols whose probes told of an answer. */
async function traceOnce(lab: Lab): Promise<number[]> {
  const capture = await lab.capture('source', 'down');
  const records = await trace(lab, 'native');
  const { pcap, packets } = await capture.stop();
  expect(records.map(({ protocol }) => protocol).sort()).toEqual(['icmp6', 'udp']);
  for (const { pdm, verdict } of records) {
    expect(verdict.outcome).toBe('delivered');
    expect(pdm.serverDelayMs).toBeGreaterThanOrEqual(DELAY_MS);
    expect(pdm.roundTripMs).toBeGreaterThanOrEqual(pdm.serverDelayMs ?? Number.POSITIVE_INFINITY);
  }
  const found = packetsWithPdm(packets);
  expect(
    found.map(({ seen: { pdm } }) =>
      [
        pdm.psnThisPacket,
        pdm.psnLastReceived,
        pdm.scaleDtlr,
        pdm.scaleDtls,
        pdm.deltaTimeLastReceived,
        pdm.deltaTimeLastSent,
      ].map(String),
    ),
  ).toEqual(tsharkPdm(pcap));
  const flows = new Map<string, Seen[]>();
  for (const { seen } of found) flows.set(seen.flow, [...(flows.get(seen.flow) ?? []), seen]);
  const answered = [...flows].map(([flow, seen]) => ({ flow, count: checkFlow(seen) }));
  return PROTOCOLS.filter((protocol) =>
    answered.some(({ flow, count }) => flow.startsWith(`${protocol} `) && count > 0),
  );
}

beforeAll(() => {
  execFileSync('tshark', ['--version'], { stdio: 'ignore' });
});

describe.concurrent('a target that answers with PDM', () => {
  it('gives server delay and round trip, and probes carry PSNLR and deltas, as tshark reads them', async () => {
    const lab = await createLab('delivered-8');
    try {
      const stop = await startResponder(lab);
      // A trace ends when it knows enough: whether a probe follows an answer of its own flow is a matter of order.
      const told = new Set<number>();
      for (let traces = 0; traces < TRACES_AT_MOST && told.size < PROTOCOLS.length; traces++) {
        for (const protocol of await traceOnce(lab)) told.add(protocol);
      }
      stop();
      expect([...told].sort()).toEqual(PROTOCOLS);
    } finally {
      await lab.destroy();
    }
  });

  it('gives neither with the transport that shows no extension headers', async () => {
    const lab = await createLab('delivered-8');
    try {
      const stop = await startResponder(lab);
      const records = await trace(lab, 'raw-socket');
      stop();
      for (const { pdm, verdict } of records) {
        expect(verdict.outcome).toBe('delivered');
        expect([pdm.serverDelayMs, pdm.roundTripMs]).toEqual([null, null]);
      }
    } finally {
      await lab.destroy();
    }
  });
});
