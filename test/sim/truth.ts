/**
 * What happens to packets in a `Network`, worked out from its description without sending any: every way a flow can take, at
 * every time at which something changes, walked rule by rule. Nothing here knows how the program under test judges.
 */
import { PROTOCOLS, type Protocol } from '../../src/record/record.js';
import {
  epochAt,
  matches,
  memberOf,
  spreads,
  type Action,
  type Epoch,
  type Features,
  type FlowKey,
  type Host,
  type Match,
  type Network,
  type Node,
  type Router,
  type Rule,
} from './network.js';
import { DROP, rule } from './network-parts.js';
import { PROTOCOL } from './packet.js';
import { Random } from './random.js';

export type SimulatedProtocol = Protocol;

export interface Effect {
  readonly kind: 'drop' | 'reject' | 'strip' | 'alter';
  /** The smallest hop limit with which a packet meets it. */
  readonly hopLimit: number;
  /** Place of the router on the way: its number counted from 1, or the target's distance. */
  readonly place: number;
  readonly node: Node;
  readonly action: Action;
  /** Whom it hits: what METHOD: cause should find. */
  readonly cause: 'option' | 'size' | 'destination-options' | 'length' | null;
}

/** Shares of packets, over fresh flows and a time, that reach the target host's stack; loss that all packets suffer aside. */
export interface Fates {
  readonly plain: number;
  readonly pdm: number;
  /** Packets that arrive with the option as it was sent. */
  readonly intact: number;
  /** The first two, were there no proxy that answers for the target: whom a drop in front of a proxy is held against. */
  readonly direct: { readonly plain: number; readonly pdm: number };
}

export interface TimeWindow {
  readonly fromNs: number;
  readonly untilNs: number;
}

/** Packets that a policer let pass and those that it hit, where a run has shown it. */
export type PolicedCounts = ReadonlyMap<
  Rule,
  Readonly<Record<SimulatedProtocol, { readonly passed: number; readonly hit: number }>>
>;

export interface ProtocolTruth {
  /**
   * What happens to packets with the option more often than to those without it: places at which a greater part of them is
   * lost, refused or changed. Empty: nothing of the kind. Whether fewer of them arrive in the end, `fates` says.
   */
  readonly effects: readonly Effect[];
  /** What METHOD: cause should find where all packets with the option are lost; null where that changes. */
  readonly armsCause: Effect['cause'];
  /** A firewall drops all from this source for a while once it has sent options: those that are asked for the cause as well. */
  readonly isShunned: boolean;
  /** Shares, over fresh flows, of packets that reach the target's own rules and pass them, loss aside; lowest and highest over time. */
  readonly pdmArrives: readonly [number, number];
  readonly plainArrives: readonly [number, number];
  /** The same for packets that arrive with the option as sent. */
  readonly optionArrives: readonly [number, number];
  /** The same packets fare differently at different times. */
  readonly changing: boolean;
  /** The target answers what arrives by this protocol. */
  readonly answers: boolean;
  /** Every router before the effect that answers at all also reports packets with the option. */
  readonly hopsReport: boolean;
  /** Where the target is met by packets without the option, on the longest of their ways. */
  readonly plainDistance: number;
}

export interface Truth {
  readonly udp: ProtocolTruth;
  readonly icmp6: ProtocolTruth;
  readonly tcp: ProtocolTruth;
  /** Hop limits at which a router's address may answer with Time Exceeded, by address as latin1 text of its 16 octets. */
  readonly places: ReadonlyMap<string, ReadonlySet<number>>;
  readonly targetKey: string;
  /** All addresses that the target may answer from. */
  readonly endKeys: ReadonlySet<string>;
  /** Somebody's on the path who answers in front of a router, by address: the routers that may stand there. */
  readonly rivals: ReadonlyMap<string, readonly Router[]>;
  /** Somebody off the path who knows our label: his quotes are as good as a router's. */
  readonly knowingForger: boolean;
  /** How many routers show a change in quotes that the packet did not suffer. */
  readonly scrubbers: number;
  /** Somebody on the way back takes answers to packets with the option. */
  readonly hidesArrivals: boolean;
  fates(protocol: SimulatedProtocol, window: TimeWindow): Fates;
  /**
   * The truth for all who see no router behind a proxy: nothing tells it from the target. `place` is the nearest proxy's.
   * Null where there is none.
   */
  readonly atProxy: { readonly place: number; readonly truth: Truth } | null;
}

export const PDM_FEATURES = { header: true, option: true, headerOctets: 16, longerBy: 16 } as const;
export const PLAIN_FEATURES = { header: false, option: false, headerOctets: 0, longerBy: 0 } as const;
const FEATURES = {
  plain: PLAIN_FEATURES,
  pdm: PDM_FEATURES,
  do8: { header: true, option: false, headerOctets: 8, longerBy: 8 },
  do16: { header: true, option: false, headerOctets: 16, longerBy: 16 },
  long: { header: false, option: false, headerOctets: 0, longerBy: 16 },
} as const;

/** Ways through a network that are walked one by one; of more of them so many are drawn at random. */
const MOST_WAYS = 5000;
const DRAWN_WAYS = 2000;

export function addressKey(octets: Uint8Array): string {
  return String.fromCharCode(...octets.subarray(0, 16));
}

interface Met {
  readonly effect: Omit<Effect, 'cause'>;
  readonly mass: number;
  readonly rule: Rule;
}

interface Walked {
  arrives: number;
  intact: number;
  readonly met: Met[];
}

/** Smallest hop limit that brings a packet to the node at `index` of the path. */
function reach(path: readonly Router[], index: number): number {
  return index + 1 - (index > 0 && path[index - 1]!.forwardsExpired ? 1 : 0);
}

function walk(
  network: Network,
  path: readonly Router[],
  start: Omit<Features, 'protocol'>,
  protocol: SimulatedProtocol,
  nowNs: number,
  policed: PolicedCounts,
): Walked {
  const walked: Walked = { arrives: 0, intact: 0, met: [] };
  const step = (
    index: number,
    stage: 'ingress' | 'forward' | 'local',
    from: number,
    features: Features,
    mass: number,
    intact: boolean,
  ): void => {
    const node: Node = index < path.length ? path[index]! : network.target;
    for (let i = from; i < node.rules.length; i++) {
      const rule = node.rules[i]!;
      if (rule.stage !== stage || nowNs < rule.fromNs || nowNs >= rule.untilNs || !matches(rule.match, features))
        continue;
      const hopLimit = stage === 'forward' ? reach(path, index + 1) : reach(path, index);
      const { action } = rule;
      const share = shareHit(rule, policed, protocol);
      const hit = mass * share;
      if (isEndFor(action, protocol)) {
        walked.arrives += hit;
        if (intact) walked.intact += hit;
        if (share >= 1) return;
        mass -= hit;
        continue;
      }
      const met = (kind: Effect['kind']): void => {
        if (hit > 0) walked.met.push({ effect: { kind, hopLimit, place: index + 1, node, action }, mass: hit, rule });
      };
      if (action.kind === 'drop' || action.kind === 'reject' || action.kind === 'answer') {
        // A proxy that answers instead of the target loses the packet as well.
        met(action.kind === 'reject' ? 'reject' : 'drop');
        if (share >= 1) return;
      } else if ((action.kind === 'strip' && features.header) || (action.kind === 'alter' && features.option)) {
        met(action.kind);
        const changed =
          action.kind === 'strip'
            ? {
                ...features,
                header: false,
                option: false,
                headerOctets: 0,
                longerBy: features.longerBy - features.headerOctets,
              }
            : { ...features, option: action.what !== 'type' };
        step(index, stage, i + 1, changed, hit, false);
        if (share >= 1) return;
      } else {
        continue;
      }
      mass -= hit;
    }
    if (stage === 'ingress') step(index, 'forward', 0, features, mass, intact);
    else if (stage === 'forward')
      step(index + 1, index + 1 < path.length ? 'ingress' : 'local', 0, features, mass, intact);
    else {
      walked.arrives += mass;
      if (intact) walked.intact += mass;
    }
  };
  step(0, path.length > 0 ? 'ingress' : 'local', 0, { ...start, protocol }, 1, start.option);
  return walked;
}

/** For the truth alone: what a proxy answers that is the target itself, for all that can be known. */
function isEndFor(action: Action, protocol: SimulatedProtocol): boolean {
  return action.kind === 'answer' && action.isTheEnd === true && (protocol !== 'tcp' || action.syn !== undefined);
}

function isAnswered({ udp, echo, tcp }: Host, protocol: SimulatedProtocol): boolean {
  if (protocol === 'tcp') return tcp !== undefined && tcp !== 'silent';
  return protocol === 'udp' ? udp !== 'silent' : echo === 'replies';
}

/** A policer's part depends on how much is sent; where no run has shown it, five packets a second are taken to be. */
const SUPPOSED_PER_SECOND = 5;

function shareHit(rule: Rule, policed: PolicedCounts, protocol: SimulatedProtocol): number {
  if (rule.limit === undefined) return rule.share;
  const counts = policed.get(rule)?.[protocol];
  const passes =
    counts === undefined || counts.passed + counts.hit === 0
      ? Math.min(1, rule.limit.perSecond / SUPPOSED_PER_SECOND)
      : counts.passed / (counts.passed + counts.hit);
  return rule.share * (1 - passes);
}

function causeOf(match: Match, protocol: SimulatedProtocol): Effect['cause'] {
  // What hits plain as well hits packets with the option more often only because a header takes them there.
  if (matches(match, { ...PLAIN_FEATURES, protocol })) return 'destination-options';
  switch (match.kind) {
    case 'option':
      return 'option';
    case 'destination-options':
      return 'destination-options';
    case 'header-octets':
      return match.atLeast <= 8 ? 'destination-options' : 'size';
    case 'longer-by':
      return 'length';
    case 'every': {
      // The part that spares plain packets says whom it hits.
      const telling = match.of.filter((part) => !matches(part, { ...PLAIN_FEATURES, protocol }));
      return telling.map((part) => causeOf(part, protocol)).find((cause) => cause !== null) ?? null;
    }
    default:
      return null;
  }
}

function allRouters(network: Network): Router[] {
  return [...new Set(network.epochs.flatMap((epoch) => epoch.segments.flatMap((segment) => segment.members.flat())))];
}

function moments(network: Network): number[] {
  const times = new Set<number>([0]);
  for (const epoch of network.epochs) times.add(epoch.fromNs);
  for (const node of [...allRouters(network), network.target]) {
    for (const rule of node.rules) {
      times.add(rule.fromNs);
      if (rule.untilNs < Infinity) times.add(rule.untilNs);
    }
  }
  return [...times].sort((a, b) => a - b);
}

interface Way {
  readonly path: readonly Router[];
  readonly probability: number;
}

/** The ways that fresh flows take through the network at one time, with or without an extension header. */
function waysOf(network: Network, epoch: Epoch, protocol: SimulatedProtocol, header: boolean): Way[] {
  const flow: FlowKey = {
    source: network.source,
    target: network.target.addresses[0]!,
    flowLabel: 0,
    protocol: PROTOCOL[protocol],
    ports: 0,
    header,
  };
  const choices = epoch.segments.map((segment) =>
    spreads(segment, header) ? segment.members : [memberOf(segment, flow)],
  );
  const count = choices.reduce((product, members) => product * members.length, 1);
  if (count > MOST_WAYS) {
    const random = new Random(network.seed, 11);
    return Array.from({ length: DRAWN_WAYS }, () => ({
      path: choices.flatMap((members) => random.pick(members)),
      probability: 1 / DRAWN_WAYS,
    }));
  }
  let ways: Way[] = [{ path: [], probability: 1 }];
  for (const members of choices) {
    ways = ways.flatMap(({ path, probability }) =>
      members.map((member) => ({ path: [...path, ...member], probability: probability / members.length })),
    );
  }
  return ways;
}

interface ArmFate {
  arrives: number;
  intact: number;
  readonly met: (Met & { readonly path: readonly Router[] })[];
}

function fateOf(
  network: Network,
  protocol: SimulatedProtocol,
  arm: keyof typeof FEATURES,
  nowNs: number,
  policed: PolicedCounts,
): ArmFate {
  const fate: ArmFate = { arrives: 0, intact: 0, met: [] };
  const features = FEATURES[arm];
  for (const { path, probability } of waysOf(network, epochAt(network, nowNs), protocol, features.header)) {
    const walked = walk(network, path, features, protocol, nowNs, policed);
    fate.arrives += probability * walked.arrives;
    fate.intact += probability * walked.intact;
    for (const met of walked.met) fate.met.push({ ...met, mass: probability * met.mass, path });
  }
  return fate;
}

/** Sums of many shares are not exact. */
const SLACK = 1e-9;

/** What each rule of each node does to a share of the packets. */
function massesOf({ met }: ArmFate, numbers: Map<Rule, number>): Map<string, number> {
  const masses = new Map<string, number>();
  for (const { effect, rule, mass } of met) {
    if (!numbers.has(rule)) numbers.set(rule, numbers.size);
    const key = `${effect.kind} ${numbers.get(rule) ?? 0}`;
    masses.set(key, (masses.get(key) ?? 0) + mass);
  }
  return masses;
}

function reports(router: Router): boolean {
  return router.silent || (router.reports >= 1 && router.reportsUntilNs === undefined && hasPlainName(router));
}

function hasPlainName({ quote, rival }: Router): boolean {
  return quote.artefact === 'none' && rival === undefined;
}

/** A filter that spares a few is one: seven lost pairs tell no more. */
const ONE_IN_TEN_PASSES = 0.3;

/** What the arms' fates say together, METHOD: cause: two filters on one way may take more than the first of them does. */
function armsCause(network: Network, protocol: SimulatedProtocol, policed: PolicedCounts): Effect['cause'] {
  const fates = moments(network).map((nowNs) => {
    const isLost = (arm: keyof typeof FEATURES): boolean =>
      fateOf(network, protocol, arm, nowNs, policed).arrives < ONE_IN_TEN_PASSES;
    if (isLost('plain') || !isLost('pdm')) return null;
    if (isLost('long')) return isLost('do16') ? 'length' : null;
    if (!isLost('do8')) return isLost('do16') ? 'size' : 'option';
    return isLost('do16') ? 'destination-options' : null;
  });
  return fates.every((fate) => fate === fates[0]) ? (fates[0] ?? null) : null;
}

function protocolTruth(network: Network, protocol: SimulatedProtocol, policed: PolicedCounts): ProtocolTruth {
  const effects = new Map<string, Effect>();
  const numbers = new Map<Rule, number>();
  const shares: { pdm: number; plain: number; option: number; places: string }[] = [];
  let hopsReport = true;
  for (const nowNs of moments(network)) {
    const plain = fateOf(network, protocol, 'plain', nowNs, policed);
    const pdm = fateOf(network, protocol, 'pdm', nowNs, policed);
    const plainMasses = massesOf(plain, numbers);
    const pdmMasses = massesOf(pdm, numbers);
    const places = new Set<string>();
    for (const { effect, rule, path } of pdm.met) {
      const key = `${effect.kind} ${numbers.get(rule) ?? 0}`;
      if ((pdmMasses.get(key) ?? 0) <= (plainMasses.get(key) ?? 0) + SLACK) continue;
      const id = `${key} ${effect.hopLimit} ${effect.place}`;
      effects.set(id, { ...effect, cause: causeOf(rule.match, protocol) });
      places.add(id);
      if (!path.slice(0, effect.hopLimit - 1).every(reports)) hopsReport = false;
    }
    shares.push({ pdm: pdm.arrives, plain: plain.arrives, option: pdm.intact, places: [...places].sort().join() });
  }
  const exact = (value: number): number => Math.round(value * 1e9) / 1e9;
  const range = (values: number[]): [number, number] => [exact(Math.min(...values)), exact(Math.max(...values))];
  const first = shares[0]!;
  return {
    effects: [...effects.values()],
    armsCause: armsCause(network, protocol, policed),
    isShunned: network.epochs.some(({ segments }) =>
      segments.some(({ members }) => members.flat().some(({ shun }) => shun !== undefined)),
    ),
    pdmArrives: range(shares.map((share) => share.pdm)),
    plainArrives: range(shares.map((share) => share.plain)),
    optionArrives: range(shares.map((share) => share.option)),
    changing: shares.some(
      (share) => share.pdm !== first.pdm || share.plain !== first.plain || share.places !== first.places,
    ),
    answers: isAnswered(network.target, protocol),
    hopsReport,
    plainDistance: Math.max(
      ...network.epochs.flatMap((epoch) => waysOf(network, epoch, protocol, false).map(({ path }) => path.length + 1)),
    ),
  };
}

/**
 * How packets fare from this source to this target: P(arrive | plain) and P(arrive | pdm) over fresh flows, averaged over a
 * time. What is lost on the way back has arrived; what a shunning firewall drops it drops of both, so it counts for neither;
 * what the host's own filter does not send has no fate.
 */
export function compareFates(
  network: Network,
  protocol: SimulatedProtocol,
  window: TimeWindow,
  policed: PolicedCounts = new Map(),
): Fates {
  const arrivals = averageArrivals(network, protocol, window, policed);
  const withoutProxies = hasProxy(network)
    ? averageArrivals(passingProxies(network), protocol, window, policed)
    : arrivals;
  return { ...arrivals, direct: { plain: withoutProxies.plain, pdm: withoutProxies.pdm } };
}

function averageArrivals(
  network: Network,
  protocol: SimulatedProtocol,
  window: TimeWindow,
  policed: PolicedCounts,
): Omit<Fates, 'direct'> {
  const { fromNs, untilNs } = window;
  const times = [fromNs, ...moments(network).filter((time) => time > fromNs && time < untilNs)];
  const sum = { plain: 0, pdm: 0, intact: 0 };
  times.forEach((time, index) => {
    const weight = untilNs > fromNs ? ((times[index + 1] ?? untilNs) - time) / (untilNs - fromNs) : 1;
    const plain = fateOf(network, protocol, 'plain', time, policed);
    const pdm = fateOf(network, protocol, 'pdm', time, policed);
    sum.plain += weight * plain.arrives;
    sum.pdm += weight * pdm.arrives;
    sum.intact += weight * pdm.intact;
  });
  return sum;
}

function hasProxy(network: Network): boolean {
  return allRouters(network).some(isProxy);
}

function isProxy({ rules }: Router): boolean {
  return rules.some(({ action }) => action.kind === 'answer' && action.isTheEnd !== true);
}

/** Its smallest place on any way, and the smallest hop limit that it answers. */
function nearestProxy(network: Network): { place: number; distance: number } {
  const places = placesOf(network);
  // Where some forward what has expired, each has a nearer place besides, at which it answers too: where it stands is the farther.
  const shift = allRouters(network).some(({ forwardsExpired }) => forwardsExpired) ? 1 : 0;
  let nearest = { place: Number.POSITIVE_INFINITY, distance: Number.POSITIVE_INFINITY };
  for (const { addresses, forwardsExpired } of allRouters(network).filter(isProxy)) {
    const place = shift + Math.min(...(places.get(addressKey(addresses[0]!)) ?? []));
    if (place < nearest.place) nearest = { place, distance: place + (forwardsExpired ? 0 : 1) };
  }
  return nearest;
}

/** The truth of a network whose proxy is the target: what the host behind it does with a packet it passed, the target does. */
function truthAtProxy(network: Network, policed: PolicedCounts): NonNullable<Truth['atProxy']> {
  const { place, distance } = nearestProxy(network);
  const truth = truthOf(endingAtProxies(network), policed);
  const nearer = (of: ProtocolTruth): ProtocolTruth => ({
    ...of,
    effects: of.effects.map((effect) =>
      'udp' in effect.node ? { ...effect, hopLimit: Math.min(effect.hopLimit, distance) } : effect,
    ),
  });
  return { place, truth: { ...truth, udp: nearer(truth.udp), icmp6: nearer(truth.icmp6), tcp: nearer(truth.tcp) } };
}

/** The same network with proxies that pass everything on. */
function passingProxies(network: Network): Network {
  return withRules(network, (rules) => rules.filter(({ action }) => action.kind !== 'answer'));
}

/** The same network, what a proxy answers having arrived. Of what it passes to a host without a word, nothing does. */
function endingAtProxies(network: Network): Network {
  const ending = withRules(network, (rules) =>
    rules.map((one) => (one.action.kind === 'answer' ? { ...one, action: { ...one.action, isTheEnd: true } } : one)),
  );
  const { target } = network;
  const silent = PROTOCOLS.filter((protocol) => !isAnswered(target, protocol));
  const ignored = silent.map((protocol) => rule('local', { kind: 'protocol', protocol }, DROP));
  return { ...ending, target: { ...target, rules: [...target.rules, ...ignored] } };
}

function withRules(network: Network, change: (rules: Router['rules']) => Rule[]): Network {
  const pass = (router: Router): Router => ({ ...router, rules: change(router.rules) });
  return {
    ...network,
    epochs: network.epochs.map((epoch) => ({
      ...epoch,
      segments: epoch.segments.map((segment) => ({
        ...segment,
        members: segment.members.map((member) => member.map(pass)),
      })),
    })),
  };
}

/** Hop limits at which each address may send Time Exceeded. */
function placesOf(network: Network): Map<string, Set<number>> {
  const places = new Map<string, Set<number>>();
  const early = allRouters(network).some((router) => router.forwardsExpired);
  for (const epoch of network.epochs) {
    let offsets = new Set([0]);
    for (const segment of epoch.segments) {
      const next = new Set<number>();
      for (const offset of offsets) {
        for (const member of segment.members) {
          member.forEach((router, index) => {
            const { rival } = router;
            const own = [...router.addresses, ...(router.optionAddresses ?? [])];
            for (const address of rival === undefined ? own : [...own, rival.address]) {
              const key = addressKey(address);
              const known = places.get(key) ?? new Set<number>();
              known.add(offset + index + 1);
              if (early) known.add(offset + index);
              places.set(key, known);
            }
          });
          next.add(offset + member.length);
        }
      }
      offsets = next;
    }
  }
  return places;
}

function endsOf({ addresses, optionAddresses, answersFrom, errorsFrom }: Host): Uint8Array[] {
  const others = [answersFrom, errorsFrom].filter((address) => address !== undefined);
  return [...addresses, ...(optionAddresses ?? []), ...others];
}

function rivalsOf(network: Network): Map<string, Router[]> {
  const rivals = new Map<string, Router[]>();
  for (const router of allRouters(network)) {
    if (router.rival === undefined) continue;
    const key = addressKey(router.rival.address);
    rivals.set(key, [...(rivals.get(key) ?? []), router]);
  }
  return rivals;
}

export function truthOf(network: Network, policed: PolicedCounts = new Map()): Truth {
  const { target, adversary } = network;
  return {
    udp: protocolTruth(network, 'udp', policed),
    icmp6: protocolTruth(network, 'icmp6', policed),
    tcp: protocolTruth(network, 'tcp', policed),
    places: placesOf(network),
    targetKey: addressKey(target.addresses[0]!),
    endKeys: new Set(endsOf(target).map(addressKey)),
    rivals: rivalsOf(network),
    scrubbers: allRouters(network).filter(({ quote }) => quote.artefact !== 'none').length,
    hidesArrivals: allRouters(network).some(({ returnRules }) =>
      returnRules.some(
        ({ match }) =>
          match === 'answers-to-options' || (match === 'carrying-options' && target.answersWithPdm !== undefined),
      ),
    ),
    knowingForger: adversary.forgedQuotes?.knowsLabel === true,
    fates: (protocol, window) => compareFates(network, protocol, window, policed),
    atProxy: hasProxy(network) ? truthAtProxy(network, policed) : null,
  };
}
