/**
 * Networks of which something false was once said, and relatives of theirs: innocent ones that give the same evidence for
 * another reason. test/README.md lists them all; here are those that need a whole network. Nothing false may be said of any
 * (`acceptable.ts`), and what can be found must be. `PDM_TRACE_SIM_RUNS=50` runs each network so often.
 */
import { describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import type { Outcome, TraceRecord } from '../../src/record/record.js';
import { line, routers } from './exchange.js';
import {
  FULL_QUOTE,
  PEACE,
  type Action,
  type Host,
  type Match,
  type Network,
  type Router,
  type Rule,
  type Segment,
} from './network.js';
import {
  ANY_OPTIONS,
  DROP,
  plainRouter,
  plainTarget,
  routerAddress,
  rule,
  type DraftHost,
  type DraftRouter,
} from './network-parts.js';
import { runList } from './run-list.js';
import { runNetwork, SIMULATED_PROTOCOLS } from './run-network.js';
import type { Profile } from './simulated-transport.js';
import type { SimulatedProtocol } from './truth.js';

const runs = Number(process.env['PDM_TRACE_SIM_RUNS'] ?? 4);
const first = Number(process.env['PDM_TRACE_SIM_FIRST'] ?? 1);

type Change = (router: DraftRouter, hop: number) => void;

/** Both protocols' records of so many networks that differ in their seed; nothing false is said in any of them. */
async function recordsOf(
  networkOf: (seed: number) => Network,
  profile: Profile = 'packet-socket',
  protocols: readonly SimulatedProtocol[] = SIMULATED_PROTOCOLS,
): Promise<TraceRecord[]> {
  const records: TraceRecord[] = [];
  for (let seed = first; seed < first + runs; seed += 1) {
    const run = await runNetwork({ network: networkOf(seed), profile }, createTraceEngine, { protocols });
    expect(run.violations, `seed ${seed}`).toEqual([]);
    records.push(...run.records);
  }
  return records;
}

const outcomes = (records: readonly TraceRecord[], protocol?: string): Set<Outcome> =>
  new Set(
    records.filter((one) => protocol === undefined || one.protocol === protocol).map((one) => one.verdict.outcome),
  );

/** Routers in a row, changed one by one. */
const inARow = (change: Change, target?: Host, more: Partial<Network> = {}): ((seed: number) => Network) => {
  return (seed) => line(routers(7, change), target, { seed, ...more });
};
const dropsAt = (wanted: number): Change => {
  return (router, hop) => {
    if (hop === wanted) router.rules.push(rule('forward', ANY_OPTIONS, DROP));
  };
};
const both = (...changes: readonly Change[]): Change => {
  return (router, hop) => {
    for (const change of changes) change(router, hop);
  };
};
const target = (change: (host: DraftHost) => void): DraftHost => {
  const host = plainTarget();
  change(host);
  return host;
};

/** A list of so many targets, each behind four routers of its own, which stand behind the same near ones. */
function runTargets(
  near: readonly Router[],
  count: number,
  change: (host: DraftHost) => void = () => undefined,
  from = first,
): ReturnType<typeof runList> {
  const list = Array.from({ length: count }, (_, index) => {
    const way = Array.from({ length: 4 }, (_none, hop) => plainRouter(2 + index, hop));
    const host = target((draft) => {
      draft.addresses = [routerAddress(0xf00 + index, 0x50)];
      change(draft);
    });
    const network = line([...near, ...way], host, { seed: from + index });
    return { scenario: 'nothing happens', ingredients: [], network, profile: 'packet-socket' } as const;
  });
  return runList(list, createTraceEngine, { share: true, rate: 100 });
}

const single = (way: readonly Router[]): Segment => ({ members: [way], hash: 'none', headerMember: null, salt: 0 });
/** Three routers, bundles of equals of which one is broken, three routers. */
function withBundles(
  seed: number,
  ...bundles: readonly { hash: Segment['hash']; members: number; broken: (router: DraftRouter) => void }[]
): Network {
  const segments = bundles.map(({ hash, members, broken }, place): Segment => {
    const all = Array.from({ length: members }, (_, index) => plainRouter(1, 20 * (place + 1) + index));
    broken(all.at(-1)!);
    return { members: all.map((router) => [router]), hash, headerMember: null, salt: 100 * seed + place };
  });
  const way = routers(6);
  const epoch = { fromNs: 0, segments: [single(way.slice(0, 3)), ...segments, single(way.slice(3))] };
  return line([], undefined, { seed, epochs: [epoch] });
}

const UNDECIDED: readonly Outcome[] = ['delivered', 'inconclusive'];
const dead = (router: DraftRouter): void => {
  router.rules.push(rule('forward', { kind: 'everything' }, DROP));
};
const losing = (share: number) => {
  return (router: DraftRouter): void => {
    router.rules.push(rule('forward', { kind: 'everything' }, DROP, { share }));
  };
};

describe('one broken member of an equal-cost bundle', () => {
  it.each([2, 4, 8, 16])('that takes everything, of %i, chosen by next header too, accuses nobody', async (members) => {
    const records = await recordsOf((seed) => withBundles(seed, { hash: 'flow+next-header', members, broken: dead }));
    for (const outcome of outcomes(records)) expect(UNDECIDED).toContain(outcome);
  });

  it('a relative: that sees ports where no option hides them, before another bundle with one, accuses nobody', async () => {
    const records = await recordsOf((seed) =>
      withBundles(
        seed,
        { hash: 'label-and-ports', members: 4, broken: dead },
        { hash: 'flow+next-header', members: 8, broken: dead },
      ),
    );
    for (const outcome of outcomes(records)) expect(UNDECIDED).toContain(outcome);
  });

  it.each<[string, (router: DraftRouter) => void]>([
    ['loses six packets in ten', losing(0.6)],
    ['keeps packets longer than any grace', (router) => (router.delayMs += 12_000)],
  ])('that %s accuses nobody', async (_, broken) => {
    const records = await recordsOf((seed) => withBundles(seed, { hash: 'flow+next-header', members: 2, broken }));
    for (const outcome of outcomes(records)) expect(UNDECIDED).toContain(outcome);
  });

  it('a relative: that loses six answers in ten on their way back accuses nobody', async () => {
    const broken = (router: DraftRouter): void => {
      router.returnLoss = { kind: 'independent', rate: 0.6 };
    };
    const records = await recordsOf((seed) => withBundles(seed, { hash: 'flow+next-header', members: 2, broken }));
    for (const outcome of outcomes(records)) expect(UNDECIDED).toContain(outcome);
  });
});

describe('a limit for options that all targets of a list share', () => {
  /** Ten targets, four routers of their own behind five shared ones, the fourth of which limits options. */
  const list = async (
    action: Action,
    perSecond: number,
    crossTraffic: number,
    from = first,
  ): Promise<TraceRecord[]> => {
    const limit = { burst: 3, perSecond, crossTraffic };
    const near = routers(5, (router, hop) => {
      if (hop === 4) router.rules.push({ ...rule('forward', ANY_OPTIONS, action), limit });
    });
    const { targets } = await runTargets(near, 10, undefined, from);
    expect(targets.flatMap(({ violations }) => violations)).toEqual([]);
    return targets.flatMap(({ records }) => records);
  };

  /** Behind hop 4, so hop limit 5 is the first that loses, wherever single packets were seen. */
  const holdsIt = ({ interval }: TraceRecord['verdict']): boolean =>
    interval === null || (interval.after <= 4 && interval.upTo >= 5);

  it('never has its losses put beyond it, wherever luck has carried n', async () => {
    const records: TraceRecord[] = [];
    for (let from = first; from < first + 80; from += 10) records.push(...(await list(DROP, 0.6, 0, from)));
    expect(records.filter(({ verdict }) => !holdsIt(verdict))).toEqual([]);
    expect(outcomes(records)).toContain('dropped');
    expect(
      records.some(({ verdict, summary }) => verdict.interval !== null && (summary.lastPdmHop?.hop ?? 0) > 4),
    ).toBe(true);
  });

  it('a relative: that refuses what is too much, and that others use up as well, is the only one named', async () => {
    const records = await list({ kind: 'reject', type: 1, code: 1, pointer: 'none' }, 1, 0.3);
    expect(records.filter(({ verdict }) => !holdsIt(verdict))).toEqual([]);
    const refusals = records.map(({ verdict }) => verdict.refusal).filter((refusal) => refusal !== null);
    expect(refusals.length).toBeGreaterThan(0);
    for (const refusal of refusals) expect(refusal).toMatchObject({ hop: 4, type: 1, code: 1 });
  });
});

describe('answers from another address about packets with the option', () => {
  const others = [routerAddress(0xfff, 0x77), routerAddress(0xfff, 0x78)];
  const loopbackAt = (...hops: readonly number[]): Change => {
    return (router, hop) => {
      if (hops.includes(hop)) router.optionAddresses = [routerAddress(1, 0x70 + hop)];
    };
  };

  it('of the host itself are arrivals', async () => {
    const host = target((one) => (one.optionAddresses = others.slice(0, 1)));
    expect(outcomes(await recordsOf(inARow(() => undefined, host)))).toEqual(new Set(['delivered']));
  });

  it('a relative: of the host from either of two addresses are arrivals', async () => {
    const host = target((one) => (one.optionAddresses = others));
    expect(outcomes(await recordsOf(inARow(() => undefined, host)))).toEqual(new Set(['delivered']));
  });

  it('of one router, its loopback, are no other way', async () => {
    const clean = await recordsOf(inARow(loopbackAt(3)));
    const lost = await recordsOf(inARow(both(loopbackAt(3), dropsAt(5))));
    expect([outcomes(clean), outcomes(lost)]).toEqual([new Set(['delivered']), new Set(['dropped'])]);
    for (const { verdict } of [...clean, ...lost]) expect(verdict.pathsDiverge).toBeNull();
    for (const { verdict } of lost) expect(verdict.interval).toMatchObject({ after: 5, upTo: 8 });
  });

  it('a relative: of all routers of a network, their loopbacks, are no other way', async () => {
    const clean = await recordsOf(inARow(loopbackAt(2, 3, 4)));
    const lost = await recordsOf(inARow(both(loopbackAt(2, 3, 4), dropsAt(6))));
    expect([outcomes(clean), outcomes(lost)]).toEqual([new Set(['delivered']), new Set(['dropped'])]);
    for (const { verdict } of [...clean, ...lost]) expect(verdict.pathsDiverge).toBeNull();
  });
});

describe('a proxy that answers plain packets in the name of the target', () => {
  const proxyAt = (wanted: number, protocol: 'udp' | 'icmp6'): Change => {
    const match = { kind: 'every', of: [{ kind: 'protocol', protocol }, { kind: 'bare' }] } as const;
    return (router, hop) => {
      if (hop === wanted) router.rules.push(rule('forward', match, { kind: 'answer', udp: 'port-unreachable' }));
    };
  };
  const treatingAll = (wanted: number, action: Action, share = 1): Change => {
    return (router, hop) => {
      if (hop === wanted) router.rules.push(rule('forward', { kind: 'everything' }, action, { share }));
    };
  };
  const noRoute = { kind: 'reject', type: 1, code: 0, pointer: 'none' } as const;
  const dying = target((host) => host.rules.push(rule('local', { kind: 'everything' }, DROP)));

  it.each(['udp', 'icmp6'] as const)('(%s) shows no drop of options before a target that is dead', async (protocol) => {
    const records = await recordsOf(inARow(proxyAt(4, protocol), dying));
    expect(outcomes(records)).toEqual(new Set(['inconclusive', 'no-difference']));
  });

  it.each(['udp', 'icmp6'] as const)('a relative: (%s) shows no refusal where no route goes on', async (protocol) => {
    const records = await recordsOf(inARow(both(proxyAt(4, protocol), treatingAll(6, noRoute))));
    expect(outcomes(records)).toEqual(new Set(['inconclusive', 'no-difference']));
  });

  it('a relative: right before the router that finds no neighbour shows no refusal by that router', async () => {
    const noNeighbour: Action = { ...noRoute, code: 3 };
    const records = await recordsOf(inARow(both(proxyAt(6, 'icmp6'), treatingAll(7, noNeighbour))));
    expect(outcomes(records)).toEqual(new Set(['inconclusive', 'no-difference']));
  });

  it.each(['packet-socket', 'raw-socket'] as const)(
    'a relative: shows no impairment where a lossy way goes on (%s)',
    async (profile) => {
      const records = await recordsOf(inARow(both(proxyAt(4, 'icmp6'), treatingAll(6, DROP, 0.5))), profile);
      for (const outcome of outcomes(records)) expect(UNDECIDED).toContain(outcome);
    },
  );
});

const ofTcp = { kind: 'protocol', protocol: 'tcp' } as const;
const bareSyns = { kind: 'every', of: [ofTcp, { kind: 'bare' }] } as const;
const cookies: Action = { kind: 'answer', udp: 'port-unreachable', syn: 'acknowledges' };

describe('who takes SYNs in with cookies, for a target behind a filter of errors, and lets those with the option by', () => {
  const filtersErrors: Change = (router, hop) => {
    if (hop === 4) router.returnRules.push({ match: 'errors-quoting-pdm', share: 1 });
  };
  const silent = (change: (host: DraftHost) => void = () => undefined): DraftHost =>
    target((host) => {
      host.echo = 'silent';
      host.tcp = 'resets';
      change(host);
    });
  const cookiesAt = (wanted: number, ownHopLimit: number): Change => {
    return (router, hop) => {
      if (hop !== wanted) return;
      router.rules.push(rule('forward', bareSyns, cookies));
      router.ownHopLimit = ownHopLimit;
    };
  };

  it.each([
    ['in front of a closed port', () => undefined, silent((host) => host.rules.push(rule('local', bareSyns, cookies)))],
    ['on the way, as from where the target stands', cookiesAt(7, 63), silent()],
    [
      'a relative: farther away, before a port that only it gets to',
      cookiesAt(7, 50),
      silent((host) => host.rules.push(rule('local', ofTcp, DROP))),
    ],
    [
      'a relative: where the target stands, which drops those that it is left',
      () => undefined,
      silent((host) => host.rules.push(rule('local', bareSyns, cookies), rule('local', ofTcp, DROP))),
    ],
  ])('%s, shows no drop', async (_, change, host) => {
    expect(outcomes(await recordsOf(inARow(both(change, filtersErrors), host)))).toEqual(new Set(['inconclusive']));
  });

  it('a relative: near the source, where nobody sees from how far answers come', async () => {
    const host = silent((one) => one.rules.push(rule('local', ofTcp, DROP)));
    const records = await recordsOf(inARow(both(cookiesAt(3, 255), filtersErrors), host), 'raw-socket');
    expect(outcomes(records)).toEqual(new Set(['inconclusive']));
  });
});

describe('a firewall that looks into ICMPv6 alone, and takes options with it', () => {
  const inspectsAt = (wanted: number, share = 1): Change => {
    return (router, hop) => {
      if (hop !== wanted) return;
      const echoWithOption = { kind: 'every', of: [{ kind: 'protocol', protocol: 'icmp6' }, ANY_OPTIONS] } as const;
      router.rules.push(rule('forward', echoWithOption, DROP, { share }));
      router.returnRules.push({ match: 'errors-quoting-options', share });
    };
  };
  const resets = plainTarget();

  it('takes echo requests and errors about datagrams: these are not said to be dropped, for SYNs with the option are answered', async () => {
    const records = await recordsOf(inARow(inspectsAt(4), resets));
    expect(outcomes(records, 'udp')).toEqual(new Set(['inconclusive']));
    expect(outcomes(records, 'icmp6')).toEqual(new Set(['dropped']));
  });

  it('a relative: a host that answers no echo requests, whose place a box takes at its own distance', async () => {
    const barePings = { kind: 'every', of: [{ kind: 'protocol', protocol: 'icmp6' }, { kind: 'bare' }] } as const;
    const host = target((one) => {
      one.tcp = 'resets';
      one.rules.push(rule('local', barePings, { kind: 'answer', udp: 'port-unreachable', isTheEnd: true }));
      one.rules.push(rule('local', { kind: 'protocol', protocol: 'icmp6' }, DROP));
    });
    const filters: Change = (router, hop) => {
      if (hop === 4) router.returnRules.push({ match: 'errors-quoting-options', share: 1 });
    };
    expect(outcomes(await recordsOf(inARow(filters, host)), 'udp')).toEqual(new Set(['inconclusive']));
  });

  it('a drop of every protocol is found where SYNs are answered at any port, and of echo requests alone where they are not', async () => {
    const by = (tcp: Host['tcp']): Promise<TraceRecord[]> =>
      recordsOf(inARow(dropsAt(5), { ...plainTarget(), ...(tcp === undefined ? {} : { tcp }) }));
    for (const tcp of ['resets', 'serves'] as const) expect(outcomes(await by(tcp))).toEqual(new Set(['dropped']));
    const silent = await by('silent');
    expect(outcomes(silent, 'udp')).toEqual(new Set(['inconclusive']));
    expect(outcomes(silent, 'icmp6')).toEqual(new Set(['dropped']));
  });

  it.each([
    { burst: 1, perSecond: 1, crossTraffic: 0 },
    { burst: 2, perSecond: 2, crossTraffic: 2 },
  ])('a relative: before a limit on all segments, which loses one of two by chance: $perSecond/s', async (limit) => {
    const limits: Change = (router, hop) => {
      if (hop === 6) router.rules.push({ ...rule('forward', ofTcp, DROP), limit });
    };
    for (const profile of ['packet-socket', 'raw-socket'] as const) {
      const records = await recordsOf((seed) => inARow(both(inspectsAt(4), limits))(seed + 4), profile);
      expect(outcomes(records, 'udp')).toEqual(new Set(['inconclusive']));
    }
  });

  it('a relative: takes half of them, and datagrams are not said to fare worse', async () => {
    expect(outcomes(await recordsOf(inARow(inspectsAt(4, 0.5), resets)), 'udp')).toEqual(new Set(['inconclusive']));
  });
});

describe('a firewall near the source that lets echo replies in and no segments, before one that looks into ICMPv6 alone', () => {
  const twoFirewalls = (share: number, inspected: number): Change => {
    return (router, hop) => {
      if (hop === 1) router.returnRules.push({ match: 'not-let-in', share });
      if (hop !== 5) return;
      const echoWithOption = { kind: 'every', of: [{ kind: 'protocol', protocol: 'icmp6' }, ANY_OPTIONS] } as const;
      router.rules.push(rule('forward', echoWithOption, DROP, { share: inspected }));
      router.returnRules.push({ match: 'errors-quoting-options', share: inspected });
    };
  };

  it('is no drop of datagrams: SYNs with the option are answered, and their answers lost where echo replies come in', async () => {
    const records = await recordsOf(inARow(twoFirewalls(1, 1), plainTarget()));
    expect(outcomes(records, 'udp')).toEqual(new Set(['inconclusive']));
    expect(outcomes(records, 'icmp6')).toEqual(new Set(['dropped']));
  });

  it.each([
    [0.5, 0.5],
    [0.5, 0.9],
  ])('a relative: take %d and %d, and datagrams are not said to fare worse', async (share, inspected) => {
    const records = await recordsOf(inARow(twoFirewalls(share, inspected), plainTarget()));
    for (const outcome of outcomes(records, 'udp')) expect(UNDECIDED).toContain(outcome);
  });
});

describe('filters of one protocol that look at lengths', () => {
  it.each([
    [1, ANY_OPTIONS],
    [16, { kind: 'header-octets', atLeast: 16 }],
  ] as const)(
    'from %i octets on take datagrams, where another one takes echo requests: no cause but the own one',
    async (atLeast, match) => {
      const ofProtocol = (protocol: 'udp' | 'icmp6' | 'tcp', taken: Match): Match => {
        return { kind: 'every', of: [{ kind: 'protocol', protocol }, taken] };
      };
      const filters: Change = (router, hop) => {
        if (hop !== 5) return;
        router.rules.push(rule('forward', ofProtocol('udp', { kind: 'longer-by', atLeast }), DROP));
        for (const other of ['icmp6', 'tcp'] as const)
          router.rules.push(rule('forward', ofProtocol(other, match), DROP));
      };
      expect(outcomes(await recordsOf(inARow(filters)))).toEqual(new Set(['dropped']));
    },
  );
});

describe('two ways, on one of which a box answers all packets for the target, and by which all options go', () => {
  const ofLengths = (...lengths: number[]): Segment => {
    const members = lengths.map((length, index) =>
      Array.from({ length }, (_none, hop) => plainRouter(1, 10 * (index + 7) + hop)),
    );
    return { members, hash: 'flow-label', headerMember: null, salt: 5 };
  };
  it.each([
    ['from as near', single([])],
    ['a relative: and ways of four lengths before that blur from how far', ofLengths(1, 2, 3, 4)],
  ])('is hardly ever called delivered, though half of the plain packets are answered: %s', async (_, before) => {
    const found: Outcome[] = [];
    for (let seed = first; seed < first + 2 * runs; seed += 1) {
      const members = [[plainRouter(1, 50)], [plainRouter(1, 51)]];
      members[1]![0]!.rules.push(rule('forward', { kind: 'everything' }, { kind: 'answer', udp: 'port-unreachable' }));
      const way = routers(6);
      const bundle: Segment = { members, hash: 'ports', headerMember: 1, salt: 77 * seed };
      const segments = [single(way.slice(0, 2)), { ...before, salt: 5 * seed }, bundle, single(way.slice(2))];
      const network = line([], undefined, { seed, epochs: [{ fromNs: 0, segments }] });
      const { records } = await runNetwork({ network, profile: 'packet-socket' }, createTraceEngine);
      found.push(...records.map(({ verdict }) => verdict.outcome));
    }
    // By chance 20 of 24 plain packets may go that way.
    expect(found.filter((outcome) => outcome === 'delivered').length).toBeLessThanOrEqual(0.1 * found.length);
    expect(new Set(found)).toContain('inconclusive');
    for (const outcome of found) expect(UNDECIDED).toContain(outcome);
  });
});

describe('ways of unequal length, of which one refuses the option at its end', () => {
  const refuse: Action = { kind: 'reject', type: 1, code: 1, pointer: 'none' };
  const twoWays = (
    isSilent: boolean,
    shortDrops: boolean,
    headerMember: number | null,
  ): ((seed: number) => Network) => {
    return (seed) => {
      const way = (...numbers: number[]): DraftRouter[] =>
        numbers.map((number) => ({ ...plainRouter(1, number), silent: isSilent }));
      const short = way(50);
      const long = way(60, 61, 62, 63);
      if (shortDrops) short[0]!.rules.push(rule('forward', ANY_OPTIONS, DROP));
      long[3]!.rules.push(rule('ingress', ANY_OPTIONS, refuse));
      const hash = headerMember === null ? 'flow-label' : 'ports';
      const bundle: Segment = { members: [short, long], hash, headerMember, salt: 77 * seed };
      return line([], undefined, { seed, epochs: [{ fromNs: 0, segments: [single(routers(3)), bundle, single([])] }] });
    };
  };

  it.each([true, false])(
    'and the other one drops it: the refuser is not put on that one (silent: %s)',
    async (isSilent) => {
      await recordsOf(twoWays(isSilent, true, null));
    },
  );

  it('a relative: which all options take, and nobody answers: neither refusal nor loss ends where plain packets do', async () => {
    for (const { verdict } of await recordsOf(twoWays(true, false, 1))) {
      if (verdict.interval !== null) expect(verdict.interval.upTo).toBeGreaterThanOrEqual(7);
    }
  });
});

describe('who takes SYNs in with cookies before a closed port, and lets those with the option by to it', () => {
  it.each([
    [7, 64],
    [7, 63],
    [6, 64],
  ])('at hop %i, with a hop limit of %i, is no refusal', async (wanted, ownHopLimit) => {
    const proxy: Change = (router, hop) => {
      if (hop === wanted) {
        router.rules.push(rule('forward', bareSyns, cookies));
        router.ownHopLimit = ownHopLimit;
      }
      if (hop > wanted) router.silent = true;
    };
    for (const profile of ['packet-socket', 'raw-socket'] as const) {
      const records = await recordsOf(inARow(proxy), profile, ['udp', 'icmp6', 'tcp']);
      for (const outcome of outcomes(records, 'tcp')) expect(UNDECIDED).toContain(outcome);
    }
  });
});

describe('what changes most packets with the option, and not all', () => {
  it.each([0.6, 0.8, 0.9, 0.95])(
    'is not said to stand behind a hop that a whole one got to: %d of them',
    async (share) => {
      for (const action of [{ kind: 'strip' }, { kind: 'alter', what: 'last-octet' }] as const) {
        const changes: Change = (router, hop) => {
          if (hop === 3) router.rules.push(rule('forward', ANY_OPTIONS, action, { share }));
        };
        const records = await recordsOf(inARow(changes));
        for (const { verdict } of records)
          if (verdict.interval !== null) expect(verdict.interval.after).toBeLessThan(4);
      }
    },
  );

  it('a relative: nor what begins to change them while the trace runs', async () => {
    const changes: Change = (router, hop) => {
      if (hop === 3) router.rules.push(rule('forward', ANY_OPTIONS, { kind: 'strip' }, { fromNs: 100e6 }));
    };
    for (const { verdict } of await recordsOf(inARow(changes)))
      if (verdict.interval !== null) expect(verdict.interval.after).toBeLessThan(4);
  });
});

describe('a router with two names, of which each error has one', () => {
  it('is not said to be two ways', async () => {
    const names: Change = (router, hop) => {
      if (hop === 7) router.addresses = [routerAddress(1, 0x60), routerAddress(1, 0x61)];
    };
    const records = await recordsOf(inARow(names));
    expect(outcomes(records)).toEqual(new Set(['delivered']));
    const diverging = records.filter(({ verdict }) => verdict.pathsDiverge !== null);
    expect(diverging.length).toBeLessThan(records.length / 3);
  });
});

describe('a firewall near the source that keeps no state for options, and needs none for echo replies and Time Exceeded', () => {
  const firewall: Change = (router, hop) => {
    if (hop === 2) router.returnRules.push({ match: 'not-let-in', share: 1 });
  };
  const silent = target((host) => {
    host.echo = 'silent';
    host.tcp = 'resets';
  });

  it('shows no drop where SYNs bear witness and routers answer echo requests', async () => {
    expect(outcomes(await recordsOf(inARow(firewall, silent)), 'udp')).toEqual(new Set(['inconclusive']));
  });

  it('a relative: nor where half is lost', async () => {
    const half: Change = (router, hop) => {
      if (hop === 2) router.returnRules.push({ match: 'not-let-in', share: 0.5 });
    };
    expect(outcomes(await recordsOf(inARow(half, silent)), 'udp')).toEqual(new Set(['inconclusive']));
  });

  it('a relative: all errors about options are filtered, and PDM alone is dropped, or the target answers with it and that is lost', async () => {
    const filters =
      (match: Rule['match']): Change =>
      (router, hop) => {
        if (hop === 3) router.returnRules.push({ match: 'errors-quoting-options', share: 1 });
        if (hop === 6) router.rules.push(rule('forward', match, DROP));
      };
    const answersWithPdm = target((host) => {
      host.echo = 'silent';
      host.tcp = 'resets';
      host.answersWithPdm = 'to-pdm';
    });
    const takesPdm: Change = (router, hop) => {
      if (hop === 3) router.returnRules.push({ match: 'errors-quoting-options', share: 1 });
      if (hop === 6) router.returnRules.push({ match: 'carrying-options', share: 1 });
    };
    // Nothing tells these two apart.
    expect(outcomes(await recordsOf(inARow(filters({ kind: 'option' }), silent)), 'udp')).toEqual(
      new Set(['inconclusive']),
    );
    expect(outcomes(await recordsOf(inARow(takesPdm, answersWithPdm)), 'udp')).toEqual(new Set(['inconclusive']));
    // SYNs with another option are lost as well: it is no answer of the target's.
    expect(outcomes(await recordsOf(inARow(filters(ANY_OPTIONS), silent)), 'udp')).toEqual(new Set(['dropped']));
  });

  it('without it a drop is found by routers that answer SYNs', async () => {
    expect(outcomes(await recordsOf(inARow(dropsAt(5), silent)), 'udp')).toEqual(new Set(['dropped']));
  });
});

describe('a firewall near the source that takes most answers to packets with the option, not all', () => {
  const takesAnswers = (wanted: number, share: number): Change => {
    return (router, hop) => {
      if (hop === wanted) router.returnRules.push({ match: 'answers-to-options', share });
    };
  };
  const silent = target((host) => {
    host.udp = 'silent';
  });

  it.each([0.3, 0.5, 0.9, 0.95])('is no drop and no impairment: it takes %d of them', async (share) => {
    for (const hop of [1, 2]) {
      const records = await recordsOf(inARow(takesAnswers(hop, share), silent));
      for (const found of outcomes(records)) expect(['inconclusive', 'no-difference', 'delivered']).toContain(found);
    }
  });

  it('a relative: of a list one lucky answer clears it for none of the others', async () => {
    const near = routers(3, takesAnswers(1, 0.97));
    const { targets } = await runTargets(near, 20, (host) => {
      host.udp = 'silent';
    });
    expect(targets.flatMap(({ violations }) => violations)).toEqual([]);
    const answered = targets.flatMap(({ records }) => records).filter(({ verdict }) => verdict.evidence.pdmOnly > 0);
    expect(answered).toEqual([]);
  });

  it('a relative: one beyond it, where datagrams are answered by errors, impairs nothing that another protocol gets through whole', async () => {
    const records = await recordsOf(inARow(takesAnswers(6, 0.5)));
    expect(outcomes(records, 'udp')).toEqual(new Set(['delivered']));
    expect(outcomes(records, 'icmp6')).toEqual(new Set(['inconclusive']));
  });
});

describe("a firewall that refuses options in the target's name as a closed port does", () => {
  const refuses = (wanted: number, ownHopLimit: number): Change => {
    return (router, hop) => {
      if (hop !== wanted) return;
      router.ownHopLimit = ownHopLimit;
      const closed: Action = { kind: 'reject', type: 1, code: 4, pointer: 'none', inTargetsName: true };
      router.rules.push(rule('forward', ANY_OPTIONS, closed));
    };
  };

  it.each([
    ['packet-socket', 7, 63],
    ['packet-socket', 5, 61],
    ['raw-socket', 7, 64],
    ['raw-socket', 4, 64],
  ] as const)(
    'is not taken for the target: %s, at hop %i with a hop limit of %i',
    async (profile, hop, ownHopLimit) => {
      const records = await recordsOf(inARow(refuses(hop, ownHopLimit)), profile);
      expect(outcomes(records)).not.toContain('delivered');
      expect(outcomes(records, 'icmp6')).toEqual(new Set(['rejected']));
    },
  );
});

describe('a target that sends the option itself', () => {
  const answers = target((host) => (host.answersWithPdm = 'to-pdm'));
  const losesBack = (share: number): Change => {
    return (router, hop) => {
      if (hop === 2) router.returnRules.push({ match: 'carrying-options', share });
    };
  };

  it('and whose answers with it are lost is not said to drop it', async () => {
    expect(outcomes(await recordsOf(inARow(losesBack(1), answers)))).toEqual(new Set(['inconclusive']));
  });

  it('a relative: by a shorter way for all options, so that answers to others seem to be none of its own', async () => {
    const way = routers(8, losesBack(1));
    const taken = { members: [way.slice(3, 5), [plainRouter(3, 30)]], hash: 'none', headerMember: 1, salt: 0 } as const;
    const shorter = (seed: number): Network => {
      const host = target((draft) => {
        draft.answersWithPdm = 'to-pdm';
        draft.bucket = { burst: 3, perSecond: 2, crossTraffic: 0 };
      });
      const segments = [single(way.slice(0, 3)), taken, single(way.slice(5))];
      return line([], host, { seed, epochs: [{ fromNs: 0, segments }] });
    };
    expect(outcomes(await recordsOf(shorter))).toEqual(new Set(['inconclusive']));
  });

  it('a relative: and half of whose answers with it are lost is not said to be reached less often', async () => {
    expect(outcomes(await recordsOf(inARow(losesBack(0.5), answers)))).toEqual(new Set(['inconclusive']));
  });
});

describe('a UDP service whose answers name no probe', () => {
  const service = target((host) => (host.udp = 'fixed-answer'));
  const copied = { adversary: { ...PEACE, duplicates: 1 } };

  it('answers packets with the option too: delivered', async () => {
    expect(outcomes(await recordsOf(inARow(() => undefined, service)))).toEqual(new Set(['delivered']));
  });

  it('before which the option is lost has not answered it', async () => {
    const records = await recordsOf(inARow(dropsAt(5), service));
    expect(outcomes(records, 'icmp6')).toEqual(new Set(['dropped']));
    for (const { targetPairs } of records) expect(targetPairs).toMatchObject({ pairs: { both: 0, pdmOnly: 0 } });
  });

  it('a relative: that answers twice, or the network copies its answers, has answered no lost option', async () => {
    const records = await recordsOf(inARow(dropsAt(5), service, copied));
    expect(outcomes(records, 'udp')).toEqual(new Set(['inconclusive']));
    for (const { targetPairs } of records) expect(targetPairs).toMatchObject({ pairs: { both: 0, pdmOnly: 0 } });
    expect(outcomes(await recordsOf(inARow(() => undefined, service, copied)))).toEqual(new Set(['delivered']));
  });
});

describe('quotes that are not as the packet was sent', () => {
  const quotes = (from: number, style: Partial<Router['quote']>): Change => {
    return (router, hop) => {
      if (hop >= from) router.quote = { ...FULL_QUOTE, ...style };
    };
  };
  const segment = routerAddress(9, 9);

  it.each<[string, Partial<Router['quote']>]>([
    ['a routing header stands before the option', { inserted: ['routing'] }],
    ['a Hop-by-Hop header does', { inserted: ['hop-by-hop'] }],
    ['another Destination Options header does', { inserted: ['destination-options'] }],
    ['the destination is another', { destination: { to: segment, checksum: 'updated' } }],
    ['a translator shows 28 octets', { octets: 28, destination: { to: segment, checksum: 'as-sent' } }],
    ['a relative: two headers of others stand before the option', { inserted: ['authentication', 'routing'] }],
    [
      'a relative: the destination is another and eight octets are left',
      {
        octets: 8,
        destination: { to: segment, checksum: 'updated' },
      },
    ],
    [
      'a relative: a header stands before the option, and objects behind the quote',
      {
        inserted: ['hop-by-hop'],
        octets: 88,
        extensions: 'octets',
        objects: ['unknown', 'node-id'],
      },
    ],
  ])('hide neither hop nor drop: %s', async (_, style) => {
    const clean = await recordsOf(inARow(quotes(3, style)));
    expect(outcomes(clean)).toEqual(new Set(['delivered']));
    for (const { summary } of clean) expect(summary.lastPdmHop?.hop).toBe(7);
    const lost = await recordsOf(inARow(both(quotes(3, style), dropsAt(5))));
    expect(outcomes(lost)).toEqual(new Set(['dropped']));
    for (const { verdict } of lost) expect(verdict.interval).toMatchObject({ after: 5, upTo: 8 });
  });

  it.each<[string, Partial<Router['quote']>]>([
    ['counts octets, of a quote that is no multiple of eight', { octets: 45, extensions: 'unaligned' }],
    ['counts octets of the padded quote', { octets: 88, extensions: 'octets' }],
    [
      'a relative: is not there, and a foreign header stands in the quote',
      {
        octets: 88,
        extensions: 'legacy',
        inserted: ['hop-by-hop'],
      },
    ],
  ])('lose neither labels nor objects that nobody knows where the length %s', async (_, style) => {
    const objects = ['node-id', 'mpls', 'unknown'] as const;
    for (const { hops } of await recordsOf(inARow(quotes(3, { ...style, objects })))) {
      for (const { arms } of hops.filter(({ hop }) => hop >= 3 && hop <= 7)) {
        for (const arm of [arms.plain, arms.pdm]) {
          expect(arm.responders).toHaveLength(1);
          expect(arm.responders[0]).toMatchObject({ mpls: [{}, {}], objects: [{ classNumber: 5 }, {}] });
        }
      }
    }
  });
});
