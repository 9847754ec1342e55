import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/address/address.js';
import { runDoctor } from '../../../src/cli/doctor/doctor-command.js';
import type { DoctorPorts } from '../../../src/cli/doctor/doctor-ports.js';
import { CliError } from '../../../src/cli/cli-error.js';
import { createSystemTime } from '../../../src/cli/system-time.js';
import { loadSettings } from '../../../src/config/load-settings.js';
import type { EngineTime } from '../../../src/engine/trace-engine.js';
import type { ObservedPacket, ProbeTransport, Route } from '../../../src/transport/probe-transport.js';
import { octets } from '../fake-measuring.js';
import { fakeTerminal } from '../fake-terminal.js';

const SETTINGS = loadSettings({ command: 'trace', env: {}, flags: {} }).settings;
const ROUTER = octets('2001:db8:0:1::1');
const SECOND = octets('2001:db8:0:2::1');
const THIRD = octets('2001:db8:0:3::1');

const hasOption = (packet: Uint8Array): boolean => packet[6] === 60;
const hopOf = (packet: Uint8Array): number => packet[7]!;

/** What is said about a packet: by default its hop's Time Exceeded, which quotes the packet as it was sent. */
interface FakeAnswer {
  readonly source?: Uint8Array;
  readonly type?: number;
  readonly code?: number;
  readonly quote?: Uint8Array;
}
type FakeAnswers = (packet: Uint8Array, nowNs: number) => boolean | FakeAnswer;

const TIME_EXCEEDED = 3;

/** Time that jumps to whatever is waited for. */
function jumpingTime(wallMs = Date.UTC(2026, 0, 2)): EngineTime {
  let nowNs = 0;
  return {
    nowNs: () => nowNs,
    wallMs: () => wallMs,
    at: (atNs, callback) => {
      const immediate = setImmediate(() => {
        nowNs = Math.max(nowNs, atNs);
        callback();
      });
      return () => {
        clearImmediate(immediate);
      };
    },
  };
}

interface FakeRouter {
  readonly sent: Uint8Array[];
  readonly transport: ProbeTransport;
  readonly time: EngineTime;
  closed: boolean;
}

/** Three routers in a row that report the expired packets that `answers` accepts, or say what it says. */
function fakeRouter(answers: FakeAnswers, options: Partial<{ route: string; send: string }> = {}): FakeRouter {
  let listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  const router: FakeRouter = {
    sent: [],
    closed: false,
    time: jumpingTime(),
    transport: {
      name: 'simulated',
      capabilities: {
        receivedHopLimit: false,
        kernelTimestamps: false,
        transmitTimes: false,
        receivesExtensionHeaders: false,
        maxBatch: 64,
      },
      send: (arena, offsets, lengths) => {
        if (options.send !== undefined)
          return Promise.resolve([{ ok: false as const, code: options.send, message: options.send }]);
        const packet = arena.slice(offsets[0], offsets[0]! + lengths[0]!);
        router.sent.push(packet);
        const answer = answers(packet, router.time.nowNs());
        if (answer !== false) {
          const said: FakeAnswer = answer === true ? {} : answer;
          const source = said.source ?? [ROUTER, SECOND, THIRD][hopOf(packet) - 1]!;
          const { type = TIME_EXCEEDED, code = 0, quote = packet } = said;
          const error = new Uint8Array([type, code, 0, 0, 0, 0, 0, 0, ...quote]);
          const observed = { direction: 'in', layer: 'icmpv6', source, hopLimit: null, timeNs: 0 } as const;
          queueMicrotask(() => {
            listener([{ ...observed, bytes: error }]);
          });
        }
        return Promise.resolve([{ ok: true as const, sentAtNs: 0 }]);
      },
      onPackets: (given) => {
        listener = given;
      },
      onError: () => undefined,
      watch: () => Promise.resolve(),
      route: (): Promise<Route> =>
        options.route === undefined
          ? Promise.resolve({ source: octets('2001:db8::9'), interface: 'eth0', mtu: 1500 })
          : Promise.reject(Object.assign(new Error('no route'), { code: options.route })),
      stats: () => ({ kernelDrops: null }),
      close: () => {
        router.closed = true;
        return Promise.resolve();
      },
    },
  };
  return router;
}

const WITH_CAPABILITY = 'Name:\tnode\nCapEff:\t0000000000002000\n';

function ports(router: FakeRouter, changes: Partial<DoctorPorts> & { status?: string } = {}): DoctorPorts {
  return {
    time: router.time,
    randomBytes: (length) => new Uint8Array(length).fill(0x5a),
    readText: (path) => (path === '/proc/self/status' ? (changes.status ?? WITH_CAPABILITY) : null),
    localAddresses: () => [
      { interface: 'lo', address: '::1', loopback: true },
      { interface: 'eth0', address: 'fe80::1', loopback: false },
      { interface: 'eth0', address: '2001:db8::9', loopback: false },
    ],
    openTransport: () => Promise.resolve({ transport: router.transport, choice: 'simulated (as the test wants it)' }),
    otherTransport: () => Promise.resolve(null),
    openAsDatabase: () =>
      Promise.resolve({
        lookup: () => null,
        source: 'test data',
        date: '2026-01-01',
        malformedRows: 0,
        firstMalformedLine: null,
      }),
    resolver: () => ({
      resolveTarget: (name) =>
        Promise.resolve({
          addresses: [octets(name === 'www.example.com' ? '2001:db8::80' : name)],
          zone: null,
          aliases: [],
          ipv4Only: false,
          error: null,
        }),
      close: () => undefined,
    }),
    ...changes,
  };
}

async function doctor(given: DoctorPorts, request: { target?: string; offline?: boolean } = {}) {
  const terminal = fakeTerminal();
  const code = await runDoctor(
    { settings: SETTINGS, target: request.target ?? null, offline: request.offline ?? false },
    terminal,
    given,
  );
  return { code, text: terminal.stdout.text };
}

const everything = (): boolean => true;

describe('doctor', () => {
  it('says in one line each what is well', async () => {
    const router = fakeRouter(everything);
    const { code, text } = await doctor(ports(router));
    expect(text).toBe(`ok   privilege  CAP_NET_RAW is there
ok   address    2001:db8::9 on eth0
ok   transport  simulated (as the test wants it)
ok   route      to the Internet over eth0 from 2001:db8::9, MTU 1500
ok   clock      2026-01-02T00:00:00.000Z; whether it is synchronised is not known
ok   first hops hop 1 (2001:db8:0:1::1) answered 5 of 5 packets with PDM, 5 of 5 without; hop 2 (2001:db8:0:2::1) answered 5 of 5 packets with PDM, 5 of 5 without; hop 3 (2001:db8:0:3::1) answered 5 of 5 packets with PDM, 5 of 5 without
ok   AS data    test data, 2026-01-01
`);
    expect(code).toBe(0);
    expect(router.closed).toBe(true);
  });

  it('sends pairs that end at one of the first three routers, towards a documentation address', async () => {
    const router = fakeRouter(everything);
    await doctor(ports(router));
    expect(router.sent).toHaveLength(30);
    for (const hop of [1, 2, 3]) {
      const packets = router.sent.filter((packet) => hopOf(packet) === hop);
      // Next header 60 is Destination Options, in which the first option is PDM.
      const withOption = packets.filter(hasOption);
      expect(withOption.map((packet) => [...packet.subarray(40, 44)])).toEqual(Array(5).fill([17, 1, 15, 10]));
      expect(packets.filter((packet) => packet[6] === 17)).toHaveLength(5);
      // In pairs, in either order.
      for (const pair of [0, 1, 2, 3, 4])
        expect(packets.slice(2 * pair, 2 * pair + 2).filter(hasOption)).toHaveLength(1);
      expect(new Set([0, 1, 2, 3, 4].map((pair) => hasOption(packets[2 * pair]!))).size).toBe(2);
    }
    for (const packet of router.sent) expect(formatAddress(packet, 24)).toBe('2001:db8::1');
    expect(
      new Set(
        router.sent.map((packet) => (packet[hasOption(packet) ? 56 : 40]! << 8) | packet[hasOption(packet) ? 57 : 41]!),
      ).size,
    ).toBe(30);
  });

  it('says of a source that must not be used what is wrong with it, and what to do', async () => {
    const router = fakeRouter(everything);
    const refusal = new CliError('EADDRNOTAVAIL', 69, '--source ::1 is the loopback address; give another');
    const transport = { ...router.transport, route: () => Promise.reject(refusal) };
    const opened = { transport, choice: 'simulated' };
    const { code, text } = await doctor(ports(router, { openTransport: () => Promise.resolve(opened) }));
    expect(text).toContain('fail route      --source ::1 is the loopback address; give another\n');
    expect(router.sent).toEqual([]);
    expect(code).toBe(69);
  });

  it('sends towards the host that is named', async () => {
    const router = fakeRouter(everything);
    await doctor(ports(router), { target: 'www.example.com' });
    expect(new Set(router.sent.map((packet) => formatAddress(packet, 24)))).toEqual(new Set(['2001:db8::80']));
  });

  it('sends nothing with --offline', async () => {
    const router = fakeRouter(everything);
    const { code, text } = await doctor(ports(router), { offline: true });
    expect(router.sent).toEqual([]);
    expect(text).not.toContain('first hop');
    expect(code).toBe(0);
  });

  const firstHops = async (answers: FakeAnswers, target?: string): Promise<string> => {
    const { code, text } = await doctor(ports(fakeRouter(answers)), target === undefined ? {} : { target });
    expect(code).toBe(0);
    return text.split('\n').find((line) => line.includes('first hops')) ?? '';
  };
  const BOTH_AT_1 = 'hop 1 (2001:db8:0:1::1) answered 5 of 5 packets with PDM, 5 of 5 without; ';

  it('is never well where hop 2 shows plain packets alone: hop 1 may drop the option when it forwards', async () => {
    const line = await firstHops((packet) => hopOf(packet) === 1 || !hasOption(packet));
    expect(line).toBe(
      `warn first hops ${BOTH_AT_1}hop 2 (2001:db8:0:2::1) answered 0 of 5 packets with PDM, 5 of 5 without; ` +
        'hop 3 (2001:db8:0:3::1) answered 0 of 5 packets with PDM, 5 of 5 without: ' +
        'hop 1 loses the option when it forwards, or hop 2 drops it, or hop 2 reports no packet with it; ' +
        'look at `nft list ruleset` here and at the filters of hop 1 and of hop 2; from here every trace may end at hop 1',
    );
  });

  it('suspects hop 1 and this host where no hop shows the option', async () => {
    expect(await firstHops((packet) => !hasOption(packet))).toMatch(
      /^warn first hops hop 1 .* 0 of 5 packets with PDM, 5 of 5 without; hop 2 .* 0 of 5 .*; hop 3 .* 0 of 5 .*: the option is lost at one of these hops or on this host, or they report no packet with it; .* filters of hop 1 and of hop 2 and of hop 3; from here every trace may end at hop 0$/,
    );
    expect(await firstHops((packet) => hopOf(packet) === 1 && !hasOption(packet))).toMatch(
      /^warn first hops hop 1 .* 0 of 5 packets with PDM, 5 of 5 without; hop 2 does not answer; hop 3 does not answer: it, or a filter on this host, may drop the option, or it reports no packet with it; .* end at hop 0$/,
    );
  });

  it('takes no silence for a drop where a hop behind shows the option', async () => {
    expect(await firstHops((packet) => hopOf(packet) !== 1 || !hasOption(packet))).toMatch(
      /^ok {3}first hops .* 0 of 5 .*hop 1 lets the option on, though it reports no packet with it$/,
    );
    expect(await firstHops((packet) => hopOf(packet) === 3 || !hasOption(packet))).toMatch(
      /^ok {3}first hops .* 0 of 5 .* 0 of 5 .*: hop 1 lets the option on, though it reports no packet with it; hop 2 lets the option on, though it reports no packet with it$/,
    );
    expect(await firstHops((packet) => hopOf(packet) === 3)).toMatch(
      /^ok {3}first hops hop 1 does not answer; hop 2 does not answer; hop 3 .* 5 of 5 without$/,
    );
    expect(await firstHops((packet) => hopOf(packet) === 2)).toMatch(
      /^ok {3}first hops hop 1 does not answer; hop 2 .*; hop 3 does not answer: whether hop 2 lets the option on is not known$/,
    );
  });

  it('is not well where hop 2 is seen to get the option and hop 3 shows plain packets alone', async () => {
    expect(await firstHops((packet) => hopOf(packet) < 3 || !hasOption(packet))).toMatch(
      /^warn first hops .*; hop 3 \(2001:db8:0:3::1\) answered 0 of 5 packets with PDM, 5 of 5 without: hop 2 loses the option when it forwards, or hop 3 drops it, or hop 3 reports no packet with it; .* filters of hop 2 and of hop 3; from here every trace may end at hop 2$/,
    );
    expect(await firstHops((packet) => hopOf(packet) !== 2 && (hopOf(packet) === 1 || !hasOption(packet)))).toMatch(
      /^warn first hops .*: hop 1 or hop 2 loses the option when it forwards, or hop 3 drops it, or .* at hop 1$/,
    );
  });

  it('claims nothing about hops that do not answer, and asks the silent no more than three pairs', async () => {
    const router = fakeRouter(() => false);
    const { text } = await doctor(ports(router));
    expect(text).toContain(
      'warn first hops none of hops 1 to 3 answers; hops that do not answer may not report expired packets',
    );
    expect(router.sent).toHaveLength(18);
    expect(await firstHops((packet) => hopOf(packet) === 1)).toBe(
      `warn first hops ${BOTH_AT_1}hop 2 does not answer; hop 3 does not answer: whether hop 1 lets the option on is not known; hops that do not answer may not report expired packets; measuring works without it`,
    );
  });

  it('takes a lost packet or two for what they are', async () => {
    let seen = 0;
    const oneLost = await firstHops((packet) => !(hopOf(packet) === 3 && hasOption(packet) && (seen += 1) === 1));
    expect(oneLost).toMatch(/^ok {3}first hops .* 4 of 5 packets with PDM, 5 of 5 without$/);
    let plain = 0;
    const fewPlain = (packet: Uint8Array): boolean => hopOf(packet) < 3 || (!hasOption(packet) && (plain += 1) !== 2);
    expect(await firstHops(fewPlain)).toMatch(
      /^warn first hops .* 0 of 5 packets with PDM, 4 of 5 without: too few answers to say which; try again$/,
    );
    let passed = 0;
    expect(await firstHops((packet) => hopOf(packet) < 3 || !hasOption(packet) || (passed += 1) === 3)).toMatch(
      /^warn first hops .* 1 of 5 packets with PDM, 5 of 5 without: fewer answers about packets with PDM; try again/,
    );
  });

  it.each([1, 6])('is not misled by a hop that reports one packet a second after a burst of %i', async (burst) => {
    const tokens = new Map([1, 2, 3].map((hop) => [hop, { left: burst, atNs: 0 }]));
    const limited: FakeAnswers = (packet, nowNs) => {
      const bucket = tokens.get(hopOf(packet))!;
      bucket.left = Math.min(burst, bucket.left + (nowNs - bucket.atNs) / 1e9);
      bucket.atNs = nowNs;
      if (bucket.left < 1) return false;
      bucket.left -= 1;
      return true;
    };
    expect(await firstHops(limited)).toMatch(/^ok {3}first hops (.*[45] of 5 packets with PDM, [45] of 5){3}/);
    // What is dropped before it takes nothing from the limit.
    for (const hop of [1, 2, 3]) tokens.set(hop, { left: burst, atNs: 0 });
    const dropping: FakeAnswers = (packet, nowNs) =>
      (hopOf(packet) === 1 || !hasOption(packet)) && limited(packet, nowNs);
    expect(await firstHops(dropping)).toMatch(/^warn first hops .* 0 of 5 packets with PDM, 5 of 5 without: hop 1/);
  });

  it('says who refuses, and tells a refusal from the answer of a target that is near', async () => {
    const refused = await firstHops((packet) =>
      hopOf(packet) > 1 && hasOption(packet) ? { source: ROUTER, type: 1, code: 4 } : true,
    );
    expect(refused).toContain(': 2001:db8:0:1::1 refuses packets with PDM, port unreachable (ICMPv6 1/4); look at');
    const target = octets('2001:db8::80');
    const near: FakeAnswers = () => ({ source: target, type: 1, code: 4 });
    expect(await firstHops(near, 'www.example.com')).toBe(
      'ok   first hops the target itself (2001:db8::80) answered 15 of 15 packets with PDM, 15 of 15 without',
    );
    const deaf = await firstHops((packet, nowNs) => !hasOption(packet) && near(packet, nowNs), 'www.example.com');
    expect(deaf).toContain('0 of 15 packets with PDM, 15 of 15 without: it drops the option, or a filter on this host');
    const second = await firstHops(
      (packet) => (hopOf(packet) === 1 ? true : { source: target, type: 1, code: 4 }),
      'www.example.com',
    );
    expect(second).toBe(
      `ok   first hops ${BOTH_AT_1}the target itself (2001:db8::80) answered 10 of 10 packets with PDM, 10 of 10 without`,
    );
  });

  it('claims nothing beyond a hop that has no route to the target', async () => {
    const line = await firstHops((packet) => hopOf(packet) === 1 || { source: ROUTER, type: 1, code: 0 });
    expect(line).toContain(
      'hop 2 is not seen, 2001:db8:0:1::1 says of plain packets too: no route to the destination (ICMPv6 1/0): ' +
        'whether hop 1 lets the option on is not known; name a host that there is a way to',
    );
    expect(line).toMatch(/^warn/);
  });

  it('fails where this host itself says that the first router is not there, and takes it for no hop', async () => {
    const own: FakeAnswers = () => ({ source: octets('2001:db8::9'), type: 1, code: 3 });
    const { code, text } = await doctor(ports(fakeRouter(own)));
    const line = text.split('\n').find((one) => one.includes('first hops')) ?? '';
    expect(line).toMatch(/^fail first hops packets do not leave this host, which itself \(2001:db8::9\) says/);
    expect(line).toContain('address unreachable');
    expect(line).not.toContain('hop 1');
    expect(code).toBe(69);
    // A target that is this very host answers for itself.
    expect(await firstHops((packet) => ({ source: packet.slice(24, 40), type: 1, code: 4 }), '2001:db8::9')).toMatch(
      /^ok /,
    );
  });

  it('is not well where the option is taken out or changed before hop 2', async () => {
    const stripped: FakeAnswers = (packet) => {
      if (hopOf(packet) === 1 || !hasOption(packet)) return true;
      const quote = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
      quote[6] = 17;
      quote[5]! -= 16;
      return { quote };
    };
    const altered: FakeAnswers = (packet) => {
      const quote = packet.slice();
      if (hopOf(packet) > 1 && hasOption(packet)) quote[42] = 0x1e;
      return { quote };
    };
    for (const answers of [stripped, altered])
      expect(await firstHops(answers)).toMatch(
        /^warn first hops .* 0 of 5 packets with PDM, 5 of 5 without: about packets with PDM hop 2 answers, but quotes them without/,
      );
  });

  it('knows a packet from a quote of no more than eight octets behind the IPv6 header', async () => {
    expect(await firstHops((packet) => ({ quote: packet.subarray(0, 48) }))).toMatch(
      /^ok {3}first hops (.*5 of 5 packets with PDM, 5 of 5 without){3}$/,
    );
  });

  it('is not misled by errors about packets of others', async () => {
    const router = fakeRouter(() => false);
    const { transport } = router;
    const foreign: ProbeTransport = {
      ...transport,
      send: async (arena, offsets, lengths) => {
        const packet = arena.slice(offsets[0], offsets[0]! + lengths[0]!);
        const elsewhere = packet.slice();
        elsewhere[39] = 0xff;
        for (const bytes of [new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0, ...elsewhere]), new Uint8Array(5), packet])
          deliver([{ direction: 'in', layer: 'icmpv6', source: ROUTER, hopLimit: null, timeNs: 0, bytes }]);
        return transport.send(arena, offsets, lengths);
      },
      onPackets: (listener) => {
        deliver = listener;
      },
    };
    let deliver: (batch: readonly ObservedPacket[]) => void = () => undefined;
    const opened = { transport: foreign, choice: 'simulated' };
    const { text } = await doctor(ports(router, { openTransport: () => Promise.resolve(opened) }));
    expect(text).toContain('none of hops 1 to 3 answers');
  });

  it.each([
    ['native', { name: 'raw-socket', problem: null }, 'ok   other      raw-socket works too; it would lose the kernel'],
    ['raw-socket', { name: 'native', problem: null }, 'ok   other      native works too; it would lose nothing but'],
    [
      'raw-socket',
      { name: 'native', problem: 'not built; install g++ make python3' },
      'warn other      native cannot be used: not built; install g++ make python3; it would see what raw-socket loses',
    ],
    [
      'native',
      { name: 'raw-socket', problem: 'not compiled' },
      'ok   other      raw-socket cannot be used: not compiled; nothing is lost as long as native works',
    ],
  ] as const)(
    'says beside %s what the other transport would lose, or why it is not there',
    async (name, other, line) => {
      const router = fakeRouter(everything);
      const transport = { ...router.transport, name };
      const { code, text } = await doctor(
        ports(router, {
          openTransport: () => Promise.resolve({ transport, choice: name }),
          otherTransport: () => Promise.resolve(other),
        }),
      );
      expect(text).toMatch(new RegExp(`^ok   transport  ${name}; it loses (the kernel|nothing but)`, 'm'));
      expect(text).toContain(line);
      expect(code).toBe(0);
    },
  );

  it('ends with 77 and the remedy where the privilege is missing', async () => {
    const error = new CliError('EPERM', 77, 'raw sockets are not permitted (EPERM)');
    const changes = { status: 'CapEff:\t0000000000000000\n', openTransport: () => Promise.reject(error) };
    const { code, text } = await doctor(ports(fakeRouter(everything), changes));
    expect(code).toBe(77);
    expect(text).toMatch(
      /^fail privilege {2}CAP_NET_RAW is missing.*run it as root or with the capability CAP_NET_RAW/,
    );
    expect(text).toContain('fail transport  raw sockets are not permitted (EPERM)\n');
  });

  it.each([
    [
      'no route',
      fakeRouter(everything, { route: 'ENETUNREACH' }),
      {},
      'fail route      no route to the Internet (ENETUNREACH);',
    ],
    [
      'a failed send',
      fakeRouter(everything, { send: 'EPERM' }),
      {},
      'fail first hops sending failed (EPERM); look for a firewall',
    ],
    [
      'no address',
      fakeRouter(everything),
      { localAddresses: () => [{ interface: 'eth0', address: 'fe80::1', loopback: false }] },
      'fail address    no interface has an IPv6 address beyond its link;',
    ],
    [
      'IPv6 switched off',
      fakeRouter(everything),
      { readText: (path: string) => (path.endsWith('disable_ipv6') ? '1\n' : WITH_CAPABILITY) },
      'fail address    IPv6 is switched off; sysctl -w',
    ],
    [
      'unreadable AS data',
      fakeRouter(everything),
      { openAsDatabase: () => Promise.reject(new Error('--asn-db: cannot read "x"')) },
      'fail AS data    --asn-db: cannot read "x"',
    ],
  ])('ends with 69 for %s', async (_what, router, changes, line) => {
    const { code, text } = await doctor(ports(router, changes));
    expect(text).toContain(line);
    expect(code).toBe(69);
  });

  it('warns about an unset clock, unique local addresses and missing AS data, without failing', async () => {
    const { code, text } = await doctor(
      ports(fakeRouter(everything), {
        time: jumpingTime(0),
        localAddresses: () => [{ interface: 'eth0', address: 'fd00::1', loopback: false }],
        openAsDatabase: () => Promise.resolve(null),
      }),
    );
    expect(text).toContain('warn address    only fd00::1 on eth0, a unique local address;');
    expect(text).toContain('warn clock      it is set to 1970-01-01T00:00:00.000Z;');
    expect(text).toContain('warn AS data    none, so networks have no names; npm install @ip-location-db/asn');
    expect(code).toBe(0);
  });

  it('fails a monotonic clock that runs backwards', async () => {
    let nowNs = 1e9;
    const time = { ...createSystemTime(), nowNs: () => (nowNs -= 1) };
    const { code, text } = await doctor(ports(fakeRouter(everything), { time }), { offline: true });
    expect(text).toContain('fail clock      the monotonic clock runs backwards;');
    expect(code).toBe(69);
  });
});
