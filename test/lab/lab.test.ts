/** The networks behave as their descriptions say: asserted with hand-made probes, not with the tool. */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readScenario, scenarioNames } from '../scenario/description.mjs';
import type { Probe } from '../scenario/probe.mjs';
import { cannotBuild } from './cannot-build.mjs';
import { createLab } from './lab.mjs';
import { ECHO_REPLY, FROM_THE_TARGET, PROBE_CHECKS, TRAP_CHECKS } from '../scenario/check-probes.js';
import type { Description } from '../scenario/description-types.js';
import type { Lab } from './lab-types.js';
import { removeLeftovers } from './namespaces.mjs';
import { sendProbes } from './probes.mjs';

async function inLab<T>(descriptionOrName: Description | string, use: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await createLab(descriptionOrName);
  try {
    return await use(lab);
  } finally {
    await lab.destroy();
  }
}

const built = scenarioNames()
  .map((name) => readScenario(name))
  .filter((description) => cannotBuild(description).length === 0);

describe.concurrent.each(PROBE_CHECKS)('$what', ({ concerns, check }) => {
  for (const description of built.filter(concerns))
    it(description.name, () => inLab(description, (lab) => check(description, (probes) => sendProbes(lab, probes))));
});

describe.concurrent('in traps', () => {
  for (const { what, name, check } of TRAP_CHECKS)
    it(`${what} (${name})`, () => inLab(name, (lab) => check(lab.description, (probes) => sendProbes(lab, probes))));

  it('a destination NAT sends on to the target what was sent to another address', () =>
    inLab('translated-address', async (lab) => {
      const capture = await lab.capture('hop4', 'up');
      await sendProbes(lab, [{ arm: 'pdm', protocol: 'udp', hopLimit: 64, flowLabel: 0xabcde }]);
      const { packets } = await capture.stop();
      const [ours] = packets.filter((packet) => Buffer.from(packet).readUInt32BE(0) === 0x600abcde);
      expect(Buffer.from(ours!.subarray(24, 40)).toString('hex')).toBe('20010db8001000090000000000000001');
    }));
});

describe.concurrent('limits, loss and load sharing', () => {
  it('a harshly limited router reports a burst of six and then waits a second', () =>
    inLab('harsh-limits', async (lab) => {
      const replies = await sendProbes(
        lab,
        Array.from({ length: 12 }, (): Probe => ({ arm: 'plain', protocol: 'udp', hopLimit: 3 })),
      );
      expect(replies.slice(0, 6).every((reply) => reply?.from === lab.hopAddress(3))).toBe(true);
      expect(replies.slice(6).filter((reply) => reply !== null).length).toBeLessThanOrEqual(1);
    }));

  it('a router with a limit over all destinations reports about a burst of ten', () =>
    inLab('shared-limits', async (lab) => {
      const probes = Array.from({ length: 40 }, (): Probe => ({ arm: 'plain', protocol: 'udp', hopLimit: 3 }));
      const replies = await sendProbes(lab, probes, { gapMs: 0 });
      const reported = replies.filter((reply) => reply !== null).length;
      // Linux takes none, one or two tokens for each, at random.
      expect(reported).toBeGreaterThanOrEqual(5);
      expect(reported).toBeLessThan(25);
    }));

  it('a lab without limits reports each of a hundred probes sent at once', () =>
    inLab('delivered-8', async (lab) => {
      const probes = Array.from({ length: 100 }, (_, i): Probe => ({
        arm: i % 2 ? 'plain' : 'pdm',
        protocol: 'udp',
        hopLimit: 3,
      }));
      const replies = await sendProbes(lab, probes, { gapMs: 0, waitMs: 2000 });
      expect(replies.filter((reply) => reply?.from === lab.hopAddress(3)).length).toBe(100);
    }));

  it('one probe in five is lost, with and without the option alike', () =>
    inLab('loss-20', async (lab) => {
      const probes = Array.from({ length: 1000 }, (_, i): Probe => ({
        arm: i % 2 ? 'plain' : 'pdm',
        protocol: 'icmp6',
        hopLimit: 64,
      }));
      const replies = await sendProbes(lab, probes, { gapMs: 0, waitMs: 500 });
      const lost = (rest: number) => replies.filter((reply, i) => i % 2 === rest && reply === null).length;
      // 500 trials at 0.2: 50 to 150 is over five standard deviations.
      for (const rest of [0, 1]) {
        expect(lost(rest)).toBeGreaterThan(50);
        expect(lost(rest)).toBeLessThan(150);
      }
    }));

  it.each(['equal-cost-drop', 'equal-cost-label-drop'])(
    'all four members carry plain packets and some flows with the option are lost: %s',
    (name) =>
      inLab(name, async (lab) => {
        const flows = Array.from({ length: 64 }, (_, i) => ({ sourcePort: 40000 + i, flowLabel: 0x100 + 7 * i }));
        const plain = await sendProbes(
          lab,
          flows.map((flow): Probe => ({ arm: 'plain', protocol: 'udp', hopLimit: 4, ...flow })),
        );
        expect(new Set(plain.map((reply) => reply?.from))).toEqual(new Set(lab.hopAddresses(4)));
        const pdm = await sendProbes(
          lab,
          flows.map((flow): Probe => ({ arm: 'pdm', protocol: 'udp', hopLimit: 64, ...flow })),
        );
        const lost = pdm.filter((reply) => reply === null).length;
        expect(lost).toBeGreaterThan(0);
        expect(lost).toBeLessThan(48);
      }),
  );

  it('equal cost by ports keeps both packets of a pair on one member', () =>
    inLab('equal-cost-drop', async (lab) => {
      const flows = Array.from({ length: 32 }, (_, i) => ({ sourcePort: 40000 + i, flowLabel: 0x100 + i }));
      const at4 = (arm: Probe['arm']) =>
        sendProbes(
          lab,
          flows.map((flow): Probe => ({ arm, protocol: 'udp', hopLimit: 4, ...flow })),
        );
      const [plain, pdm] = [await at4('plain'), await at4('pdm')];
      expect(pdm.map((reply) => reply?.from)).toEqual(plain.map((reply) => reply?.from));
    }));

  it('a detour gives packets with the header other routers and another distance', () =>
    inLab('detour-delivered', async (lab) => {
      const at = async (arm: Probe['arm']) =>
        (
          await sendProbes(
            lab,
            [3, 4, 7, 9].map((hopLimit): Probe => ({ arm, protocol: 'icmp6', hopLimit })),
          )
        ).map((reply) => reply?.from);
      const hopAddress = (hop: number) => lab.hopAddress(hop);
      expect(await at('plain')).toEqual([hopAddress(3), hopAddress(4), hopAddress(7), lab.targetAddress]);
      expect(await at('pdm')).toEqual([lab.hopAddresses(3)[1], hopAddress(6), lab.targetAddress, lab.targetAddress]);
    }));

  it('errors that quote the option do not come back through the return filter, echo replies do', () =>
    inLab('return-filter', async (lab) => {
      const replies = await sendProbes(lab, [
        { arm: 'pdm', protocol: 'udp', hopLimit: 4 },
        { arm: 'pdm', protocol: 'udp', hopLimit: 5 },
        { arm: 'pdm', protocol: 'udp', hopLimit: 64 },
        { arm: 'pdm', protocol: 'icmp6', hopLimit: 64 },
        { arm: 'do16', protocol: 'udp', hopLimit: 64 },
      ]);
      expect(replies.map((reply) => reply?.from ?? null)).toEqual([
        lab.hopAddress(4),
        null,
        null,
        lab.targetAddress,
        lab.targetAddress,
      ]);
    }));

  it('an altered option is quoted with its new type beyond the router that altered it', () =>
    inLab('altered-at-4', async (lab) => {
      const replies = await sendProbes(
        lab,
        [4, 5, 64].map((hopLimit): Probe => ({ arm: 'pdm', protocol: 'udp', hopLimit })),
      );
      expect(replies.map((reply) => reply?.quotedOption)).toEqual([0x0f, 0x1e, 0x1e]);
    }));

  it('an option that is set to zeros keeps its type and its checksum', () =>
    inLab('zeroed-at-4', async (lab) => {
      const replies = await sendProbes(
        lab,
        [4, 5, 64].map((hopLimit): Probe => ({ arm: 'pdm', protocol: 'udp', hopLimit })),
      );
      expect(replies.map((reply) => reply?.quotedOption)).toEqual([0x0f, 0x0f, 0x0f]);
    }));

  it('a router without a route refuses packets with and without the option', () =>
    inLab('no-route-at-4', async (lab) => {
      const arms = ['plain', 'pdm'] as const;
      const replies = await sendProbes(
        lab,
        arms.map((arm): Probe => ({ arm, protocol: 'udp', hopLimit: FROM_THE_TARGET })),
      );
      for (const reply of replies) expect(reply).toMatchObject({ from: lab.hopAddress(4), type: 1, code: 0 });
    }));

  it('equal cost by flow label alone keeps both packets of a pair on one member, all four in use', () =>
    inLab('equal-cost-label-only-drop', async (lab) => {
      const flows = Array.from({ length: 32 }, (_, i) => ({ sourcePort: 40000, flowLabel: 0x100 + 7 * i }));
      const at4 = (arm: Probe['arm']) =>
        sendProbes(
          lab,
          flows.map((flow): Probe => ({ arm, protocol: 'udp', hopLimit: 4, ...flow })),
        );
      const [plain, pdm] = [await at4('plain'), await at4('pdm')];
      expect(new Set(plain.map((reply) => reply?.from))).toEqual(new Set(lab.hopAddresses(4)));
      expect(pdm.map((reply) => reply?.from)).toEqual(plain.map((reply) => reply?.from));
    }));

  it('without a route sending fails at once', () =>
    inLab('no-route', async (lab) => {
      await expect(sendProbes(lab, [{ arm: 'plain', protocol: 'udp', hopLimit: 64 }])).rejects.toThrow(/unreachable/i);
    }));

  it('a link with a small MTU answers a larger packet with Packet Too Big', () =>
    inLab('small-mtu', async (lab) => {
      const { stdout } = await lab.exec('source', [
        'ping',
        '-c',
        '1',
        '-W',
        '1',
        '-M',
        'do',
        '-s',
        '1300',
        lab.targetAddress,
      ]);
      expect(stdout).toMatch(new RegExp(`From ${lab.hopAddress(4)} .*Packet too big: mtu=1280`));
    }));
});

describe('the lab itself', () => {
  it('gives names, AS data and the tool to commands inside it, and their exit codes back', () =>
    inLab('drop-at-4', async (lab) => {
      const names = await lab.exec('source', ['getent', 'ahostsv6', 'hop4.lab.example']);
      expect(names.stdout).toContain(lab.hopAddress(4));
      const asn = await lab.exec(lab.sourceNamespace, ['cat', lab.asnFile]);
      expect(asn.stdout).toContain('2001:db8:1::,2001:db8:1:ffff:ffff:ffff:ffff:ffff,64501,Lab Transit 1');
      expect((await lab.exec('target', ['sh', '-c', 'command -v pdm-trace'])).code).toBe(0);
      expect((await lab.exec('hop1', ['sh', '-c', 'exit 7'])).code).toBe(7);
      await expect(lab.exec('hop99', ['true'])).rejects.toMatchObject({ code: 'LAB_NO_SUCH_NODE' });
    }));

  it('captures what passes an interface', () =>
    inLab('delivered-8', async (lab) => {
      const capture = await lab.capture('hop4', 'up');
      await sendProbes(lab, [{ arm: 'pdm', protocol: 'udp', hopLimit: 64, flowLabel: 0xabcde }]);
      const { packets } = await capture.stop();
      const ours = packets.filter((packet) => Buffer.from(packet).readUInt32BE(0) === 0x600abcde);
      expect(ours.length).toBe(1);
      // Three routers have taken one each of 64.
      expect([ours[0]![6], ours[0]![7], ours[0]![42]]).toEqual([60, 61, 0x0f]);
    }));

  it('stands several times at once without one seeing the other', async () => {
    const labs = await Promise.all(['delivered-8', 'drop-at-4', 'delivered-8'].map((name) => createLab(name)));
    try {
      const probe: Probe = { arm: 'pdm', protocol: 'icmp6', hopLimit: 64 };
      const replies = await Promise.all(labs.map((lab) => sendProbes(lab, [probe])));
      expect(replies.map(([reply]) => reply?.type ?? null)).toEqual([ECHO_REPLY, null, ECHO_REPLY]);
    } finally {
      await Promise.all(labs.map((lab) => lab.destroy()));
    }
  });

  it('leaves nothing behind: no namespace, no file, no process', async () => {
    const lab = await createLab('delivered-8');
    const sleeper = lab.exec('hop3', ['sleep', '600']);
    await lab.destroy();
    expect((await sleeper).signal).toBe('SIGKILL');
    expect(standing(lab.directory.split('/').at(-1)!)).toEqual([]);
  });

  it('removes what a killed run left: namespaces, files and the commands that still ran in them', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', KILLED_RUN, LAB_MODULE], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [name, pid] = (
      await new Promise<string>((resolve) =>
        child.stdout.once('data', (text: Buffer) => {
          resolve(text.toString());
        }),
      )
    )
      .trim()
      .split(' ');
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
    removeLeftovers();
    expect(standing(name!)).toEqual([]);
    await expect.poll(() => isAlive(Number(pid))).toBe(false);
  });

  it('keeps its hands off labs whose owner lives', () =>
    inLab('delivered-8', async (lab) => {
      removeLeftovers();
      expect((await lab.exec('source', ['true'])).code).toBe(0);
    }));

  it('stands in a user namespace of its own too, and ends with it', async () => {
    const lab = await createLab('drop-at-4', { privilege: 'user-namespace' });
    try {
      const arms = ['plain', 'pdm'] as const;
      const replies = await sendProbes(
        lab,
        arms.map((arm): Probe => ({ arm, protocol: 'icmp6', hopLimit: FROM_THE_TARGET })),
      );
      expect(replies.map((reply) => reply?.type ?? null)).toEqual([ECHO_REPLY, null]);
      // Its namespaces have names only inside.
      const name = lab.directory.split('/').at(-1)!;
      expect(standing(name)).toEqual([name]);
    } finally {
      await lab.destroy();
    }
    await expect.poll(async () => (await lab.exec('source', ['true'])).code).not.toBe(0);
  });

  it('says what the kernel cannot build rather than standing without it', async () => {
    await expect(createLab('stripped-at-4')).rejects.toMatchObject({
      code: 'LAB_CANNOT_BUILD',
      message: expect.stringContaining('hop4: nft takes no header out of packets') as string,
    });
  });
});

const LAB_MODULE = fileURLToPath(new URL('./lab.mjs', import.meta.url));
const KILLED_RUN = `
const { createLab } = await import(process.argv[1]);
const lab = await createLab('delivered-8');
const child = lab.spawn('hop2', ['sleep', '600'], { stdio: 'pipe' });
console.log(lab.directory.split('/').at(-1), child.pid);
`;

/** Namespaces and directories that carry the lab's name. */
function standing(name: string): string[] {
  return [tmpdir(), '/run/netns'].flatMap((directory) => {
    try {
      return readdirSync(directory).filter((entry) => entry.startsWith(name));
    } catch {
      return [];
    }
  });
}

/** A killed process that nobody has waited for yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
