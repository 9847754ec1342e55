/**
 * What happens to packets in a `Network`, worked out from its description without sending any: every way a flow can take, at
 * every time at which something changes, walked rule by rule. Nothing here knows how the program under test judges.
 */
import {
  epochAt,
  matches,
  pathOf,
  type Action,
  type Features,
  type FlowKey,
  type Network,
  type Node,
  type Router,
} from './network.js';
import { Random } from './random.js';

export type SimulatedProtocol = 'udp' | 'icmp6';

export interface Effect {
  readonly kind: 'drop' | 'reject' | 'strip' | 'alter';
  /** The smallest hop limit with which a packet meets it. */
  readonly hopLimit: number;
  /** Place of the router on the way: its number counted from 1, or the target's distance. */
  readonly place: number;
  readonly node: Node;
  readonly action: Action;
  /** Whom it hits: what METHOD §6.12 should find. */
  readonly cause: 'option' | 'size' | 'destination-options' | 'length' | null;
}

export interface ProtocolTruth {
  /** What happens to packets with the option and not to those without it. Empty: nothing of the kind. */
  readonly effects: readonly Effect[];
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
}

export interface Truth {
  readonly udp: ProtocolTruth;
  readonly icmp6: ProtocolTruth;
  /** Hop limits at which a router's address may answer with Time Exceeded, by address as latin1 text of its 16 octets. */
  readonly places: ReadonlyMap<string, ReadonlySet<number>>;
  readonly targetKey: string;
}

export const PDM_FEATURES = { header: true, option: true, headerOctets: 16, longerBy: 16 } as const;
export const PLAIN_FEATURES = { header: false, option: false, headerOctets: 0, longerBy: 0 } as const;

const SAMPLED_FLOWS = 96;

export function addressKey(octets: Uint8Array): string {
  return String.fromCharCode(...octets.subarray(0, 16));
}

interface Walked {
  arrives: number;
  intact: number;
  met: { effect: Omit<Effect, 'cause'>; mass: number; match: Network['target']['rules'][number]['match'] }[];
  /** Smallest hop limit at which everything is surely lost. */
  endsAt: number;
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
): Walked {
  const walked: Walked = { arrives: 0, intact: 0, met: [], endsAt: Infinity };
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
      const hit = mass * rule.share;
      if (action.kind === 'drop' || action.kind === 'reject') {
        walked.met.push({
          effect: { kind: action.kind, hopLimit, place: index + 1, node, action },
          mass: hit,
          match: rule.match,
        });
        if (rule.share >= 1) {
          if (mass >= 1) walked.endsAt = Math.min(walked.endsAt, hopLimit);
          return;
        }
      } else if ((action.kind === 'strip' && features.header) || (action.kind === 'alter' && features.option)) {
        walked.met.push({
          effect: { kind: action.kind, hopLimit, place: index + 1, node, action },
          mass: hit,
          match: rule.match,
        });
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
        if (rule.share >= 1) return;
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

function causeOf(match: Network['target']['rules'][number]['match']): Effect['cause'] {
  switch (match.kind) {
    case 'option':
      return 'option';
    case 'destination-options':
      return 'destination-options';
    case 'header-octets':
      return match.atLeast <= 8 ? 'destination-options' : 'size';
    case 'longer-by':
      return 'length';
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

function protocolTruth(network: Network, protocol: SimulatedProtocol): ProtocolTruth {
  const effects = new Map<string, Effect>();
  const nodeNumbers = new Map<Node, number>();
  const shares: { pdm: number; plain: number; option: number; places: string }[] = [];
  let hopsReport = true;
  for (const nowNs of moments(network)) {
    // The same flows at every moment: a difference is then a change of the network.
    const random = new Random(network.seed, 11);
    const epoch = epochAt(network, nowNs);
    let pdm = 0;
    let plain = 0;
    let option = 0;
    const places = new Set<string>();
    for (let flowNumber = 0; flowNumber < SAMPLED_FLOWS; flowNumber++) {
      const flow: FlowKey = {
        source: network.source,
        target: network.target.addresses[0]!,
        flowLabel: random.word() & 0xfffff,
        protocol: protocol === 'udp' ? 17 : 58,
        ports: random.word(),
        header: false,
      };
      const plainPath = pathOf(epoch, flow);
      const pdmPath = pathOf(epoch, { ...flow, header: true });
      const plainWalk = walk(network, plainPath, PLAIN_FEATURES, protocol, nowNs);
      const pdmWalk = walk(network, pdmPath, PDM_FEATURES, protocol, nowNs);
      plain += plainWalk.arrives / SAMPLED_FLOWS;
      pdm += pdmWalk.arrives / SAMPLED_FLOWS;
      option += pdmWalk.intact / SAMPLED_FLOWS;
      for (const { effect, match } of pdmWalk.met) {
        const alike = matches(match, { ...PLAIN_FEATURES, protocol }) && plainPath.includes(effect.node as Router);
        if (alike || effect.hopLimit >= plainWalk.endsAt) continue;
        if (!nodeNumbers.has(effect.node)) nodeNumbers.set(effect.node, nodeNumbers.size);
        const id = `${effect.kind} ${effect.hopLimit} ${effect.place} ${nodeNumbers.get(effect.node) ?? 0} ${JSON.stringify(effect.action)}`;
        effects.set(id, { ...effect, cause: causeOf(match) });
        places.add(id);
        const before = pdmPath.slice(0, effect.hopLimit - 1);
        if (before.some((router) => !router.silent && (router.reports < 1 || router.quote.artefact !== 'none')))
          hopsReport = false;
      }
    }
    shares.push({ pdm, plain, option, places: [...places].sort().join() });
  }
  // Sums of 1/96 are not exact.
  const exact = (value: number): number => Math.round(value * 1e9) / 1e9;
  const range = (values: number[]): [number, number] => [exact(Math.min(...values)), exact(Math.max(...values))];
  const first = shares[0]!;
  const answers = protocol === 'udp' ? network.target.udp !== 'silent' : network.target.echo === 'replies';
  return {
    effects: [...effects.values()],
    pdmArrives: range(shares.map((share) => share.pdm)),
    plainArrives: range(shares.map((share) => share.plain)),
    optionArrives: range(shares.map((share) => share.option)),
    changing: shares.some(
      (share) => share.pdm !== first.pdm || share.plain !== first.plain || share.places !== first.places,
    ),
    answers,
    hopsReport,
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
            for (const address of router.addresses) {
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

export function truthOf(network: Network): Truth {
  return {
    udp: protocolTruth(network, 'udp'),
    icmp6: protocolTruth(network, 'icmp6'),
    places: placesOf(network),
    targetKey: addressKey(network.target.addresses[0]!),
  };
}
