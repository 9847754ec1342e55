/** Described networks do what they say: the same hand-made probes in the kernel's lab and in the simulator. */
import { expect } from 'vitest';
import type { Description } from './description-types.js';
import { layOut } from './layout.mjs';
import type { Probe, Reply } from './probe.mjs';

export const TIME_EXCEEDED = 3;
export const ECHO_REPLY = 129;
/** A hop limit with which packets come to the target. */
export const FROM_THE_TARGET = 64;
const PROTOCOLS = ['udp', 'icmp6'] as const;
const ARMS = ['plain', 'pdm', 'do8', 'do16', 'long'] as const;
/** Arms besides plain that pass where this is the cause of the option's loss. */
const PASSES: Readonly<Record<string, readonly Probe['arm'][]>> = {
  option: ['do8', 'do16', 'long'],
  size: ['do8', 'long'],
  'destination-options': ['long'],
  length: [],
};
/** Octets of payload of arm `do8`. */
const DO8_PAYLOAD = 30;

/** Sends probes in order from the source; the first reply or null each. */
export type SendProbes = (probes: readonly Probe[]) => Promise<readonly (Reply | null)[]>;

/** Chance decides in these networks, or an ICMPv6 limit, or nothing gets through at all: single probes prove nothing there. */
function isUnsteady({ everyRouter, hops, source }: Description): boolean {
  return (
    source.route === 'none' ||
    [everyRouter, ...Object.values(hops)].some(
      ({ filters, icmp }) =>
        icmp?.rateLimitMs ||
        icmp?.messagesPerSecond ||
        filters?.some(({ match, percent, payloadOver }) => percent || (match === 'everything' && !payloadOver)),
    )
  );
}

/** Smallest payload that some filter takes for its length, less one. */
function longestPayload({ hops }: Description): number {
  const limits = Object.values(hops).flatMap(({ filters = [] }) =>
    filters.flatMap(({ payloadOver }) => payloadOver ?? []),
  );
  return Math.min(...limits);
}

function hopAddresses(description: Description, hop: number): string[] {
  const { nodes } = layOut(description);
  return nodes.filter((node) => node.hop === hop && node.role !== 'source').map(({ address }) => address);
}

function hopAddress(description: Description, hop: number): string {
  return hopAddresses(description, hop)[0]!;
}

function targetAddress(description: Description): string {
  return hopAddress(description, description.routers + 1);
}

function hopLimits({ routers }: Description): number[] {
  return [...Array.from({ length: routers }, (_, i) => i + 1), FROM_THE_TARGET];
}

async function checkPlain(description: Description, send: SendProbes): Promise<void> {
  const target = targetAddress(description);
  for (const protocol of PROTOCOLS) {
    const replies = await send(hopLimits(description).map((hopLimit) => ({ arm: 'plain', protocol, hopLimit })));
    for (const [i, reply] of replies.entries()) {
      const hop = i + 1;
      if (hop > description.routers) {
        const answer = protocol === 'udp' ? { type: 1, code: 4 } : { type: ECHO_REPLY, code: 0 };
        const isSilent = protocol === 'icmp6' && description.target.echo === 'silent';
        if (description.target.silent || isSilent) expect(reply).toBeNull();
        else expect(reply).toMatchObject({ from: target, ...answer });
      } else if (description.hops[hop]?.silent === 'all') expect(reply).toBeNull();
      else {
        expect(reply).toMatchObject({ type: TIME_EXCEEDED, code: 0 });
        if (description.balance?.hop !== hop) expect(reply?.from).toBe(hopAddress(description, hop));
        expect(hopAddresses(description, hop)).toContain(reply?.from);
      }
    }
  }
}

async function checkLost(description: Description, send: SendProbes): Promise<void> {
  const { lostFrom, lastPdmHop, refusal } = description.truth;
  for (const protocol of PROTOCOLS) {
    const limits = hopLimits(description);
    const replies = await send(limits.map((hopLimit) => ({ arm: 'pdm', protocol, hopLimit })));
    for (const [i, reply] of replies.entries()) {
      const hopLimit = limits[i]!;
      if (hopLimit >= lostFrom!) {
        if (refusal === null) expect(reply).toBeNull();
        else {
          const from = hopAddress(description, refusal.hop);
          expect(reply).toMatchObject({ from, type: refusal.type, code: refusal.code });
        }
      } else if (hopLimit <= lastPdmHop!) {
        expect(reply).toMatchObject({ type: TIME_EXCEEDED, quotedNextHeader: 60, quotedOption: 0x0f });
        expect(hopAddresses(description, hopLimit)).toContain(reply?.from);
      } else expect(reply).toBeNull();
    }
  }
}

async function checkDelivered(description: Description, send: SendProbes): Promise<void> {
  const [reply] = await send([{ arm: 'pdm', protocol: 'icmp6', hopLimit: FROM_THE_TARGET }]);
  expect(reply).toMatchObject({ from: targetAddress(description), type: ECHO_REPLY });
}

async function checkCause(description: Description, send: SendProbes): Promise<void> {
  const replies = await send(ARMS.map((arm) => ({ arm, protocol: 'udp', hopLimit: FROM_THE_TARGET })));
  const got = ARMS.filter((_, i) => replies[i]?.from === targetAddress(description));
  const { cause } = description.truth;
  const short = cause === 'length' && longestPayload(description) >= DO8_PAYLOAD ? ['do8'] : [];
  expect(new Set(got)).toEqual(new Set(['plain', ...short, ...PASSES[cause!]!]));
}

/** What hand-made probes show in every network of which the truth says as much, by what it is called. */
export const PROBE_CHECKS: readonly {
  readonly what: string;
  readonly concerns: (description: Description) => boolean;
  readonly check: (description: Description, send: SendProbes) => Promise<void>;
}[] = [
  {
    what: 'a plain packet expires at each hop in turn and reaches the target',
    concerns: (description) => !isUnsteady(description),
    check: checkPlain,
  },
  {
    what: 'the option is lost from the hop limit that the truth names, and reported before it',
    concerns: (description) => !isUnsteady(description) && description.truth.lostFrom !== null,
    check: checkLost,
  },
  {
    what: 'the option is answered by the target, echo at least',
    concerns: (description) =>
      !isUnsteady(description) &&
      description.truth.outcomes.icmp6.join() === 'delivered' &&
      description.target.silent === undefined,
    check: checkDelivered,
  },
  {
    what: 'the arms that pass are those that the cause leaves alone',
    concerns: (description) =>
      !isUnsteady(description) && description.truth.cause !== null && description.target.silent === undefined,
    check: checkCause,
  },
];

/** What has come back for each probe: who, type and code; null for nothing. */
async function answersTo(send: SendProbes, probes: readonly Probe[]): Promise<(string | null)[]> {
  const replies = await send(probes);
  return replies.map((reply) => (reply === null ? null : `${reply.from} ${reply.type}/${reply.code}`));
}

/** One after the other: each is answered, or not, before the next is sent. */
async function answersInTurn(send: SendProbes, probes: readonly Probe[]): Promise<(string | null)[]> {
  const answers: (string | null)[] = [];
  for (const probe of probes) answers.push(...(await answersTo(send, [probe])));
  return answers;
}

async function checkFirewall(description: Description, send: SendProbes): Promise<void> {
  const echo = { protocol: 'icmp6', hopLimit: FROM_THE_TARGET, echoId: 0x1111, echoSequence: 7 } as const;
  const answers = await answersInTurn(send, [
    { ...echo, arm: 'plain', echoSequence: 6 },
    { ...echo, arm: 'pdm' },
    { ...echo, arm: 'plain', echoId: 0x2222 },
    { ...echo, arm: 'plain', echoSequence: 8 },
  ]);
  const answer = `${targetAddress(description)} ${ECHO_REPLY}/0`;
  expect(answers).toEqual([answer, null, answer, answer]);
}

async function checkTranslated(description: Description, send: SendProbes): Promise<void> {
  const asked = description.asked!;
  for (const arm of ['plain', 'pdm'] as const) {
    const limits = [2, 3, 4, 8, FROM_THE_TARGET];
    const answers = await answersTo(
      send,
      limits.map((hopLimit) => ({ arm, protocol: 'udp', hopLimit })),
    );
    const behind = `${asked} ${TIME_EXCEEDED}/0`;
    expect(answers).toEqual([
      `${hopAddress(description, 2)} ${TIME_EXCEEDED}/0`,
      behind,
      behind,
      behind,
      `${asked} 1/4`,
    ]);
    const [echo] = await answersTo(send, [{ arm, protocol: 'icmp6', hopLimit: FROM_THE_TARGET }]);
    expect(echo).toBe(`${asked} ${ECHO_REPLY}/0`);
  }
}

async function checkMiddlebox(description: Description, send: SendProbes): Promise<void> {
  const target = targetAddress(description);
  for (const [protocol, answer] of [
    ['udp', `${target} 1/4`],
    ['icmp6', `${target} ${ECHO_REPLY}/0`],
  ] as const) {
    const limits = [2, 3, 4, FROM_THE_TARGET];
    const before = `${hopAddress(description, 2)} ${TIME_EXCEEDED}/0`;
    const to = (arm: 'plain' | 'pdm'): Promise<(string | null)[]> =>
      answersTo(
        send,
        limits.map((hopLimit) => ({ arm, protocol, hopLimit })),
      );
    expect(await to('plain')).toEqual([before, answer, answer, answer]);
    const hops = [3, 4].map((hop) => `${hopAddress(description, hop)} ${TIME_EXCEEDED}/0`);
    expect(await to('pdm')).toEqual([before, ...hops, answer]);
  }
}

/** Traps whose networks must do what their title says before anything is made of what records say there. */
export const TRAP_CHECKS: readonly {
  readonly name: string;
  readonly what: string;
  readonly check: (description: Description, send: SendProbes) => Promise<void>;
}[] = [
  {
    name: 'source-firewall',
    what: 'answers are lost of the identifier and the sequence number that had the option, and of no others',
    check: checkFirewall,
  },
  {
    name: 'translated-address',
    what: 'all from the translator on answer in the name of the address that was asked',
    check: checkTranslated,
  },
  {
    name: 'answering-middlebox',
    what: 'a box answers plain packets in the name of the target, and the option goes on',
    check: checkMiddlebox,
  },
];
