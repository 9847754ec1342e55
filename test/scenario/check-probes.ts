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
        if (description.target.silent) expect(reply).toBeNull();
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
