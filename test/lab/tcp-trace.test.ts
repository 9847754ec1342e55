/** SYN probes in the lab's real networks: a port that listens, one that does not, and filters on the way. */
import { describe, expect, it } from 'vitest';
import type { TraceRecord } from '../../src/record/record.js';
import { createLab } from './lab.mjs';
import type { Lab } from './lab-types.js';
import { traceRecords } from './trace-records.js';

const LISTEN = `
import socket, sys
server = socket.create_server(("::", 443), family=socket.AF_INET6, backlog=64)
print("ready", flush=True)
sys.stdin.read()
`;
const TCP = 6;
const FLAG = { syn: 0x02, rst: 0x04, ack: 0x10 };

/** Takes SYNs that are not for its own address, as a middlebox does, and answers them from theirs. */
const INTERCEPT = `
import socket, sys
IPV6_TRANSPARENT = 75
server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
server.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
server.bind(("::", 443))
server.listen(64)
print("ready", flush=True)
sys.stdin.read()
`;
const INTERCEPTED = 7;

async function listen(lab: Lab, node = 'target', program = LISTEN): Promise<() => void> {
  const child = lab.spawn(node, ['python3', '-c', program], { stdio: 'pipe' });
  await new Promise((resolve, reject) => {
    child.stdout?.once('data', resolve);
    child.once('close', () => {
      reject(new Error('the listener ended'));
    });
  });
  return () => child.stdin?.end();
}

interface Segments {
  readonly syns: number;
  readonly synAcks: number;
  readonly resets: number;
}

function countSegments(packets: readonly Uint8Array[]): Segments {
  const flags = packets.flatMap((packet) => {
    const hasOptions = packet[6] === 60;
    const protocol = hasOptions ? packet[40] : packet[6];
    const at = hasOptions ? 40 + 8 * (1 + packet[41]!) : 40;
    return protocol === TCP ? [packet[at + 13]!] : [];
  });
  return {
    syns: flags.filter((flag) => flag === FLAG.syn).length,
    synAcks: flags.filter((flag) => flag === (FLAG.syn | FLAG.ack)).length,
    resets: flags.filter((flag) => (flag & FLAG.rst) !== 0).length,
  };
}

async function trace(lab: Lab, ...flags: readonly string[]): Promise<TraceRecord> {
  const [record] = await traceRecords(lab, '--protocol', 'tcp', ...flags);
  return record!;
}

/** Every SYN that comes to this router is delivered to it, whatever its address and hop limit. */
async function intercept(lab: Lab, node: string): Promise<() => void> {
  const rules = `table ip6 middlebox {
    chain prerouting {
      type filter hook prerouting priority -150
      iifname "up*" meta l4proto tcp meta mark set ${INTERCEPTED}
    }
  }`;
  const routes = `rule add fwmark ${INTERCEPTED} table ${INTERCEPTED}\nroute add local default dev lo table ${INTERCEPTED}\n`;
  for (const [argv, input] of [
    [['nft', '-f', '-'], rules],
    [['ip', '-6', '-batch', '-'], routes],
  ] as const) {
    const { code, stderr } = await lab.exec(node, argv, { input });
    expect(code, stderr).toBe(0);
  }
  return listen(lab, node, INTERCEPT);
}

describe.concurrent('pdm-trace --protocol tcp', () => {
  for (const transport of ['native', 'raw-socket']) {
    it(`delivered to a port that listens, each half-open connection reset by the kernel (${transport})`, async () => {
      const lab = await createLab('delivered-8');
      try {
        const stop = await listen(lab);
        const capture = await lab.capture('target', 'up');
        const { verdict, summary } = await trace(lab, '--transport', transport);
        const { syns, synAcks, resets } = countSegments((await capture.stop()).packets);
        stop();
        expect(verdict.outcome).toBe('delivered');
        expect(verdict.pathsDiverge).toBeNull();
        expect(summary.lastPdmHop?.hop).toBe(8);
        expect(syns).toBeGreaterThanOrEqual(16);
        expect([synAcks, resets]).toEqual([syns, syns]);
      } finally {
        await lab.destroy();
      }
    });
  }

  it('delivered to a port that is closed: RST is an arrival', async () => {
    const lab = await createLab('delivered-8');
    try {
      const { verdict } = await trace(lab);
      expect(verdict.outcome).toBe('delivered');
      expect(verdict.evidence.rates).toEqual({ plain: 1, pdm: 1 });
    } finally {
      await lab.destroy();
    }
  });

  it('dropped beyond hop 4, the return path being excluded as the reason', async () => {
    const lab = await createLab('drop-at-4');
    try {
      const stop = await listen(lab);
      const { verdict, summary } = await trace(lab, '--no-explain');
      stop();
      expect(verdict.outcome).toBe('dropped');
      expect(verdict.interval?.after).toBe(4);
      expect(verdict.evidence.returnPath).toBe('excluded');
      expect(summary.nextHop?.address).toBe(lab.hopAddress(5));
    } finally {
      await lab.destroy();
    }
  });

  it('dropped by a filter on the option alone, which is named as the cause', async () => {
    const lab = await createLab('option-filter');
    try {
      const stop = await listen(lab);
      const { verdict } = await trace(lab);
      stop();
      expect([verdict.outcome, verdict.cause]).toEqual(['dropped', 'option']);
    } finally {
      await lab.destroy();
    }
  });

  for (const transport of ['native', 'raw-socket']) {
    it(`inconclusive where a router on the way answers SYNs in the target's name, which is not counted as the target (${transport})`, async () => {
      const lab = await createLab('delivered-8');
      try {
        const stop = await intercept(lab, 'hop4');
        const capture = await lab.capture('target', 'up');
        const records = await traceRecords(lab, '--protocol', 'icmp6,tcp', '--transport', transport);
        const { syns } = countSegments((await capture.stop()).packets);
        stop();
        expect(syns).toBe(0);
        const [echo, tcp] = ['icmp6', 'tcp'].map((protocol) => records.find((record) => record.protocol === protocol)!);
        expect(echo!.verdict.outcome).toBe('delivered');
        expect(tcp!.verdict.outcome).toBe('inconclusive');
        expect(tcp!.verdict.reasons[0]).toMatch(
          /answers in the target's name from hop 4, .* met at hop [5-8]: too near/,
        );
        expect(tcp!.verdict.evidence).toMatchObject({ pairs: 0, plainOnly: 0, rates: { plain: null, pdm: null } });
        expect(tcp!.targetPairs!.distance.plain).toBe(4);
      } finally {
        await lab.destroy();
      }
    });
  }

  it('accuses nobody where a router on the way answers SYNs without the option and drops the others', async () => {
    const lab = await createLab('drop-at-4');
    try {
      const stop = await intercept(lab, 'hop6');
      const records = await traceRecords(lab, '--protocol', 'icmp6,tcp', '--no-explain');
      stop();
      const tcp = records.find(({ protocol }) => protocol === 'tcp');
      expect(tcp!.verdict.outcome).toBe('inconclusive');
      expect(tcp!.verdict.reasons[0]).toContain('too near to be the target');
    } finally {
      await lab.destroy();
    }
  });

  it('inconclusive where packets with the option draw RST from as far as those without SYN-ACK: a port behind who takes SYNs in may be closed', async () => {
    const lab = await createLab('delivered-8');
    try {
      const stop = await listen(lab);
      const rules = `table ip6 refuse {
        chain input {
          type filter hook input priority 0;
          exthdr dst exists meta l4proto tcp reject with tcp reset
        }
      }`;
      const { code, stderr } = await lab.exec('target', ['nft', '-f', '-'], { input: rules });
      expect(code, stderr).toBe(0);
      const { verdict } = await trace(lab, '--no-explain');
      stop();
      expect(verdict.outcome).toBe('inconclusive');
      expect(verdict.reasons.join(' ')).toContain('or in other words');
    } finally {
      await lab.destroy();
    }
  });
});
