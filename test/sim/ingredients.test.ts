import { describe, expect, it } from 'vitest';

import { FORGER } from './adversary.js';
import { exchange, hop, line, routers, sources, TARGET } from './exchange.js';
import { generateNetwork } from './generate-network.js';
import type { HandWritten } from './hand-written-probe.js';
import { drawIngredients, INGREDIENTS } from './ingredients.js';
import {
  FULL_QUOTE,
  PEACE,
  spreads,
  type Action,
  type Network,
  type QuoteStyle,
  type Router,
  type Segment,
} from './network.js';
import { ANY_OPTIONS, DROP, plainRouter, plainTarget, routerAddress, rule, TARGET_ADDRESS } from './network-parts.js';
import * as packet from './packet.js';
import { Random } from './random.js';
import { compareFates, truthOf, type Fates } from './truth.js';

const MINUTE = { fromNs: 0, untilNs: 60e9 };
const OTHER = routerAddress(7, 77);
const BOTH: HandWritten[] = [{ hopLimit: 64 }, { hopLimit: 64, header: 'pdm' }];
const ECHOES: HandWritten[] = BOTH.map((probe) => ({ ...probe, protocol: 'icmp6' }));

/** Routers in a row, of which the second is changed. */
function second(change: (router: ReturnType<typeof plainRouter>) => void, target = plainTarget()): Network {
  return line(
    routers(3, (router, number) => {
      if (number === 2) change(router);
    }),
    target,
  );
}

function bundle(hash: Segment['hash'], count: number, broken: Partial<Router>, salt = 5): Network {
  const members = Array.from({ length: count }, (_, index) => [
    { ...plainRouter(1, index + 1), ...(index === count - 1 ? broken : {}) },
  ]);
  return line([], plainTarget(), { epochs: [{ fromNs: 0, segments: [{ members, hash, headerMember: null, salt }] }] });
}

const DEAD = { rules: [rule('forward', { kind: 'everything' }, DROP)] };
const fates = (network: Network, protocol: 'udp' | 'icmp6' = 'udp'): Omit<Fates, 'direct'> => {
  const { plain, pdm, intact } = compareFates(network, protocol, MINUTE);
  return { plain, pdm, intact };
};

async function membersOf(hash: Segment['hash'], header: 'none' | 'pdm'): Promise<string[]> {
  const probes = Array.from({ length: 24 }, (_, index): HandWritten => {
    return { hopLimit: 1, header, flowLabel: 0x100 + 77 * index, port: 50000 + 31 * index };
  });
  return sources(await exchange(bundle(hash, 4, {}), probes));
}

describe('equal-cost bundles', () => {
  it('take the two packets of a pair apart where the next header is hashed with the flow label', async () => {
    const [plain, pdm] = [await membersOf('flow+next-header', 'none'), await membersOf('flow+next-header', 'pdm')];
    expect(new Set(plain).size).toBe(4);
    expect(new Set(pdm).size).toBe(4);
    expect(pdm).not.toEqual(plain);
  });

  it('take all flows one way where addresses are all that is hashed, another one by next header', async () => {
    for (const header of ['none', 'pdm'] as const) {
      expect(new Set(await membersOf('addresses', header)).size).toBe(1);
      expect(new Set(await membersOf('addresses+next-header', header)).size).toBe(1);
    }
    expect(await membersOf('addresses', 'pdm')).toEqual(await membersOf('addresses', 'none'));
    expect(new Set(await membersOf('ports-or-addresses', 'none')).size).toBeGreaterThan(2);
    expect(new Set(await membersOf('ports-or-addresses', 'pdm')).size).toBe(1);
  });

  it.each(['flow-label', 'flow+next-header', 'ports-deep', 'label-and-ports'] as const)(
    'with a dead member lose as much of both, hashed by %s',
    (hash) => {
      const network = bundle(hash, 4, DEAD);
      expect(fates(network)).toEqual({ plain: 0.75, pdm: 0.75, intact: 0.75 });
      expect(truthOf(network).udp.effects).toEqual([]);
    },
  );

  it('with a dead member lose all of the option or nothing where addresses choose', () => {
    const seen = new Set<string>();
    for (let salt = 1; salt < 60; salt++) {
      const network = bundle('addresses+next-header', 2, DEAD, salt);
      const { plain, pdm } = fates(network);
      seen.add(`${plain} ${pdm}`);
      const { effects } = truthOf(network).udp;
      expect(effects.map(({ hopLimit, cause }) => [hopLimit, cause])).toEqual(
        pdm < plain ? [[2, 'destination-options']] : [],
      );
    }
    expect([...seen].sort()).toEqual(['0 0', '0 1', '1 0', '1 1']);
  });

  it('spread fresh flows or not', () => {
    const of = (hash: Segment['hash']): Segment => bundle(hash, 4, {}).epochs[0]!.segments[0]!;
    expect(spreads(of('ports'), false)).toBe(true);
    expect(spreads(of('ports'), true)).toBe(false);
    expect(spreads(of('addresses'), false)).toBe(false);
    expect(spreads({ ...of('flow-label'), headerMember: 1 }, true)).toBe(false);
  });
});

describe('delays, limits and memory', () => {
  it('makes packets with options slower from a router on', async () => {
    const network = second((router) => (router.optionDelay = { ms: 200, jitterMs: 0 }));
    const probes = [1, 2, 64].flatMap((hopLimit): HandWritten[] => [{ hopLimit }, { hopLimit, header: 'pdm' }]);
    const seen = await exchange(network, probes);
    const times = seen.map((replies, index) => (replies[0]!.timeNs - index * 1e9) / 1e6);
    for (const slow of [3, 5]) expect(times[slow]).toBeGreaterThan(200);
    for (const quick of [0, 1, 2, 4]) expect(times[quick]).toBeLessThan(60);
    expect(fates(network)).toEqual({ plain: 1, pdm: 1, intact: 1 });
  });

  it('polices packets with options, and the truth is what was seen', async () => {
    const limit = { burst: 2, perSecond: 0.2, crossTraffic: 0 };
    const network = second((router) => router.rules.push({ ...rule('forward', ANY_OPTIONS, DROP), limit }));
    const probes = Array.from({ length: 12 }, (): HandWritten => ({ hopLimit: 64, header: 'pdm' }));
    const seen = sources(await exchange(network, [...probes, { hopLimit: 64 }]));
    expect(seen.slice(0, 4)).toEqual([TARGET, TARGET, '', '']);
    expect(seen.filter((source) => source === TARGET)).toHaveLength(1 + 4);
    const [policer] = network.epochs[0]!.segments[0]!.members[0]![1]!.rules;
    const tcp = { passed: 0, hit: 0 };
    const truth = truthOf(
      network,
      new Map([[policer!, { udp: { passed: 4, hit: 8 }, icmp6: { passed: 2, hit: 0 }, tcp }]]),
    );
    expect(truth.fates('udp', MINUTE).pdm).toBeCloseTo(1 / 3);
    expect(truth.udp.effects[0]).toMatchObject({ kind: 'drop', hopLimit: 3 });
    expect(truth.fates('icmp6', MINUTE).pdm).toBe(1);
    const unhurt = truthOf(
      network,
      new Map([[policer!, { udp: { passed: 4, hit: 0 }, icmp6: { passed: 0, hit: 3 }, tcp }]]),
    );
    expect(unhurt.udp.effects).toEqual([]);
  });

  it('shuns a source that has sent options, for a while, and treats both arms alike', async () => {
    const network = second((router) => (router.shun = { stage: 'ingress', after: 2, seconds: 5 }));
    const plain: HandWritten = { hopLimit: 64 };
    const pdm: HandWritten = { hopLimit: 64, header: 'pdm' };
    const near: HandWritten = { hopLimit: 1 };
    const seen = sources(await exchange(network, [plain, pdm, plain, pdm, plain, near, pdm, plain, plain, plain]));
    expect(seen).toEqual([TARGET, TARGET, TARGET, TARGET, '', hop(1), '', '', TARGET, TARGET]);
    expect(fates(network)).toEqual({ plain: 1, pdm: 1, intact: 1 });
  });

  it('reports packets with options no more from some time on', async () => {
    const network = second((router) => (router.reportsUntilNs = 2.5e9));
    const pdm: HandWritten = { hopLimit: 2, header: 'pdm' };
    expect(sources(await exchange(network, [pdm, pdm, pdm, pdm, { hopLimit: 2 }]))).toEqual([
      hop(2),
      hop(2),
      hop(2),
      '',
      hop(2),
    ]);
    expect(truthOf(network).udp.hopsReport).toBe(true);
  });
});

describe('names', () => {
  const both = (hopLimit: number): HandWritten[] => [{ hopLimit }, { hopLimit, header: 'pdm' }];

  it('answers about options from a loopback', async () => {
    const network = second((router) => (router.optionAddresses = [OTHER]));
    expect(sources(await exchange(network, both(2)))).toEqual([hop(2), String(OTHER)]);
    expect(truthOf(network).places.get(String.fromCharCode(...OTHER))).toEqual(new Set([2]));
  });

  it("shows the target's address at a nearer hop, and one address for several routers", async () => {
    const nearer = second((router) => (router.addresses = [TARGET_ADDRESS]));
    const seen = await exchange(nearer, [{ hopLimit: 2 }]);
    expect(sources(seen)).toEqual([TARGET]);
    expect([...seen[0]![0]!.bytes.subarray(0, 2)]).toEqual([3, 0]);
    const shared = line(routers(3, (router) => (router.addresses = [OTHER])));
    expect(truthOf(shared).places.get(String.fromCharCode(...OTHER))).toEqual(new Set([1, 2, 3]));
  });

  it('answers from another address of the target, always or about options', async () => {
    const terminal = line(routers(2), { ...plainTarget(), answersFrom: OTHER });
    expect(sources(await exchange(terminal, [...BOTH, ...ECHOES]))).toEqual(new Array(4).fill(String(OTHER)));
    const aboutOptions = line(routers(2), { ...plainTarget(), optionAddresses: [OTHER] });
    expect(sources(await exchange(aboutOptions, [...BOTH, ...ECHOES]))).toEqual([
      TARGET,
      String(OTHER),
      TARGET,
      TARGET,
    ]);
    expect(truthOf(aboutOptions).endKeys.size).toBe(2);
  });

  it("refuses in the target's name with a hop limit of its own", async () => {
    const action: Action = { kind: 'reject', type: 1, code: 4, pointer: 'none', inTargetsName: true };
    const network = second((router) => router.rules.push(rule('forward', ANY_OPTIONS, action)));
    const seen = await exchange(network, BOTH, 'packet-socket');
    expect(sources(seen)).toEqual([TARGET, TARGET]);
    // 64 less three routers; 255 less one.
    expect(seen.map(([reply]) => reply!.bytes[7])).toEqual([61, 254]);
    expect(fates(network)).toEqual({ plain: 1, pdm: 0, intact: 0 });
    expect(truthOf(network).udp.effects[0]).toMatchObject({ kind: 'reject', hopLimit: 3 });
  });

  it('has a rival who answers what runs out, first', async () => {
    const network = second((router) => (router.rival = { address: OTHER, asn: 7, share: 1 }));
    expect(sources(await exchange(network, [{ hopLimit: 2 }, { hopLimit: 3 }]))).toEqual([
      `${String(OTHER)}+${hop(2)}`,
      hop(3),
    ]);
    expect(truthOf(network).rivals.size).toBe(1);
  });
});

describe('answers', () => {
  it('loses on the way back what quotes nothing and answers options, where a firewall keeps no state for them', async () => {
    const network = second((router) => router.returnRules.push({ match: 'answers-to-options', share: 1 }));
    expect(sources(await exchange(network, [...BOTH, ...ECHOES]))).toEqual([TARGET, TARGET, TARGET, '']);
    expect(fates(network, 'icmp6')).toEqual({ plain: 1, pdm: 1, intact: 1 });
  });

  it('carries PDM in answers, which may be lost for it', async () => {
    const target = { ...plainTarget(), answersWithPdm: 'to-pdm' as const, slowMs: 3 };
    const seen = await exchange(line(routers(2), target), ECHOES, 'packet-socket');
    const [without, with_] = seen.map(([reply]) => reply!.bytes);
    expect(without![6]).toBe(packet.PROTOCOL.icmp6);
    expect([...with_!.subarray(40, 44)]).toEqual([58, 1, 0x0f, 10]);
    // PSNLR is the number of our packet; DeltaTLR is 3 ms in attoseconds.
    expect(packet.word(with_!, 48)).toBe(0x1007);
    expect(packet.word(with_!, 50) * 2 ** with_![44]!).toBeCloseTo(3e15, -13);
    const raw = await exchange(line(routers(2), target), ECHOES, 'raw-socket');
    expect(raw.map(([reply]) => reply!.bytes[0])).toEqual([129, 129]);
    const lossy = second((router) => router.returnRules.push({ match: 'carrying-options', share: 1 }), target);
    expect(sources(await exchange(lossy, ECHOES))).toEqual([TARGET, '']);
    const always = { ...target, answersWithPdm: 'always' as const };
    expect(sources(await exchange({ ...lossy, target: always }, [...BOTH, ...ECHOES]))).toEqual(['', '', '', '']);
    expect(fates(lossy).pdm).toBe(1);
  });

  it('has a proxy that answers for the target, and no packet gets there', async () => {
    const action: Action = { kind: 'answer', udp: 'echoes' };
    const network = second((router) =>
      router.rules.push(
        rule('forward', { kind: 'every', of: [{ kind: 'bare' }, { kind: 'protocol', protocol: 'icmp6' }] }, action),
      ),
    );
    const seen = await exchange(network, [...ECHOES, ...BOTH], 'packet-socket');
    expect(sources(seen)).toEqual([TARGET, TARGET, TARGET, TARGET]);
    expect(seen.map(([reply]) => reply!.bytes[7])).toEqual([254, 61, 61, 61]);
    expect(fates(network, 'icmp6')).toEqual({ plain: 0, pdm: 1, intact: 1 });
    expect(fates(network, 'udp')).toEqual({ plain: 1, pdm: 1, intact: 1 });
    expect(compareFates(network, 'icmp6', MINUTE).direct).toEqual({ plain: 1, pdm: 1 });
    const dead = { ...network, target: { ...plainTarget(), rules: [rule('local', { kind: 'everything' }, DROP)] } };
    expect(fates(dead, 'icmp6')).toEqual({ plain: 0, pdm: 0, intact: 0 });
  });
});

describe('quotes', () => {
  const quote = async (style: Partial<QuoteStyle>, probe: HandWritten = { hopLimit: 2 }): Promise<Uint8Array> => {
    const network = second((router) => (router.quote = { ...FULL_QUOTE, ...style }));
    const [replies] = await exchange(network, [probe]);
    return replies![0]!.bytes;
  };

  it.each([
    ['hop-by-hop', 0, 8],
    ['routing', 43, 40],
    ['authentication', 51, 24],
    ['destination-options', 60, 16],
  ] as const)('shows a %s header in front of ours', async (header, protocol, length) => {
    const seen = (await quote({ inserted: [header] }, { hopLimit: 2, header: 'pdm' })).subarray(8);
    expect([seen[6], seen[40]]).toEqual([protocol, 60]);
    const octets = header === 'authentication' ? 4 * (seen[41]! + 2) : 8 * (seen[41]! + 1);
    expect(octets).toBe(length);
    expect([...seen.subarray(40 + length, 44 + length)]).toEqual([17, 1, 0x0f, 10]);
    expect(packet.word(seen, 4)).toBe(seen.length - 40);
  });

  it('shows another destination and label', async () => {
    const destination = { to: OTHER, checksum: 'updated' } as const;
    const seen = (await quote({ destination, flowLabel: 0 })).subarray(8);
    expect(seen.subarray(24, 40)).toEqual(OTHER);
    expect(packet.word(seen, 2)).toBe(0);
    expect(packet.checksum(seen, 40, seen.length, 17, seen.subarray(8, 24), OTHER)).toBe(0);
    const asSent = (await quote({ destination: { ...destination, checksum: 'as-sent' } })).subarray(8);
    expect(packet.checksum(asSent, 40, asSent.length, 17, asSent.subarray(8, 24), TARGET_ADDRESS)).toBe(0);
  });

  it('has lengths in octets before extensions, and objects of all kinds', async () => {
    const objects = ['node-id', 'unknown', 'mpls'] as const;
    const padded = await quote({ extensions: 'octets', objects });
    expect(padded[4]).toBe(128);
    const unaligned = await quote({ extensions: 'unaligned', objects, octets: 27 });
    expect(unaligned[4]).toBe(67);
    for (const message of [padded, unaligned]) {
      const structure = message.subarray(8 + 128);
      expect([structure[0], structure[6], structure[14], structure[22]]).toEqual([0x20, 5, 200, 1]);
      expect(packet.sumOf(structure, 0, structure.length) % 0xffff).toBe(0);
    }
  });

  it('are forged by somebody who has seen the ports, and the label or not', async () => {
    for (const knowsLabel of [true, false]) {
      const adversary = { ...PEACE, forgedQuotes: { count: 3, knowsLabel } };
      const probes = Array.from({ length: 6 }, (): HandWritten => ({ hopLimit: 64 }));
      const seen = (await exchange(line(routers(3), plainTarget(), { adversary }), probes)).flat();
      const forged = seen.filter(({ source }) => source === String(FORGER));
      expect(forged).toHaveLength(3);
      for (const { bytes } of forged) {
        const upper = bytes.subarray(48);
        expect(upper.length).toBeGreaterThanOrEqual(4);
        expect(upper.length).toBeLessThan(8);
        expect([packet.word(upper, 0), packet.word(upper, 2)]).toEqual([50000, 33434]);
        expect(((bytes[9]! & 0x0f) << 16) + packet.word(bytes, 10) === 0x12345).toBe(knowsLabel);
      }
    }
  });
});

describe('the sending host', () => {
  it('may refuse packets with options only', async () => {
    const sendFailures = { share: 1, code: 'EPERM', only: 'options' } as const;
    const network = line(routers(2), plainTarget(), { sendFailures });
    expect(sources(await exchange(network, BOTH))).toEqual([TARGET, '']);
    expect(fates(network).pdm).toBe(1);
  });
});

describe('how packets fare', () => {
  it('is averaged over the time of a trace', () => {
    const network = second((router) => router.rules.push(rule('forward', ANY_OPTIONS, DROP, { fromNs: 3e9 })));
    expect(compareFates(network, 'udp', { fromNs: 0, untilNs: 4e9 }).pdm).toBeCloseTo(0.75);
    expect(compareFates(network, 'udp', { fromNs: 0, untilNs: 2e9 }).pdm).toBe(1);
    expect(compareFates(network, 'udp', { fromNs: 5e9, untilNs: 5e9 }).pdm).toBe(0);
  });

  it('is better with the option where plain packets are filtered', () => {
    const network = second((router) => router.rules.push(rule('forward', { kind: 'bare' }, DROP, { share: 0.5 })));
    expect(fates(network)).toEqual({ plain: 0.5, pdm: 1, intact: 1 });
    expect(truthOf(network).udp.effects).toEqual([]);
  });
});

describe('ingredients', () => {
  it('are drawn each by itself, and in a third of networks not at all', () => {
    const counts = new Map<string, number>();
    let without = 0;
    for (let seed = 1; seed <= 2000; seed++) {
      const drawn = drawIngredients(new Random(seed, 23));
      if (drawn.length === 0) without++;
      for (const ingredient of drawn) counts.set(ingredient, (counts.get(ingredient) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([...INGREDIENTS].sort());
    expect(without / 2000).toBeGreaterThan(0.3);
    expect(without / 2000).toBeLessThan(0.55);
  });

  it('change nothing else of a network', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const bare = generateNetwork(seed, undefined, []);
      const drawn = generateNetwork(seed);
      expect(drawn.scenario).toBe(bare.scenario);
      expect(drawn.profile).toBe(bare.profile);
      if (drawn.ingredients.length === 0) expect(drawn).toEqual(bare);
    }
  });

  it.each(INGREDIENTS)('can be added to any network: %s', (ingredient) => {
    for (let seed = 1; seed <= 20; seed++) {
      const { network } = generateNetwork(seed, undefined, [ingredient]);
      expect(generateNetwork(seed, undefined, [ingredient]).network).toEqual(network);
      const { plain, pdm } = truthOf(network).fates('udp', MINUTE);
      for (const share of [plain, pdm]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1 + 1e-9);
      }
    }
  });
});
