import { describe, expect, it } from 'vitest';

import { exchange, hop, line, quoted, routers, sources, TARGET } from './exchange.js';
import { generateNetwork } from './generate-network.js';
import { plainRouter, plainTarget, rule, SOURCE_ADDRESS } from './network-parts.js';
import { handWrittenProbe, type HandWritten } from './hand-written-probe.js';
import { LossProcess } from './loss-process.js';
import { FULL_QUOTE, PEACE, type Network, type Router, type Segment } from './network.js';
import * as packet from './packet.js';
import { Random } from './random.js';
import { SimulatedTransport } from './simulated-transport.js';
import { TokenBucket } from './token-bucket.js';
import { truthOf } from './truth.js';
import { VirtualTime } from './virtual-time.js';

describe('the simulated network', () => {
  it('lets router k answer at hop limit k and the target from there on', async () => {
    const seen = await exchange(
      line(routers(3)),
      [1, 2, 3, 4, 64].map((hopLimit) => ({ hopLimit })),
    );
    expect(sources(seen)).toEqual([hop(1), hop(2), hop(3), TARGET, TARGET]);
    expect([...seen[0]![0]!.bytes.subarray(0, 2)]).toEqual([3, 0]);
    expect([...seen[3]![0]!.bytes.subarray(0, 2)]).toEqual([1, 4]);
  });

  it('quotes the packet with the hop limit it arrived with, and nothing else changed', async () => {
    const [replies] = await exchange(line(routers(5)), [{ hopLimit: 4, header: 'pdm' }]);
    const expected = handWrittenProbe({ hopLimit: 1, header: 'pdm' });
    expect(quoted(replies![0])).toEqual(expected);
  });

  it('answers echo requests with the same identifier, number and payload', async () => {
    const [replies] = await exchange(line(routers(2)), [{ protocol: 'icmp6', hopLimit: 9, header: 'pdm' }]);
    const expected = handWrittenProbe({ protocol: 'icmp6', hopLimit: 9 }).subarray(44);
    expect(replies![0]!.bytes[0]).toBe(129);
    expect(replies![0]!.bytes.subarray(4)).toEqual(expected);
  });

  it('acts with a forward filter after and with an ingress filter before the expiry check', async () => {
    const hopLimits = [2, 3, 4].map((hopLimit): HandWritten => ({ hopLimit, header: 'pdm' }));
    const filtered = (stage: 'forward' | 'ingress'): Network =>
      line(
        routers(
          3,
          (router, number) =>
            number === 2 && router.rules.push(rule(stage, { kind: 'destination-options' }, { kind: 'drop' })),
        ),
      );
    expect(sources(await exchange(filtered('forward'), hopLimits))).toEqual([hop(2), '', '']);
    expect(sources(await exchange(filtered('ingress'), hopLimits))).toEqual(['', '', '']);
    expect(truthOf(filtered('forward')).udp.effects[0]?.hopLimit).toBe(3);
    expect(truthOf(filtered('ingress')).udp.effects[0]?.hopLimit).toBe(2);
  });

  it('tells the option, its header, its size and the packet length apart', async () => {
    const arms: HandWritten[] = [
      { hopLimit: 64, header: 'none' },
      { hopLimit: 64, header: 'pdm' },
      { hopLimit: 64, header: 'do8' },
      { hopLimit: 64, header: 'do16' },
      { hopLimit: 64, header: 'none', payload: 40 },
    ];
    const passed = async (match: Parameters<typeof rule>[1]): Promise<string> => {
      const network = line(
        routers(2, (router, number) => number === 1 && router.rules.push(rule('forward', match, { kind: 'drop' }))),
      );
      return sources(await exchange(network, arms))
        .map((source) => (source === '' ? '-' : '+'))
        .join('');
    };
    expect(await passed({ kind: 'option' })).toBe('+-+++');
    expect(await passed({ kind: 'destination-options' })).toBe('+---+');
    expect(await passed({ kind: 'header-octets', atLeast: 16 })).toBe('+-+-+');
    expect(await passed({ kind: 'longer-by', atLeast: 1 })).toBe('+----');
  });

  it('refuses with the code and the pointer of the rule', async () => {
    const network = line(
      routers(3, (router, number) => {
        if (number === 2)
          router.rules.push(
            rule('forward', { kind: 'option' }, { kind: 'reject', type: 4, code: 2, pointer: 'option' }),
          );
      }),
    );
    const [replies] = await exchange(network, [{ hopLimit: 9, header: 'pdm' }]);
    expect(replies![0]!.source).toBe(hop(2));
    expect([...replies![0]!.bytes.subarray(0, 2), ...replies![0]!.bytes.subarray(4, 8)]).toEqual([4, 2, 0, 0, 0, 42]);
  });

  it('strips the header so that the packet is the plain one to everybody beyond', async () => {
    const network = line(
      routers(3, (router, number) => {
        if (number === 2) router.rules.push(rule('forward', { kind: 'option' }, { kind: 'strip' }));
      }),
    );
    const [before, after, end] = await exchange(
      network,
      [2, 3, 9].map((hopLimit): HandWritten => ({ hopLimit, header: 'pdm' })),
    );
    expect(quoted(before![0])).toEqual(handWrittenProbe({ hopLimit: 1, header: 'pdm' }));
    expect(quoted(after![0])).toEqual(handWrittenProbe({ hopLimit: 1 }));
    expect(end![0]!.source).toBe(TARGET);
  });

  it('cuts quotes where the router does, and pads them to 128 octets before extensions', async () => {
    const network = line(
      routers(3, (router, number) => {
        if (number === 1) router.quote = { ...FULL_QUOTE, octets: 8 };
        if (number === 2) router.quote = { ...FULL_QUOTE, octets: 8, extensions: 'compliant', objects: ['mpls'] };
        if (number === 3) router.quote = { ...FULL_QUOTE, extensions: 'legacy', objects: ['interface'] };
      }),
    );
    const [short, compliant, legacy] = await exchange(
      network,
      [1, 2, 3].map((hopLimit) => ({ hopLimit })),
    );
    expect(short![0]!.bytes).toHaveLength(8 + 48);
    expect(compliant![0]!.bytes[4]).toBe(16);
    expect(compliant![0]!.bytes.subarray(8 + 48, 8 + 128)).toEqual(new Uint8Array(80));
    expect(compliant![0]!.bytes[8 + 128]).toBe(0x20);
    expect(legacy![0]!.bytes[4]).toBe(0);
    expect(packet.sumOf(legacy![0]!.bytes, 8 + 128, legacy![0]!.bytes.length) % 0xffff).toBe(0);
  });

  it.each(['updated', 'neutral'] as const)(
    'translates sources with the checksum %s, and quotes untranslated or not',
    async (kind) => {
      for (let seed = 1; seed < 200; seed++) {
        const { network } = generateNetwork(seed, 'NAT66, delivered');
        const translate = network.epochs[0]!.segments.flatMap((segment) => segment.members.flat()).flatMap(
          (router) => router.rules,
        )[0]!.action;
        if (translate.kind !== 'translate' || translate.checksum !== kind) continue;
        for (const translatesQuotes of [true, false]) {
          const first = routers(
            3,
            (router, number) =>
              number === 1 &&
              router.rules.push(rule('forward', { kind: 'everything' }, { ...translate, translatesQuotes })),
          );
          const [before, after, echo] = await exchange(line(first), [
            { hopLimit: 1 },
            { hopLimit: 3 },
            { hopLimit: 9, protocol: 'icmp6' },
          ]);
          expect(quoted(before![0])).toEqual(handWrittenProbe({ hopLimit: 1 }));
          expect(String(quoted(after![0]).subarray(8, 24))).toBe(
            String(translatesQuotes ? SOURCE_ADDRESS : translate.to),
          );
          const whole = quoted(after![0]);
          expect(packet.checksum(whole, 40, whole.length, 17, whole.subarray(8, 24), whole.subarray(24, 40))).toBe(0);
          expect(echo![0]!.bytes[0]).toBe(129);
        }
        return;
      }
      expect.unreachable('no such translator was drawn');
    },
  );

  it('filters errors that quote options on the way back, and lets echo replies pass', async () => {
    const network = line(
      routers(
        4,
        (router, number) => number === 2 && router.returnRules.push({ match: 'errors-quoting-options', share: 1 }),
      ),
    );
    const seen = await exchange(network, [
      { hopLimit: 2, header: 'pdm' },
      { hopLimit: 3, header: 'pdm' },
      { hopLimit: 3 },
      { hopLimit: 9, header: 'pdm' },
      { hopLimit: 9, header: 'pdm', protocol: 'icmp6' },
    ]);
    expect(sources(seen)).toEqual([hop(2), '', hop(3), '', TARGET]);
    expect(truthOf(network).udp.effects).toEqual([]);
  });

  it('sends packets with the header another way where a segment says so', async () => {
    const all = routers(5);
    const network = line([], plainTarget(), {
      epochs: [
        {
          fromNs: 0,
          segments: [
            { members: [all.slice(0, 1)], hash: 'none', headerMember: null, salt: 0 },
            { members: [all.slice(1, 2), all.slice(2, 4)], hash: 'none', headerMember: 1, salt: 0 },
            { members: [all.slice(4)], hash: 'none', headerMember: null, salt: 0 },
          ],
        },
      ],
    });
    const walk = async (header: 'none' | 'pdm'): Promise<string[]> =>
      sources(
        await exchange(
          network,
          [1, 2, 3, 4, 5].map((hopLimit) => ({ hopLimit, header })),
        ),
      );
    expect(await walk('none')).toEqual([hop(1), hop(2), hop(5), TARGET, TARGET]);
    expect(await walk('pdm')).toEqual([hop(1), hop(3), hop(4), hop(5), TARGET]);
  });

  it('chooses among equal-cost members by flow, the same for both packets of a pair where only label and ports count', async () => {
    const members = Array.from({ length: 4 }, (_, index) => [plainRouter(1, index + 1)]);
    const network = line([], plainTarget(), {
      epochs: [{ fromNs: 0, segments: [{ members, hash: 'flow-label', headerMember: null, salt: 5 }] }],
    });
    const labels = Array.from({ length: 40 }, (_, index) => 0x100 + 77 * index);
    const plain = sources(
      await exchange(
        network,
        labels.map((flowLabel) => ({ hopLimit: 1, flowLabel })),
      ),
    );
    const pdm = sources(
      await exchange(
        network,
        labels.map((flowLabel): HandWritten => ({ hopLimit: 1, flowLabel, header: 'pdm' })),
      ),
    );
    expect(pdm).toEqual(plain);
    expect(new Set(plain).size).toBe(4);
  });

  it('shows the next hop twice where a router passes on what ran out', async () => {
    const network = line(routers(3, (router, number) => (router.forwardsExpired = number === 1)));
    const seen = await exchange(
      network,
      [1, 2, 3].map((hopLimit) => ({ hopLimit })),
    );
    expect(sources(seen)).toEqual([hop(2), hop(2), hop(3)]);
    expect(seen.map(([reply]) => quoted(reply)[7])).toEqual([0, 1, 1]);
  });

  it('changes the way at the time of a later epoch', async () => {
    const all = routers(3);
    const way = (members: Router[]): Segment => ({ members: [members], hash: 'none', headerMember: null, salt: 0 });
    const network = line([], plainTarget(), {
      epochs: [
        { fromNs: 0, segments: [way(all.slice(0, 1))] },
        { fromNs: 1.5e9, segments: [way(all.slice(1))] },
      ],
    });
    expect(
      sources(
        await exchange(
          network,
          [1, 1, 1].map((hopLimit) => ({ hopLimit })),
        ),
      ),
    ).toEqual([hop(1), hop(1), hop(2)]);
  });

  it('hides from raw sockets what the kernel would, and shows everything to packet sockets', async () => {
    const network = line(routers(1), plainTarget(), { adversary: { ...PEACE, corrupted: 1 } });
    const probes = Array.from({ length: 20 }, () => ({ hopLimit: 1 }));
    expect(sources(await exchange(network, probes, 'raw-socket')).filter((source) => source !== '')).toEqual([]);
    const whole = await exchange(network, probes, 'packet-socket');
    expect(whole.every(([reply]) => reply!.layer === 'ipv6' && reply!.bytes[0]! >> 4 === 6)).toBe(true);
  });

  it('gives a failed send as an outcome', async () => {
    const time = new VirtualTime();
    const transport = new SimulatedTransport(time, [
      line(routers(1), plainTarget(), { sendFailures: { share: 1, code: 'EPERM' } }),
    ]);
    const octets = handWrittenProbe({ hopLimit: 1 });
    const [outcome] = await transport.send(octets, Uint32Array.of(0), Uint32Array.of(octets.length));
    expect(outcome).toMatchObject({ ok: false, code: 'EPERM' });
  });
});

describe('loss and limits', () => {
  it.each([
    { kind: 'independent', rate: 0.1 } as const,
    { kind: 'bursts', rate: 0.1, badMs: 100, badLoss: 0.8 } as const,
  ])('loses a tenth of the packets in the long run ($kind)', (model) => {
    const random = new Random(3);
    const process = new LossProcess(model);
    let lost = 0;
    for (let i = 0; i < 100_000; i++) if (process.lost(i * 10e6, random)) lost++;
    expect(lost / 100_000).toBeGreaterThan(0.09);
    expect(lost / 100_000).toBeLessThan(0.11);
  });

  it('loses packets of a burst together', () => {
    const random = new Random(4);
    const process = new LossProcess({ kind: 'bursts', rate: 0.1, badMs: 100, badLoss: 1 });
    let both = 0;
    let first = 0;
    for (let i = 0; i < 20_000; i++) {
      const a = process.lost(i * 1e9, random);
      const b = process.lost(i * 1e9 + 2000, random);
      if (a) first++;
      if (a && b) both++;
    }
    expect(both / first).toBeGreaterThan(0.95);
  });

  it('allows a burst of 6 errors, then one a second', () => {
    const random = new Random(5);
    const bucket = new TokenBucket({ burst: 6, perSecond: 1, crossTraffic: 0 });
    const allowed = Array.from({ length: 50 }, (_, i) => bucket.take(i * 1e8, random)).filter(Boolean);
    expect(allowed).toHaveLength(6 + 4);
  });
});

describe('generated networks', () => {
  it('are the same for the same seed', () => {
    for (let seed = 1; seed < 50; seed++) expect(generateNetwork(seed)).toEqual(generateNetwork(seed));
  });

  it('do to hand-written packets what their truth says', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const { network, scenario, ingredients } = generateNetwork(seed);
      const time = new VirtualTime();
      const transport = new SimulatedTransport(time, [network]);
      const simulated = transport.simulatedNetwork();
      const arrived = { pdm: 0, none: 0 };
      simulated.log = (_, text) => {
        if (text.includes('arrived at')) arrived[text.includes(' pdm ') ? 'pdm' : 'none']++;
      };
      const count = 80;
      const random = new Random(seed, 99);
      for (let i = 0; i < count; i++) {
        for (const header of ['pdm', 'none'] as const) {
          simulated.send(
            handWrittenProbe({
              hopLimit: 64,
              header,
              flowLabel: random.word() & 0xfffff,
              port: random.integer(50000, 60000),
            }),
            time.nowNs(),
          );
        }
        await time.advance(50e6);
      }
      const sending = { fromNs: 0, untilNs: time.nowNs() };
      await time.advance(1e9);
      expect(simulated.malformedProbes, `seed ${seed}`).toBe(0);
      const where = `seed ${seed}, ${scenario}, ${ingredients.join(', ')}`;
      const truth = truthOf(network, simulated.policed);
      // A stripped packet arrives as a plain one: the log cannot tell them apart. A shunning firewall shuns both.
      if (truth.udp.effects.some((effect) => effect.kind === 'strip' || effect.kind === 'alter')) continue;
      if (ingredients.includes('shunning firewall')) continue;
      const fates = truth.fates('udp', sending);
      // Loss that all packets suffer is no part of the truth, and chance is.
      expect(arrived.pdm, where).toBeLessThanOrEqual((fates.pdm === 0 ? 0 : fates.pdm + 0.2) * count);
      expect(arrived.pdm, where).toBeGreaterThanOrEqual((fates.pdm / 2 - 0.15) * count);
      expect(arrived.none, where).toBeLessThanOrEqual((fates.plain === 0 ? 0 : fates.plain + 0.2) * count);
      expect(arrived.none, where).toBeGreaterThanOrEqual((fates.plain / 2 - 0.15) * count);
    }
  });
});
