/** Seeded random networks: one thing that may happen to packets with the option, under everything that makes it hard to see. */
import type { LossModel } from './loss-process.js';
import {
  FULL_QUOTE,
  PEACE,
  type Action,
  type Adversary,
  type Match,
  type Network,
  type Pointer,
  type QuoteStyle,
  type Rule,
  type Segment,
} from './network.js';
import { addIngredient, drawIngredients, type Ingredient, type Mixture } from './ingredients.js';
import {
  ANY_OPTIONS,
  DROP,
  plainRouter,
  plainTarget,
  routerAddress,
  rule,
  SOURCE_ADDRESS,
  type DraftRouter,
  type Mutable,
} from './network-parts.js';
import { sumOf } from './packet.js';
import { Random } from './random.js';
import type { BucketModel } from './token-bucket.js';
import type { Profile } from './simulated-transport.js';

/** The rows of the table of outcomes, with how often each is drawn. */
export const SCENARIO_WEIGHTS = {
  'nothing happens': 16,
  'forward filter drops': 10,
  'ingress filter drops': 6,
  'option 0x0f is dropped': 5,
  'headers of 16 octets are dropped': 3,
  'longer packets are dropped': 2,
  'the host drops': 5,
  'refused 1/0-1/6 by a router': 6,
  'refused 4/2 or 4/1': 3,
  'refused as in RFC 8883': 3,
  'the host refuses': 2,
  'partial drop': 5,
  'partial refusal': 2,
  stripped: 4,
  altered: 4,
  'quoting artefact': 4,
  'NAT66, delivered': 3,
  'NAT66, dropped beyond': 3,
  'labels rewritten': 3,
  'return path filter': 6,
  'diverging, delivered': 4,
  'diverging, dropped': 4,
  'dead equal-cost member': 6,
  'path changes': 4,
  'path changes under a drop': 3,
  'drop begins': 3,
  'drop ends': 2,
  'outage begins': 2,
  'silent target, delivered': 4,
  'silent target, dropped': 4,
  'silent target, last networks do not report': 5,
  'firewall against both': 3,
  'firewall against plain': 1,
  'target answers late': 2,
  'receiver loses packets': 1,
  'sends fail': 1,
} as const;

export type Scenario = keyof typeof SCENARIO_WEIGHTS;

export interface GeneratedNetwork {
  readonly scenario: Scenario;
  /** What there is besides, by name. */
  readonly ingredients: readonly Ingredient[];
  readonly network: Network;
  readonly profile: Profile;
}

export function drawScenario(random: Random): Scenario {
  const entries = Object.entries(SCENARIO_WEIGHTS) as [Scenario, number][];
  let left = random.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [scenario, weight] of entries) {
    left -= weight;
    if (left < 0) return scenario;
  }
  return 'nothing happens';
}

/**
 * Draws one network. The same seed gives the same network, whatever the program under test does. Ingredients are drawn as
 * well unless they are given; a scenario that is asked for by name comes without any.
 */
export function generateNetwork(
  seed: number,
  forced?: Scenario,
  ingredients: readonly Ingredient[] | 'drawn' = forced === undefined ? 'drawn' : [],
): GeneratedNetwork {
  const random = new Random(seed, 1);
  const drawn = drawScenario(random);
  const stirring = new Random(seed, 23);
  const chosen = ingredients === 'drawn' ? drawIngredients(stirring) : ingredients;
  return new Draft(seed, forced ?? drawn, random).finish(chosen, stirring);
}

class Draft {
  readonly #random: Random;
  readonly #routers: DraftRouter[] = [];
  readonly #target = plainTarget();
  readonly #seed: number;
  readonly #scenario: Scenario;
  #numbers = 1;
  /** Routers of alternative ways that are not in `#routers`. */
  readonly #others: DraftRouter[] = [];
  #segments: Mutable<Segment>[] = [];
  #later: { fromNs: number; segments: Segment[] } | null = null;
  #adversary: Adversary = PEACE;
  #sendFailures = { share: 0, code: 'EPERM' };
  #kernelDrops = 0;

  constructor(seed: number, scenario: Scenario, random: Random) {
    this.#seed = seed;
    this.#scenario = scenario;
    this.#random = random;
  }

  finish(ingredients: readonly Ingredient[], stirring: Random): GeneratedNetwork {
    this.#layOut();
    this.#conditions(this.#routers);
    this.#drawTarget();
    this.#segments = [{ members: [this.#routers], hash: 'flow-label', headerMember: null, salt: this.#random.word() }];
    this.#happen();
    this.#equalCost();
    this.#lossyLinks();
    this.#adversaries();
    const mixed: Mixture = {
      random: stirring,
      routers: this.#routers,
      target: this.#target,
      segments: this.#segments,
      adversary: this.#adversary,
      sendFailures: this.#sendFailures,
      makeRouter: (asn) => this.#router(asn),
    };
    for (const ingredient of ingredients) addIngredient(mixed, ingredient);
    const ofTcp = new Random(this.#seed, 31);
    this.#target.tcp = ofTcp.chance(0.5) ? 'resets' : ofTcp.chance(0.4) ? 'serves' : 'silent';
    this.#segmentsToRouters([...mixed.segments, ...(this.#later?.segments ?? [])]);
    const network: Network = {
      seed: this.#seed,
      source: SOURCE_ADDRESS,
      target: this.#target,
      epochs: [{ fromNs: 0, segments: mixed.segments }, ...(this.#later === null ? [] : [this.#later])],
      adversary: mixed.adversary,
      sendFailures: mixed.sendFailures,
      kernelDrops: this.#kernelDrops,
    };
    return {
      scenario: this.#scenario,
      ingredients,
      network,
      profile: this.#random.chance(0.5) ? 'raw-socket' : 'packet-socket',
    };
  }

  #router(asn: number): DraftRouter {
    return { ...plainRouter(asn, this.#numbers++), rules: [], returnRules: [] };
  }

  /** Networks of one to five routers in a row. */
  #layOut(): void {
    const random = this.#random;
    const count = random.integer(3, 16);
    let asn = random.integer(1, 0x0f0);
    while (this.#routers.length < count) {
      for (let left = random.integer(1, 5); left > 0 && this.#routers.length < count; left--)
        this.#routers.push(this.#router(asn));
      asn += random.integer(1, 3);
    }
    const last = this.#routers.at(-1)!;
    this.#target.asn = last.asn;
    const longHaul = random.integer(0, count - 1);
    this.#routers.forEach((router, index) => {
      router.delayMs = index === longHaul ? random.between(5, 60) : random.between(0.05, 4);
      router.jitterMs = random.chance(0.2) ? random.between(0.5, 5) : random.between(0.01, 0.3);
    });
  }

  #drawTarget(): void {
    const random = this.#random;
    const target = this.#target;
    const draw = random.unit();
    target.udp =
      draw < 0.68
        ? 'port-unreachable'
        : draw < 0.84
          ? 'silent'
          : draw < 0.9
            ? 'prohibited'
            : draw < 0.96
              ? 'echoes'
              : 'fixed-answer';
    target.echo = random.chance(0.8) ? 'replies' : 'silent';
    target.ownHopLimit = random.pick([64, 64, 128, 255]);
    target.bucket = random.pick([
      null,
      null,
      { burst: 10, perSecond: 10, crossTraffic: 0 },
      { burst: 6, perSecond: 1, crossTraffic: 0 },
    ]);
    if (random.chance(0.1)) target.quote = { ...FULL_QUOTE, octets: random.pick([8, 88]) };
    if (this.#scenario.startsWith('silent target')) {
      target.udp = 'silent';
      target.echo = 'silent';
    }
  }

  /** What routers are like, apart from what they do to packets with the option. */
  #conditions(routers: readonly DraftRouter[]): void {
    const random = this.#random;
    const silentShare = random.chance(0.4) ? 0 : random.between(0, 0.4);
    const limit = random.pick<BucketModel | 'mixed' | null>([
      null,
      null,
      { burst: 6, perSecond: 1, crossTraffic: 0 },
      { burst: 10, perSecond: 10, crossTraffic: 0 },
      { burst: 10, perSecond: 10, crossTraffic: 8 },
      'mixed',
    ]);
    const mixture = [
      null,
      { burst: 6, perSecond: 1, crossTraffic: 0 },
      { burst: 6, perSecond: 10, crossTraffic: 0 },
      { burst: 10, perSecond: 10, crossTraffic: 0 },
      { burst: 50, perSecond: 100, crossTraffic: 90 },
      { burst: 10, perSecond: 10, crossTraffic: 12 },
    ];
    const mutedAs = random.chance(0.15) ? random.pick(routers).asn : -1;
    const halfShare = random.chance(0.2) ? random.between(0.1, 0.6) : 0;
    const neverShare = random.chance(0.15) ? random.between(0.1, 0.6) : 0;
    const shortQuotes = random.chance(0.3);
    const extensions = random.chance(0.2);
    for (const router of routers) {
      router.silent = random.chance(silentShare);
      router.bucket = limit === 'mixed' ? random.pick(mixture) : limit;
      if (router.asn === mutedAs || random.chance(neverShare)) router.reports = 0;
      else if (random.chance(halfShare)) router.reports = 0.5;
      const quote: Mutable<QuoteStyle> = { ...FULL_QUOTE };
      if (shortQuotes) quote.octets = random.pick([8, 8, 28, 88, 1192]);
      if (random.chance(0.1)) quote.hopLimit = random.pick([0, 0, 2, 64, 255]);
      if (extensions && random.chance(0.5)) {
        quote.extensions = random.chance(0.75) ? 'compliant' : 'legacy';
        quote.objects = random.pick([['mpls'], ['interface'], ['mpls', 'interface']] as const);
      }
      router.quote = quote;
      router.ownHopLimit = random.pick([64, 255, 255]);
      if (random.chance(0.1)) router.slowJitterMs = random.between(20, 200);
      if (random.chance(0.01)) router.slowMs = random.between(1500, 3000);
      if (random.chance(0.05)) router.addresses = [router.addresses[0]!, this.#router(router.asn).addresses[0]!];
    }
    if (random.chance(0.05) && routers.length > 3)
      routers[random.integer(0, routers.length - 3)]!.forwardsExpired = true;
  }

  #happen(): void {
    const random = this.#random;
    const routers = this.#routers;
    const target = this.#target;
    const anywhere = (from = 0): DraftRouter =>
      routers[random.integer(Math.min(from, routers.length - 1), routers.length - 1)]!;
    const dropAnywhere = (match: Match, when?: Partial<Rule>): void => {
      anywhere().rules.push(rule(random.chance(0.6) ? 'forward' : 'ingress', match, DROP, when));
    };
    const soon = (): number => random.between(0.3, 8) * 1e9;
    switch (this.#scenario) {
      case 'nothing happens':
      case 'silent target, delivered':
        break;
      case 'forward filter drops':
        anywhere().rules.push(rule('forward', ANY_OPTIONS, DROP));
        break;
      case 'ingress filter drops':
        anywhere().rules.push(rule('ingress', ANY_OPTIONS, DROP));
        break;
      case 'option 0x0f is dropped':
        dropAnywhere({ kind: 'option' });
        break;
      case 'headers of 16 octets are dropped':
        dropAnywhere({ kind: 'header-octets', atLeast: 16 });
        break;
      case 'longer packets are dropped':
        dropAnywhere({ kind: 'longer-by', atLeast: random.pick([1, 9, 16]) });
        break;
      case 'silent target, dropped':
        dropAnywhere(ANY_OPTIONS);
        break;
      case 'the host drops':
        target.rules.push(rule('local', random.pick<Match>([ANY_OPTIONS, { kind: 'option' }]), DROP));
        break;
      case 'refused 1/0-1/6 by a router':
        this.#refuse(1, random.pick([0, 1, 1, 3, 4, 5, 6]), 'none');
        break;
      case 'refused 4/2 or 4/1':
        if (random.chance(0.5)) this.#refuse(4, 2, 'option');
        else this.#refuse(4, 1, random.pick<Pointer>(['next-header', 'upper-layer']));
        break;
      case 'refused as in RFC 8883':
        if (random.chance(0.4)) this.#refuse(1, 8, 'header');
        else this.#refuse(4, random.integer(5, 10), random.pick<Pointer>(['header', 'option']));
        break;
      case 'the host refuses':
        target.rules.push(rule('local', { kind: 'option' }, { kind: 'reject', type: 4, code: 2, pointer: 'option' }));
        break;
      case 'partial drop':
        dropAnywhere(ANY_OPTIONS, { share: random.pick([0.1, 0.3, 0.5, 0.7, 0.9, 0.97]) });
        break;
      case 'partial refusal':
        anywhere().rules.push(
          rule(
            'forward',
            ANY_OPTIONS,
            { kind: 'reject', type: 1, code: 1, pointer: 'none' },
            { share: random.pick([0.2, 0.5, 0.8]) },
          ),
        );
        break;
      case 'stripped':
        anywhere().rules.push(rule(random.chance(0.7) ? 'forward' : 'ingress', ANY_OPTIONS, { kind: 'strip' }));
        break;
      case 'altered': {
        const what = random.pick(['type', 'sequence', 'zeroed', 'last-octet'] as const);
        anywhere().rules.push(rule('forward', { kind: 'option' }, { kind: 'alter', what }));
        break;
      }
      case 'quoting artefact':
        this.#artefacts();
        break;
      case 'NAT66, delivered':
        this.#translate();
        break;
      case 'NAT66, dropped beyond': {
        const at = this.#translate();
        routers[random.integer(at, routers.length - 1)]!.rules.push(rule('forward', ANY_OPTIONS, DROP));
        target.quote = FULL_QUOTE;
        break;
      }
      case 'labels rewritten':
        anywhere().rules.push(
          rule('forward', { kind: 'everything' }, { kind: 'set-flow-label', flowLabel: random.pick([0, 0x12345]) }),
        );
        anywhere().rules.push(
          rule(
            'ingress',
            { kind: 'everything' },
            { kind: 'set-traffic-class', trafficClass: random.pick([0x20, 0xb8]) },
          ),
        );
        break;
      case 'return path filter':
        // The target answers echo: the evidence of METHOD: dropped, the way back, exists.
        target.echo = 'replies';
        anywhere().returnRules.push({ match: 'errors-quoting-options', share: 1 });
        break;
      case 'diverging, delivered':
        this.#diverge(false);
        break;
      case 'diverging, dropped':
        this.#diverge(true);
        break;
      case 'dead equal-cost member':
        this.#deadMember();
        break;
      case 'path changes':
        this.#reroute(soon());
        break;
      case 'path changes under a drop':
        this.#reroute(soon());
        routers.at(-1)!.rules.push(rule('forward', ANY_OPTIONS, DROP));
        break;
      case 'drop begins':
        dropAnywhere(ANY_OPTIONS, { fromNs: soon() });
        break;
      case 'drop ends':
        dropAnywhere(ANY_OPTIONS, { untilNs: soon() });
        break;
      case 'outage begins':
        dropAnywhere({ kind: 'everything' }, { fromNs: soon() });
        break;
      case 'silent target, last networks do not report': {
        const from = random.integer(Math.floor(routers.length / 2), routers.length - 1);
        for (const router of routers.slice(from)) router.reports = 0;
        break;
      }
      case 'firewall against both': {
        const action: Action = random.chance(0.5) ? DROP : { kind: 'reject', type: 1, code: 1, pointer: 'none' };
        anywhere(1).rules.push(
          rule('forward', random.pick<Match>([{ kind: 'everything' }, { kind: 'protocol', protocol: 'udp' }]), action),
        );
        break;
      }
      case 'firewall against plain':
        // A filter that does not look behind extension headers lets through what it should stop.
        anywhere(1).rules.push(rule('forward', { kind: 'bare' }, DROP));
        break;
      case 'target answers late':
        target.slowMs = random.between(1800, 3500);
        target.slowJitterMs = random.between(1, 500);
        break;
      case 'receiver loses packets':
        this.#kernelDrops = random.between(0.01, 0.2);
        break;
      case 'sends fail':
        this.#sendFailures = random.chance(0.3)
          ? { share: 1, code: random.pick(['ENETUNREACH', 'EPERM']) }
          : { share: random.between(0.02, 0.4), code: 'ENOBUFS' };
        break;
    }
  }

  #refuse(type: number, code: number, pointer: Pointer): void {
    const random = this.#random;
    const router = random.pick(this.#routers);
    router.rules.push(
      rule(random.chance(0.7) ? 'forward' : 'ingress', ANY_OPTIONS, { kind: 'reject', type, code, pointer }),
    );
  }

  /** Quotes that show a change which the packet did not suffer; routers beyond show it whole. */
  #artefacts(): void {
    const random = this.#random;
    const routers = this.#routers;
    const artefact = random.pick(['stripped', 'altered'] as const);
    const count = routers.length > 5 ? random.integer(1, 2) : 1;
    const from = random.integer(0, routers.length - count - 2 < 0 ? 0 : routers.length - count - 2);
    routers.forEach((router, index) => {
      if (index >= from && index < from + count) {
        router.quote = { ...router.quote, artefact };
        router.silent = false;
      } else if (index >= from + count) {
        // Enough of the rest must speak, or nobody could know.
        router.silent = false;
        router.reports = 1;
        router.bucket = null;
        router.slowMs = 0.2;
      }
    });
    if (count > 1) this.#target.quote = FULL_QUOTE;
  }

  /** Gives the index of the translator. */
  #translate(): number {
    const random = this.#random;
    const at = random.integer(0, Math.max(0, this.#routers.length - 3));
    const to = routerAddress(0x0ee, 0x77);
    const checksum = random.pick(['updated', 'neutral'] as const);
    if (checksum === 'neutral') {
      // RFC 6296 §3.4: one word makes up for the difference, so that checksums stay right.
      to[6] = 0;
      to[7] = 0;
      const fold = (sum: number): number => sum % 0xffff;
      const difference = (fold(sumOf(SOURCE_ADDRESS, 0, 16)) - fold(sumOf(to, 0, 16)) + 0xffff) % 0xffff;
      to[6] = difference >> 8;
      to[7] = difference & 0xff;
    }
    this.#routers[at]!.rules.push(
      rule(
        'forward',
        { kind: 'everything' },
        { kind: 'translate', to, checksum, translatesQuotes: random.chance(0.6) },
      ),
    );
    return at;
  }

  /** Splits the way: packets with the header take other routers from some hop on, for a while or to the end. */
  #diverge(dropped: boolean): void {
    const random = this.#random;
    const routers = this.#routers;
    const from = random.integer(0, routers.length - 2);
    const to = random.integer(from + 1, routers.length);
    const own = routers.slice(from, to);
    const asn = own[0]!.asn;
    const branch = Array.from({ length: Math.max(1, own.length + random.integer(-1, 3)) }, () => this.#router(asn));
    if (!dropped) this.#conditions(branch);
    for (const router of branch) router.delayMs = random.between(0.1, 5);
    this.#others.push(...branch);
    if (dropped) {
      // Routers of the other way answer: a longer way that nobody can see could not be told from the shorter one.
      random.pick(branch).rules.push(rule(random.chance(0.5) ? 'forward' : 'ingress', ANY_OPTIONS, DROP));
    }
    const salt = random.word();
    this.#segments = [
      { members: [routers.slice(0, from)], hash: 'flow-label', headerMember: null, salt },
      { members: [own, branch], hash: 'none', headerMember: 1, salt },
      { members: [routers.slice(to)], hash: 'flow-label', headerMember: null, salt },
    ];
  }

  #deadMember(): void {
    const random = this.#random;
    const routers = this.#routers;
    const at = random.integer(0, routers.length - 1);
    const count = random.pick([3, 4, 4, 4, 8]);
    const members = [[routers[at]!], ...Array.from({ length: count - 1 }, () => [this.#router(routers[at]!.asn)])];
    members.at(-1)![0]!.rules.push(rule(random.chance(0.5) ? 'forward' : 'ingress', ANY_OPTIONS, DROP));
    this.#segments = [
      { members: [routers.slice(0, at)], hash: 'flow-label', headerMember: null, salt: 0 },
      {
        members,
        hash: random.pick(['flow-label', 'flow-label', 'ports-deep', 'label-and-ports', 'ports'] as const),
        headerMember: null,
        salt: random.word(),
      },
      { members: [routers.slice(at + 1)], hash: 'flow-label', headerMember: null, salt: 0 },
    ];
  }

  #reroute(fromNs: number): void {
    const random = this.#random;
    const routers = this.#routers;
    const from = random.integer(0, routers.length - 1);
    const to = random.integer(from, routers.length - 1);
    const fresh = Array.from({ length: Math.max(0, to - from + random.integer(-1, 3)) }, () =>
      this.#router(routers[from]!.asn),
    );
    if (fresh.length > 0) this.#conditions(fresh);
    this.#others.push(...fresh);
    const changed = [...routers.slice(0, from), ...fresh, ...routers.slice(to)];
    this.#later = { fromNs, segments: [{ members: [changed], hash: 'flow-label', headerMember: null, salt: 1 }] };
  }

  /** Ordinary load balancing somewhere on an ordinary way. */
  #equalCost(): void {
    const random = this.#random;
    if (this.#segments.length > 1 || this.#later !== null || !random.chance(0.3)) return;
    const routers = this.#routers;
    const unruled = routers.flatMap((router, index) =>
      router.rules.length + router.returnRules.length === 0 && router.quote.artefact === 'none' ? [index] : [],
    );
    if (unruled.length === 0) return;
    const at = random.pick(unruled);
    const count = random.integer(2, 4);
    const unequal = random.chance(0.3);
    const members = [[routers[at]!]];
    for (let i = 1; i < count; i++) {
      members.push(Array.from({ length: unequal ? random.integer(1, 3) : 1 }, () => this.#router(routers[at]!.asn)));
    }
    this.#conditions(members.slice(1).flat());
    if (unequal) {
      // A way of another length that nobody reports could not be seen by anyone.
      for (const router of members.flat())
        Object.assign(router, { silent: false, reports: 1, bucket: null, slowMs: 0.2 });
    }
    for (const router of members.flat()) router.forwardsExpired = false;
    this.#others.push(...members.slice(1).flat());
    this.#segments = [
      { members: [routers.slice(0, at)], hash: 'flow-label', headerMember: null, salt: 0 },
      {
        members,
        hash: random.pick(['flow-label', 'ports', 'ports-deep', 'label-and-ports'] as const),
        headerMember: null,
        salt: random.word(),
      },
      { members: [routers.slice(at + 1)], hash: 'flow-label', headerMember: null, salt: 0 },
    ];
  }

  /** Routers that answer no SYN: none on the way, all of them, or one in two. */
  #segmentsToRouters(segments: readonly Segment[]): void {
    const random = new Random(this.#seed, 32);
    const share = random.pick([0, 0, 0.5, 1]);
    for (const router of segments.flatMap(({ members }) => members.flat()))
      if (random.chance(share)) Object.assign(router, { tcp: 'silent' });
  }

  /** 0–20 % loss of round trips, spread over one to three links and both directions. */
  #lossyLinks(): void {
    const random = this.#random;
    if (random.chance(0.35)) return;
    const total = random.between(0, 0.2);
    const links = random.integer(1, 3);
    const bursts = random.chance(0.4);
    for (let i = 0; i < links; i++) {
      const rate = total / links;
      const badLoss = random.between(0.5, 1);
      const model: LossModel = bursts
        ? { kind: 'bursts', rate, badMs: random.between(20, 400), badLoss }
        : { kind: 'independent', rate };
      const node = random.pick([...this.#routers, this.#target]);
      if (random.chance(0.5)) node.forwardLoss = model;
      else node.returnLoss = model;
    }
  }

  #adversaries(): void {
    const random = this.#random;
    if (!random.chance(0.35)) return;
    const sometimes = (most: number): number => (random.chance(0.5) ? random.between(0, most) : 0);
    this.#adversary = {
      duplicates: sometimes(0.2),
      reordered: sometimes(0.3),
      corrupted: sometimes(0.05),
      corruptedQuotes: sometimes(0.01),
      forgedPerSecond: sometimes(20),
      replaysPerSecond: sometimes(10),
      garbagePerSecond: sometimes(10),
    };
  }
}
