import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/address/address.js';
import { runDoctor } from '../../src/cli/doctor-command.js';
import type { DoctorPorts } from '../../src/cli/doctor-ports.js';
import { CliError } from '../../src/cli/cli-error.js';
import { createSystemTime } from '../../src/cli/system-time.js';
import { loadSettings } from '../../src/config/load-settings.js';
import type { EngineTime } from '../../src/engine/trace-engine.js';
import type { ObservedPacket, ProbeTransport, Route } from '../../src/transport/probe-transport.js';
import { octets } from './fake-measuring.js';
import { fakeTerminal } from './fake-terminal.js';

const SETTINGS = loadSettings({ command: 'trace', env: {}, flags: {} }).settings;
const ROUTER = octets('2001:db8:0:1::1');

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
  closed: boolean;
}

/** A first router that reports expired packets that `answers` accepts. */
function fakeRouter(
  answers: (packet: Uint8Array) => boolean,
  options: Partial<{ route: string; send: string }> = {},
): FakeRouter {
  let listener: (batch: readonly ObservedPacket[]) => void = () => undefined;
  const router: FakeRouter = {
    sent: [],
    closed: false,
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
        if (answers(packet)) {
          const error = new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0, ...packet]);
          const observed = { direction: 'in', layer: 'icmpv6', source: ROUTER, hopLimit: null, timeNs: 0 } as const;
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
    time: jumpingTime(),
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
ok   first hop  2001:db8:0:1::1 answered 3 of 3 packets with PDM and 3 of 3 without
ok   AS data    test data, 2026-01-01
`);
    expect(code).toBe(0);
    expect(router.closed).toBe(true);
  });

  it('sends pairs that end at the first router, towards a documentation address', async () => {
    const router = fakeRouter(everything);
    await doctor(ports(router));
    expect(router.sent).toHaveLength(6);
    for (const packet of router.sent) {
      expect(packet[7]).toBe(1);
      expect(formatAddress(packet, 24)).toBe('2001:db8::1');
    }
    // Next header 60 is Destination Options, in which the first option is PDM.
    const withOption = router.sent.filter((packet) => packet[6] === 60);
    expect(withOption.map((packet) => [...packet.subarray(40, 44)])).toEqual(Array(3).fill([17, 1, 15, 10]));
    expect(router.sent.filter((packet) => packet[6] === 17)).toHaveLength(3);
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

  it('warns when the first router answers about plain packets only', async () => {
    const { code, text } = await doctor(ports(fakeRouter((packet) => packet[6] === 17)));
    expect(text).toContain('warn first hop  2001:db8:0:1::1 answered 3 of 3 packets without PDM and none with:');
    expect(code).toBe(0);
  });

  it('accuses no router that answers nothing, or only some plain packets', async () => {
    const silent = await doctor(ports(fakeRouter(() => false)));
    expect(silent.text).toContain('warn first hop  no router answered; it may not report expired packets');
    let answered = 0;
    const lossy = await doctor(ports(fakeRouter((packet) => packet[6] === 17 && (answered += 1) < 3)));
    expect(lossy.text).toContain('answered 2 of 3 packets without PDM and none with; try again');
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
    expect(text).toContain('no router answered');
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
      'fail first hop  sending failed (EPERM); look for a firewall',
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
