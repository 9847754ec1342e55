/**
 * Many targets behind near hops that they have in common: a list as a run sees it. Every target has a random network of its
 * own (generate-network.ts) beyond those hops; what its trace must find there is known.
 */
import { generateNetwork, type GeneratedNetwork, type Scenario } from './generate-network.js';
import { plainRouter, rule } from './network-parts.js';
import type { Epoch, Host, Network, ReturnRule, Router, Rule, Segment } from './network.js';
import { Random } from './random.js';

export type NearHopKind =
  | 'steady'
  | 'with a silent hop'
  | 'balanced'
  | 'balanced unequally'
  | 'balanced by destination'
  | 'dropping'
  | 'dropping in part'
  | 'refusing in part'
  | 'policing'
  | 'shunning'
  | 'changing'
  | 'taking answers from a time on'
  | 'taking errors from a time on'
  | 'limited'
  | 'not reporting';

export interface ListOptions {
  readonly seed: number;
  readonly targets: number;
  readonly near: NearHopKind;
  /** What the networks beyond are: 'any' draws all scenarios, 'mostly delivered' is what lists of hosts look like. */
  readonly beyond: 'any' | 'mostly delivered' | 'short and mostly delivered';
  /** Seconds that the run will take, roughly: what happens at a time happens while the target's turn is. */
  readonly seconds: number;
}

type Draft = { -readonly [K in keyof Router]: Router[K] } & { rules: Rule[] };

/** What a firewall near the source may begin to take: what quotes nothing and answers a packet with the option, or errors about such. */
const TAKEN = {
  'taking answers from a time on': 'answers-to-options',
  'taking errors from a time on': 'errors-quoting-options',
} as const;

const DROP = { kind: 'drop' } as const;
const ANY_OPTIONS = { kind: 'destination-options' } as const;

export function generateList(options: ListOptions): GeneratedNetwork[] {
  const random = new Random(options.seed, 21);
  const near = nearEpochs(options, random);
  const isShort = options.beyond === 'short and mostly delivered';
  const transits = Array.from({ length: Math.max(1, Math.round(options.targets / 40)) }, (_, group) =>
    transit(group, isShort ? 1 : random.integer(1, 3), random),
  );
  return Array.from({ length: options.targets }, (_, index) => {
    const generated = generateOne(options, index, random);
    const { network } = generated;
    makeOwnAddresses(network, index);
    const offsetNs = ((options.seconds * index) / options.targets) * 1e9;
    const own = network.epochs.map((epoch): Epoch => ({
      ...epoch,
      fromNs: epoch.fromNs === 0 ? 0 : epoch.fromNs + offsetNs,
    }));
    shiftRules(own, network.target, offsetNs);
    const common: Segment = single(transits[random.integer(0, transits.length - 1)]!);
    const times = [...new Set([...own, ...near].map(({ fromNs }) => fromNs))].sort((a, b) => a - b);
    const epochs = times.map((fromNs): Epoch => ({
      fromNs,
      segments: [...forDestination(at(near, fromNs).segments, index), common, ...at(own, fromNs).segments],
    }));
    return {
      ...generated,
      network: { ...network, epochs, kernelDrops: 0 },
    };
  });
}

function generateOne({ seed, beyond }: ListOptions, index: number, random: Random): GeneratedNetwork {
  const own = seed * 1_000_003 + index;
  if (beyond === 'any') return generateNetwork(own, undefined, []);
  const draw = random.unit();
  const scenario: Scenario =
    draw < 0.8
      ? 'nothing happens'
      : draw < 0.88
        ? 'forward filter drops'
        : draw < 0.93
          ? 'ingress filter drops'
          : draw < 0.96
            ? 'the host drops'
            : draw < 0.98
              ? 'silent target, delivered'
              : 'refused 1/0-1/6 by a router';
  const generated = generateNetwork(own, scenario);
  if (beyond === 'mostly delivered') return generated;
  return { ...generated, network: shortened(generated.network, 2) };
}

/** Only the last routers, those with rules among them, answering as a lab's routers do. */
function shortened(network: Network, length: number): Network {
  const epochs = network.epochs.map((epoch): Epoch => {
    const routers = epoch.segments.flatMap(({ members }) => members[0]!);
    const ruled = routers.filter(({ rules }) => rules.length > 0);
    const others = routers.filter(({ rules }) => rules.length === 0).slice(-Math.max(0, length - ruled.length));
    const kept = routers.filter((router) => ruled.includes(router) || others.includes(router));
    return { ...epoch, segments: [single(kept)] };
  });
  return { ...network, epochs };
}

function single(members: readonly Router[]): Segment {
  return { members: [members], hash: 'flow-label', headerMember: null, salt: 0 };
}

function at(epochs: readonly Epoch[], fromNs: number): Epoch {
  return epochs.filter((epoch) => epoch.fromNs <= fromNs).at(-1)!;
}

/** Segments that a policy chooses the member of, by destination. */
function forDestination(segments: readonly Segment[], index: number): Segment[] {
  return segments.map((segment) =>
    segment.hash === 'none' && segment.members.length > 1
      ? { ...segment, members: [segment.members[index % segment.members.length]!] }
      : segment,
  );
}

function nearRouter(number: number, random: Random): Draft {
  const router = { ...plainRouter(0x0f8, number), rules: [] as Rule[] };
  router.delayMs = random.between(0.2, 3);
  router.jitterMs = random.between(0.01, 0.2);
  router.bucket = { burst: 6, perSecond: 10, crossTraffic: 0 };
  return router;
}

function transit(group: number, length: number, random: Random): Router[] {
  return Array.from({ length }, (_, index) => nearRouter(0x1000 + group * 4 + index, random));
}

function nearEpochs({ near, seconds }: ListOptions, random: Random): Epoch[] {
  const count = random.integer(3, 5);
  const routers = Array.from({ length: count }, (_, index) => nearRouter(index + 1, random));
  const others = (length: number): Draft[][] =>
    Array.from({ length }, (_, member) => [nearRouter(0x100 + member, random)]);
  const middle = random.integer(1, count - 2);
  const around = (segment: Segment): Epoch[] => [
    { fromNs: 0, segments: [single(routers.slice(0, middle)), segment, single(routers.slice(middle + 1))] },
  ];
  const first = (): Draft => routers[random.integer(0, Math.min(2, count - 1))]!;
  switch (near) {
    case 'steady':
      break;
    case 'with a silent hop':
      routers[middle]!.silent = true;
      break;
    case 'limited':
      for (const router of routers) router.bucket = { burst: 6, perSecond: 4, crossTraffic: 2 };
      break;
    case 'not reporting':
      routers[middle]!.reports = 0;
      routers[0]!.reports = 0.7;
      break;
    case 'balanced': {
      const hash = random.pick(['flow-label', 'ports', 'ports-deep', 'label-and-ports'] as const);
      return around({
        members: [[routers[middle]!], ...others(random.integer(1, 3))],
        hash,
        headerMember: null,
        salt: random.word(),
      });
    }
    case 'balanced unequally': {
      const members = [[routers[middle]!], [routers[middle]!], [routers[middle]!], ...others(1)];
      return around({ members, hash: 'label-and-ports', headerMember: null, salt: random.word() });
    }
    case 'balanced by destination':
      return around({ members: [[routers[middle]!], ...others(1)], hash: 'none', headerMember: null, salt: 0 });
    case 'dropping':
      first().rules.push(rule(random.chance(0.5) ? 'forward' : 'ingress', ANY_OPTIONS, DROP));
      break;
    case 'dropping in part':
      first().rules.push(rule('forward', ANY_OPTIONS, DROP, { share: random.pick([0.1, 0.3, 0.5, 0.9]) }));
      break;
    case 'refusing in part':
      first().rules.push(
        rule('forward', ANY_OPTIONS, { kind: 'reject', type: 1, code: 1, pointer: 'none' }, { share: 0.5 }),
      );
      break;
    case 'policing':
      // One policer for the options of all targets.
      first().rules.push({
        ...rule('forward', ANY_OPTIONS, DROP),
        limit: { burst: random.integer(5, 20), perSecond: random.pick([2, 5, 10]), crossTraffic: 0 },
      });
      break;
    case 'shunning':
      first().shun = { stage: 'forward', after: random.integer(10, 60), seconds: random.pick([10, 30, 120]) };
      break;
    case 'taking answers from a time on':
    case 'taking errors from a time on': {
      const returnRules: ReturnRule[] = [{ match: TAKEN[near], share: random.pick([1, 1, 0.9]) }];
      const taking = [{ ...routers[0]!, returnRules }, ...routers.slice(1)];
      return [
        { fromNs: 0, segments: [single(routers)] },
        { fromNs: seconds * random.between(0.3, 0.5) * 1e9, segments: [single(taking)] },
      ];
    }
    case 'changing': {
      const fresh = [...routers];
      fresh[middle] = nearRouter(0x200, random);
      if (random.chance(0.5)) fresh.splice(middle, 0, nearRouter(0x201, random));
      return [
        { fromNs: 0, segments: [single(routers)] },
        { fromNs: seconds * random.between(0.3, 0.7) * 1e9, segments: [single(fresh)] },
      ];
    }
  }
  return [{ fromNs: 0, segments: [single(routers)] }];
}

/** No router is on the ways to two targets but those in common: its address says which network it belongs to. */
function makeOwnAddresses(network: Network, index: number): void {
  const seen = new Set<Uint8Array>();
  const own = (address: Uint8Array): void => {
    if (seen.has(address)) return;
    seen.add(address);
    address[10] = 1 + (index >> 8);
    address[11] = index & 0xff;
  };
  for (const { segments } of network.epochs)
    for (const { members } of segments)
      for (const router of members.flat()) for (const address of router.addresses) own(address);
  const target = network.target as unknown as { addresses: Uint8Array[] };
  target.addresses = target.addresses.map((address) => address.slice());
  for (const address of target.addresses) own(address);
}

function shiftRules(epochs: readonly Epoch[], target: Host, offsetNs: number): void {
  const seen = new Set<Rule>();
  const nodes = [...epochs.flatMap(({ segments }) => segments.flatMap(({ members }) => members.flat())), target];
  for (const node of nodes) {
    for (const each of node.rules as { -readonly [K in keyof Rule]: Rule[K] }[]) {
      if (seen.has(each)) continue;
      seen.add(each);
      if (each.fromNs > 0) each.fromNs += offsetNs;
      if (each.untilNs < Infinity) each.untilNs += offsetNs;
    }
  }
}
