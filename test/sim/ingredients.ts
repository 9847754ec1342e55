/**
 * What networks have that nobody imagined when the scenarios were written: each by itself, in any mixture, on top of any
 * scenario. An ingredient changes a network that is drawn already; what it means for packets, `truth.ts` works out.
 */
import {
  FULL_QUOTE,
  type Action,
  type Adversary,
  type InsertedHeader,
  type Match,
  type Network,
  type Pointer,
  type Router,
  type Segment,
} from './network.js';
import {
  ANY_OPTIONS,
  DROP,
  routerAddress,
  rule,
  TARGET_ADDRESS,
  type DraftHost,
  type DraftRouter,
  type Mutable,
} from './network-parts.js';
import type { Random } from './random.js';

/** How often each is in a network that has any. */
export const INGREDIENT_CHANCES = {
  /** One of 2–16 members of an equal-cost bundle loses everything, or a part, or is slow; hashes of all kinds. */
  'dead member': 0.08,
  'lossy member': 0.06,
  'slow member': 0.05,
  /** From some router on. */
  'slow options': 0.07,
  'limited target': 0.07,
  'address of several routers': 0.04,
  'loopback for options': 0.04,
  "target's address nearer": 0.04,
  "first router in the target's name": 0.015,
  'addresses that nobody announces': 0.04,
  'target under another name': 0.05,
  'target under another name for options': 0.04,
  'border numbered by its neighbour': 0.05,
  "refused in the target's name": 0.05,
  'shunning firewall': 0.04,
  policer: 0.05,
  'one in ten passes': 0.04,
  'return filter': 0.05,
  'source firewall without state': 0.04,
  'target sends PDM': 0.05,
  proxy: 0.05,
  'scrubbed quotes': 0.05,
  'inserted headers': 0.05,
  'rewritten destinations': 0.05,
  'one router quotes too little': 0.04,
  'odd extension lengths': 0.04,
  'seldom reporting': 0.05,
  'reports no more': 0.05,
  'first router refuses everything': 0.015,
  'own output filter': 0.015,
  'plain filtered': 0.05,
  'input filter of the target': 0.03,
  'rival responder': 0.04,
  'forged quotes': 0.05,
  'ICMPv6 inspection': 0.04,
  'SYN proxy': 0.04,
} as const;

export type Ingredient = keyof typeof INGREDIENT_CHANCES;

export const INGREDIENTS = Object.keys(INGREDIENT_CHANCES) as readonly Ingredient[];

/** Networks without any are what the bars of the scenarios are for. */
const NONE = 0.3;

export function drawIngredients(random: Random): Ingredient[] {
  if (random.chance(NONE)) return [];
  return INGREDIENTS.filter((ingredient) => random.chance(INGREDIENT_CHANCES[ingredient]));
}

/** A network that is still being made. `routers` are those of the ordinary way, in order, whatever the segments. */
export interface Mixture {
  readonly random: Random;
  readonly routers: readonly DraftRouter[];
  readonly target: DraftHost;
  segments: readonly Mutable<Segment>[];
  adversary: Adversary;
  sendFailures: Network['sendFailures'];
  readonly makeRouter: (asn: number) => DraftRouter;
}

export function addIngredient(mixture: Mixture, ingredient: Ingredient): void {
  ADD[ingredient](mixture);
}

const BUNDLE_HASHES = [
  'flow-label',
  'flow+next-header',
  'flow+next-header',
  'addresses+next-header',
  'addresses',
  'ports-or-addresses',
] as const;

function somewhere({ random, routers }: Mixture, from = 0): DraftRouter {
  return routers[random.integer(Math.min(from, routers.length - 1), routers.length - 1)]!;
}

/** Routers in a row, at most `most` of them. */
function stretch({ random, routers }: Mixture, most: number): DraftRouter[] {
  const from = random.integer(0, routers.length - 1);
  return routers.slice(from, from + random.integer(1, most));
}

/** The last routers before the target, and now and then all. */
function end({ random, routers }: Mixture, most: number): DraftRouter[] {
  return routers.slice(Math.max(0, routers.length - random.integer(1, most)));
}

function ownAddress(mixture: Mixture, asn: number): Uint8Array {
  return mixture.makeRouter(asn).addresses[0]!;
}

/** An address in the target's network that is not the target's. */
function besideTarget(random: Random): Uint8Array {
  const address = TARGET_ADDRESS.slice();
  address[7] = random.integer(0, 1);
  address[15] = random.integer(0x60, 0xff);
  return address;
}

/** Puts a router into a bundle of equals, the last of which `breakIt` breaks. */
function bundle(mixture: Mixture, breakIt: (router: DraftRouter) => void): void {
  const { random, segments } = mixture;
  const places = segments.flatMap(({ members }, segment) =>
    members.length === 1 ? members[0]!.map((router, index) => ({ segment, index, router })) : [],
  );
  const unruled = places.filter(({ router }) => router.rules.length + router.returnRules.length === 0);
  if (places.length === 0) return;
  const { segment, index, router } = random.pick(unruled.length > 0 ? unruled : places);
  const count = random.pick([2, 2, 3, 4, 4, 8, 16]);
  const others = Array.from({ length: count - 1 }, () => {
    const other = mixture.makeRouter(router.asn);
    other.delayMs = router.delayMs;
    other.silent = random.chance(0.1);
    return other;
  });
  breakIt(others.at(-1)!);
  const members: (readonly Router[])[] = [[router], ...others.map((other) => [other])];
  // Which member the address alone chooses is a matter of the hash: all are equal but for the broken one.
  const hash = random.pick(BUNDLE_HASHES);
  const old = segments[segment]!;
  const way = old.members[0]!;
  const single = (routers: readonly Router[]): Segment => ({ ...old, members: [routers] });
  mixture.segments = [
    ...segments.slice(0, segment),
    single(way.slice(0, index)),
    { members, hash, headerMember: null, salt: random.word() },
    single(way.slice(index + 1)),
    ...segments.slice(segment + 1),
  ];
}

const ADD: Readonly<Record<Ingredient, (mixture: Mixture) => void>> = {
  'dead member': (mixture) => {
    const stage = mixture.random.chance(0.5) ? 'forward' : 'ingress';
    bundle(mixture, (router) => router.rules.push(rule(stage, { kind: 'everything' }, DROP)));
  },
  'lossy member': (mixture) => {
    const share = mixture.random.pick([0.2, 0.4, 0.6, 0.6, 0.9]);
    bundle(mixture, (router) => router.rules.push(rule('forward', { kind: 'everything' }, DROP, { share })));
  },
  'slow member': (mixture) => {
    bundle(mixture, (router) => (router.delayMs += mixture.random.pick([1, 5, 20, 100, 300])));
  },
  'slow options': (mixture) => {
    const { random } = mixture;
    const ms = random.pick([1, 2, 5, 20, 80, 200]);
    somewhere(mixture).optionDelay = { ms, jitterMs: random.chance(0.5) ? ms * random.between(0.05, 1) : 0 };
  },
  'limited target': ({ random, target }) => {
    target.bucket = { burst: random.integer(1, 10), perSecond: random.pick([1, 2, 4, 10]), crossTraffic: 0 };
    target.echo = random.chance(0.5) ? 'silent' : target.echo;
  },
  'address of several routers': (mixture) => {
    const routers = stretch(mixture, 5);
    const apart = mixture.random.chance(0.5) ? [...routers, somewhere(mixture)] : routers;
    // Where only one of them ever answered, nobody could know.
    for (const router of apart) Object.assign(router, { addresses: [apart[0]!.addresses[0]!], silent: false });
  },
  'loopback for options': (mixture) => {
    for (const router of stretch(mixture, 4)) router.optionAddresses = [ownAddress(mixture, router.asn)];
  },
  "target's address nearer": (mixture) => {
    somewhere(mixture).addresses = [TARGET_ADDRESS];
  },
  "first router in the target's name": ({ random, routers }) => {
    const match = random.pick<Match>([{ kind: 'everything' }, { kind: 'protocol', protocol: 'udp' }]);
    const code = random.pick([0, 1, 3, 4]);
    routers[0]!.rules.push(
      rule('forward', match, { kind: 'reject', type: 1, code, pointer: 'none', inTargetsName: true }),
    );
  },
  'addresses that nobody announces': (mixture) => {
    const { random } = mixture;
    for (const router of stretch(mixture, 6)) {
      const address = router.addresses[0]!.slice();
      address.set([0xfd, 0, 0, random.integer(0, 3)]);
      router.addresses = [address];
      router.addressAsn = null;
    }
  },
  'target under another name': ({ random, target }) => {
    target.answersFrom = besideTarget(random);
  },
  'target under another name for options': ({ random, target }) => {
    target.optionAddresses = [besideTarget(random)];
  },
  'border numbered by its neighbour': (mixture) => {
    const { random, routers } = mixture;
    const borders = routers.flatMap((router, index) =>
      index > 0 && router.asn !== routers[index - 1]!.asn ? [index] : [],
    );
    if (borders.length === 0) return;
    const border = random.pick(borders);
    const [near, far] = [routers[border - 1]!, routers[border]!];
    const [numbered, owner] = random.chance(0.7) ? [far, near] : [near, far];
    numbered.addresses = [ownAddress(mixture, owner.asn)];
    numbered.addressAsn = owner.asn;
  },
  "refused in the target's name": (mixture) => {
    const { random } = mixture;
    const [type, code, pointer] = random.pick([
      [1, 1, 'none'],
      [1, 4, 'none'],
      [4, 2, 'option'],
    ] as const satisfies readonly (readonly [number, number, Pointer])[]);
    const action: Action = { kind: 'reject', type, code, pointer, inTargetsName: true };
    somewhere(mixture).rules.push(rule('forward', ANY_OPTIONS, action));
  },
  'shunning firewall': (mixture) => {
    const { random, target } = mixture;
    const node = random.chance(0.2) ? target : somewhere(mixture);
    const stage = node === target || random.chance(0.5) ? 'ingress' : 'forward';
    node.shun = { stage, after: random.pick([1, 2, 5, 10]), seconds: random.pick([10, 30, 60, 300, 1e6]) };
  },
  policer: (mixture) => {
    const { random } = mixture;
    const limit = {
      burst: random.integer(1, 20),
      perSecond: random.pick([0.2, 1, 2, 5, 10]),
      crossTraffic: random.chance(0.3) ? random.between(0.5, 20) : 0,
    };
    somewhere(mixture).rules.push({ ...rule('forward', ANY_OPTIONS, DROP), limit });
  },
  'one in ten passes': (mixture) => {
    somewhere(mixture).rules.push(rule('forward', ANY_OPTIONS, DROP, { share: 0.9 }));
  },
  'return filter': (mixture) => {
    somewhere(mixture).returnRules.push({ match: 'errors-quoting-options', share: 1 });
    if (mixture.random.chance(0.4)) mixture.target.echo = 'silent';
  },
  'source firewall without state': ({ random, routers }) => {
    routers[random.integer(0, Math.min(1, routers.length - 1))]!.returnRules.push({
      match: 'answers-to-options',
      // One of several firewalls, or one that loses its patience now and then.
      share: random.chance(0.5) ? 1 : random.pick([0.3, 0.5, 0.7, 0.9, 0.97]),
    });
  },
  'target sends PDM': (mixture) => {
    const { random, target } = mixture;
    target.answersWithPdm = random.chance(0.7) ? 'to-pdm' : 'always';
    if (random.chance(0.6)) somewhere(mixture).returnRules.push({ match: 'carrying-options', share: 1 });
  },
  proxy: (mixture) => {
    const { random, target } = mixture;
    const protocol: Match = { kind: 'protocol', protocol: random.chance(0.65) ? 'icmp6' : 'udp' };
    const match: Match = random.chance(0.6) ? { kind: 'every', of: [protocol, { kind: 'bare' }] } : protocol;
    const udp = random.pick(['port-unreachable', 'echoes', 'fixed-answer'] as const);
    const router = somewhere(mixture);
    router.rules.push(rule('forward', match, { kind: 'answer', udp }));
    if (random.chance(0.3)) router.rules.push(rule('forward', ANY_OPTIONS, DROP));
    if (random.chance(0.5)) target.rules.push(rule('local', { kind: 'everything' }, DROP));
  },
  /** What looks into ICMPv6 alone: it takes echo requests with options, errors that quote them, or both. */
  'ICMPv6 inspection': (mixture) => {
    const { random } = mixture;
    const router = somewhere(mixture);
    const echoWithOptions: Match = { kind: 'every', of: [{ kind: 'protocol', protocol: 'icmp6' }, ANY_OPTIONS] };
    const share = random.chance(0.7) ? 1 : random.pick([0.3, 0.6, 0.9]);
    const takes = random.pick(['echo', 'errors', 'both', 'both'] as const);
    if (takes !== 'errors') router.rules.push(rule('forward', echoWithOptions, DROP, { share }));
    if (takes !== 'echo') router.returnRules.push({ match: 'errors-quoting-options', share });
  },
  /** Takes connections in, with cookies, and hands on what it does not know to a target that may take no segments at all. */
  'SYN proxy': (mixture) => {
    const { random, target } = mixture;
    const ofTcp: Match = { kind: 'protocol', protocol: 'tcp' };
    const match: Match = random.chance(0.7) ? { kind: 'every', of: [ofTcp, { kind: 'bare' }] } : ofTcp;
    const action: Action = { kind: 'answer', udp: 'port-unreachable', syn: 'acknowledges' };
    const isAtTarget = random.chance(0.4);
    if (isAtTarget) target.rules.unshift(rule('local', match, { ...action, isTheEnd: true }));
    else somewhere(mixture).rules.push(rule('forward', match, action));
    if (isAtTarget || random.chance(0.4)) target.rules.push(rule('local', ofTcp, DROP));
    if (random.chance(0.4)) somewhere(mixture).returnRules.push({ match: 'errors-quoting-options', share: 1 });
  },
  'scrubbed quotes': (mixture) => {
    const artefact = mixture.random.pick(['stripped', 'altered'] as const);
    for (const router of end(mixture, 4)) router.quote = { ...router.quote, artefact };
  },
  'inserted headers': (mixture) => {
    const { random } = mixture;
    const kinds = ['hop-by-hop', 'routing', 'authentication', 'destination-options'] as const;
    const inserted: InsertedHeader[] = [random.pick(kinds)];
    if (random.chance(0.2)) inserted.push(random.pick(kinds));
    for (const router of stretch(mixture, 6)) router.quote = { ...router.quote, inserted };
  },
  'rewritten destinations': (mixture) => {
    const { random, target } = mixture;
    const to = random.chance(0.5) ? ownAddress(mixture, target.asn) : Uint8Array.of(0xfd, ...random.octets(15));
    const destination = { to, checksum: random.chance(0.6) ? 'updated' : 'as-sent' } as const;
    const cut = random.chance(0.3) ? { octets: random.pick([8, 28]), flowLabel: 0 } : {};
    const untilTarget = random.chance(0.5);
    for (const router of untilTarget ? end(mixture, 8) : stretch(mixture, 6))
      router.quote = { ...router.quote, destination, ...cut };
    if (untilTarget) target.quote = { ...target.quote, destination, ...cut };
  },
  'one router quotes too little': (mixture) => {
    somewhere(mixture).quote = { ...FULL_QUOTE, octets: mixture.random.integer(0, 6) };
  },
  'odd extension lengths': (mixture) => {
    const { random } = mixture;
    for (const router of stretch(mixture, 5)) {
      const extensions = random.pick(['octets', 'unaligned'] as const);
      const objects = random.pick([['mpls'], ['node-id', 'mpls'], ['unknown'], ['interface', 'unknown']] as const);
      router.quote = { ...router.quote, extensions, objects };
    }
  },
  'seldom reporting': (mixture) => {
    const { random } = mixture;
    const reports = random.pick([0.05, 0.2, 0.5, 0.8]);
    for (const router of random.chance(0.5) ? end(mixture, 6) : stretch(mixture, 6)) router.reports = reports;
  },
  'reports no more': (mixture) => {
    const { random } = mixture;
    const reportsUntilNs = random.between(0.2, 8) * 1e9;
    for (const router of random.chance(0.5) ? end(mixture, 6) : stretch(mixture, 6))
      router.reportsUntilNs = reportsUntilNs;
  },
  'first router refuses everything': ({ random, routers }) => {
    const code = random.pick([0, 1, 3, 5]);
    routers[0]!.rules.push(rule('forward', { kind: 'everything' }, { kind: 'reject', type: 1, code, pointer: 'none' }));
  },
  'own output filter': (mixture) => {
    mixture.sendFailures = { share: 1, code: 'EPERM', only: 'options' };
  },
  'plain filtered': (mixture) => {
    const share = mixture.random.pick([1, 1, 0.9, 0.5, 0.3]);
    somewhere(mixture, 1).rules.push(rule('forward', { kind: 'bare' }, DROP, { share }));
  },
  'input filter of the target': ({ random, target }) => {
    const match = random.pick<Match>([ANY_OPTIONS, { kind: 'option' }, { kind: 'everything' }, { kind: 'bare' }]);
    target.rules.push(rule('local', match, DROP, { share: random.pick([1, 1, 0.5]) }));
  },
  'rival responder': (mixture) => {
    const { random } = mixture;
    const router = somewhere(mixture);
    // Who is alone there is no rival.
    Object.assign(router, { silent: false, bucket: null, reports: 1 });
    const asn = random.integer(0x1f0, 0x1ff);
    router.rival = { address: routerAddress(asn, 0x99), asn, share: random.pick([1, 1, 0.5, 0.1]) };
  },
  'forged quotes': (mixture) => {
    const { random } = mixture;
    const forgedQuotes = { count: random.pick([1, 1, 3, 10]), knowsLabel: random.chance(0.4) };
    mixture.adversary = { ...mixture.adversary, forgedQuotes };
  },
};
