/** The engine over a transport in memory: whatever the transport does, each trace ends in one record. */
import { describe, expect, it } from 'vitest';
import { traceRecordSchema } from '../../src/record/record-schema.js';
import { alter } from '../trace/by-hand.js';
import { octetsOf, TARGET } from '../trace/trace-fixture.js';
import { requestFor, setUp } from './engine-fixture.js';

const upperOf = (packet: Uint8Array): Uint8Array => packet.subarray(packet[6] === 60 ? 56 : 40);
const isForTarget = (packet: Uint8Array): boolean => packet[29] === TARGET[5];
const nonceOfEcho = (packet: Uint8Array): string => upperOf(packet).subarray(8, 16).join();

describe('a trace in the engine', () => {
  it('ends in a delivered record over a path that answers everything', async () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const { transport, engine, finish } = setUp();
      transport.answers = true;
      const record = await finish(engine.start(requestFor(protocol)).record);
      expect(record.verdict.outcome).toBe('delivered');
      expect(record.targetPairs!.distance).toEqual({ plain: 4, pdm: 4 });
      expect(record.counters).toMatchObject({ sent: transport.sent.length, foreign: 0, forged: 0, ambiguous: 0 });
      expect(engine.stats()).toMatchObject({ tracesInFlight: 0, probesSent: transport.sent.length, sendErrors: 0 });
    }
  });

  it('hands the transport no more than it takes at once, and watches the flows before the first probe', async () => {
    const { transport, engine, time } = setUp({ rate: 100_000 }, 4);
    transport.answers = true;
    let watchedAtFirst: readonly string[] = [];
    transport.sendFailure = () => {
      if (transport.sent.length === 0) watchedAtFirst = [...transport.watched];
      return null;
    };
    const targets = Array.from({ length: 10 }, (_, i) => octetsOf(`2001:db8:10:9::${i + 1}`));
    await time.runUntil(Promise.all(targets.map(async (target) => engine.start(requestFor('udp', target)).record)));
    expect(Math.max(...transport.batches)).toBe(4);
    expect(watchedAtFirst).toEqual(['udp', 'udp,icmp6']);
  });

  it('sends the two packets of a pair next to each other, plain ones first and then one with an option beside each', async () => {
    const { transport, engine, finish } = setUp();
    transport.answers = true;
    await finish(engine.start(requestFor('udp')).record);
    // One alone at the target, which is answered: the second one does not leave.
    const [first] = transport.sent.splice(0, 1);
    expect([first?.[6], first?.[7]]).toEqual([17, 64]);
    let plainPairs = 0;
    for (let i = 0; i < transport.sent.length; i += 2) {
      const pair = [transport.sent[i]!, transport.sent[i + 1]!];
      const headers = pair.map((packet) => packet[6]).sort();
      // Later only the two tests of the pace are plain.
      if (headers[1] === 17) plainPairs += 1;
      expect(headers).toEqual(i < 2 || headers[1] === 17 ? [17, 17] : [17, 60]);
      expect(pair[0]!.subarray(7, 40)).toEqual(pair[1]!.subarray(7, 40));
    }
    expect(plainPairs).toBe(3);
  });

  it('sends the second of the first packets where the first is not answered soon', async () => {
    const { transport, engine, time } = setUp();
    void engine.start(requestFor('icmp6'));
    const targets = (): number => transport.sent.filter((packet) => packet[7] === 64).length;
    await time.run(0.149e9);
    expect(targets()).toBe(1);
    await time.run(0.002e9);
    expect(targets()).toBe(2);
    await engine.close();
  });

  it('reads the octets of the target before the caller uses them again', async () => {
    const { transport, engine, finish } = setUp();
    transport.answers = true;
    const target = TARGET.slice();
    const { record } = engine.start(requestFor('icmp6', target));
    target.fill(0xff);
    expect((await finish(record)).target.address).toBe('2001:db8:10:9::1');
  });

  it('keeps the packet rate over all traces', async () => {
    const { transport, engine, time } = setUp({ rate: 50 });
    transport.answers = true;
    for (let i = 1; i <= 20; i += 1) void engine.start(requestFor('udp', octetsOf(`2001:db8:10:9::${i}`)));
    await time.run(4e9);
    expect(transport.sent.length).toBeLessThanOrEqual(4 * 50 + 2 + 8);
    expect(transport.sent.length).toBeGreaterThan(150);
    await engine.close();
  });

  it('asks one router no more often than its interval allows, whoever asks', async () => {
    const { transport, engine, time } = setUp();
    transport.answers = true;
    // Three pairs; where nothing is lost one is enough.
    transport.swallows = (packet) => packet[6] === 60 && packet[7]! > 4;
    const atHop1: number[] = [];
    transport.sendFailure = (packet) => {
      if (packet[7] === 1 && packet[6] === 60) atHop1.push(time.nowNs());
      return null;
    };
    const records = [1, 2, 3, 4].map((i) => engine.start(requestFor('udp', octetsOf(`2001:db8:10:9::${i}`))).record);
    await time.runUntil(Promise.all(records));
    // Four traces meet hop 1 before anybody knows who answers there; from then on the budget is shared.
    const known = atHop1.slice(4);
    expect(known).toHaveLength(8);
    known.slice(1).forEach((at, i) => {
      // What a budget has gained is rounded.
      expect(at - known[i]!).toBeGreaterThanOrEqual(0.25e9 - 10);
    });
  });

  it('counts each fragment that a router reports, also of probes that nobody knew it would answer', async () => {
    const { transport, engine, time } = setUp({ rate: 100 });
    transport.answers = true;
    transport.swallows = (packet) => packet[6] === 60 && packet[7]! > 4;
    const atHop1: { atNs: number; target: number }[] = [];
    transport.sendFailure = (packet) => {
      const isLast = packet[6] === 60 && (packet[59]! & 1) === 0;
      if (packet[7] === 1 && isLast) atHop1.push({ atNs: time.nowNs(), target: packet[39]! });
      return null;
    };
    const records = [1, 2, 3, 4].map((i) => {
      const request = requestFor('udp', octetsOf(`2001:db8:10:9::${i}`));
      return engine.start({ ...request, parameters: { ...request.parameters, fragment: true } }).record;
    });
    await time.runUntil(Promise.all(records));
    expect(atHop1).toHaveLength(12);
    for (const [i, { atNs, target }] of atHop1.entries()) {
      // The first of each trace goes out before it knows who answers.
      if (atHop1.slice(0, i).some((before) => before.target === target))
        expect(atNs - atHop1[i - 1]!.atNs).toBeGreaterThanOrEqual(0.5e9);
    }
  });
});

describe('a trace that cannot be measured', () => {
  it('without a route is unreachable, with the reason, and valid as a record', async () => {
    const { transport, engine } = setUp();
    transport.routeFailure = new Error('ENETUNREACH: no route to 2001:db8:10:9::1');
    const record = await engine.start(requestFor('udp')).record;
    expect(traceRecordSchema.parse(record)).toEqual(record);
    expect(record).toMatchObject({ hops: [], source: { address: null }, target: { address: '2001:db8:10:9::1' } });
    expect(record.verdict).toMatchObject({ outcome: 'unreachable', reasons: [transport.routeFailure.message] });
    expect(transport.sent).toEqual([]);
  });

  it('because every send fails is unreachable with the code, and does not go on trying', async () => {
    const { transport, engine, finish } = setUp();
    transport.sendFailure = () => ({ ok: false, code: 'EPERM', message: 'Operation not permitted' });
    const record = await finish(engine.start(requestFor('udp')).record);
    expect(record.verdict.outcome).toBe('unreachable');
    expect(record.verdict.reasons.join()).toContain('EPERM');
    expect(record.counters.sent).toBe(0);
    expect(record.counters.sendErrors).toBeLessThan(20);
  });

  it('because the transport rejects is unreachable too', async () => {
    const { transport, engine, finish } = setUp();
    transport.sendRejects = true;
    const record = await finish(engine.start(requestFor('icmp6')).record);
    expect(record.verdict.outcome).toBe('unreachable');
    expect(record.verdict.reasons.join()).toContain('the socket is gone');
  });

  it('because only packets with the option cannot be sent accuses nobody', async () => {
    const { transport, engine, finish } = setUp();
    transport.answers = true;
    transport.sendFailure = (packet) =>
      packet[6] === 60 ? { ok: false, code: 'EPERM', message: 'filtered here' } : null;
    const record = await finish(engine.start(requestFor('icmp6')).record);
    expect(record.verdict.outcome).toBe('unreachable');
    expect(record.verdict.reasons.join()).toMatch(/This host itself refuses.*EPERM/);
    expect(record.targetPairs!.pairs).toMatchObject({ plainOnly: 0, both: 0 });
  });

  it('because only those without it cannot be sent says so after a few: a filter that reads the first next header', async () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      const { transport, engine, finish } = setUp();
      transport.answers = true;
      transport.sendFailure = (packet) =>
        packet[6] === 60 ? null : { ok: false, code: 'EPERM', message: 'filtered here' };
      const record = await finish(engine.start(requestFor(protocol)).record);
      expect(record.verdict.outcome).toBe('unreachable');
      expect(record.verdict.reasons.join()).toMatch(/refuses to send packets without the option, and .*EPERM/);
      expect(record.counters.sendErrors).toBeLessThan(20);
    }
  });
});

describe('an end from outside', () => {
  it('by interrupt gives each trace its record with what was measured, and starts no other', async () => {
    const { transport, engine, time } = setUp();
    transport.answers = true;
    const records = (['udp', 'icmp6'] as const).map((protocol) => engine.start(requestFor(protocol)).record);
    await time.run(0.2e9);
    await engine.interrupt();
    for (const record of await Promise.all(records)) {
      expect(record.verdict).toMatchObject({ outcome: 'inconclusive', confidence: null });
      expect(record.verdict.reasons[0]).toContain('interrupted');
      expect(record.counters.answered).toBeGreaterThan(0);
      expect(record.hops.length).toBeGreaterThan(0);
    }
    const sent = transport.sent.length;
    expect((await engine.start(requestFor('udp')).record).verdict.outcome).toBe('inconclusive');
    await time.run(5e9);
    expect(transport.sent).toHaveLength(sent);
    expect(engine.stats().tracesInFlight).toBe(0);
  });

  it('counts no pair as silent whose packets are still awaited', async () => {
    const { engine, time } = setUp();
    const { record } = engine.start(requestFor('udp'));
    await time.run(0.1e9);
    await engine.interrupt();
    const { hops, targetPairs, counters } = await record;
    expect(counters.sent).toBeGreaterThan(0);
    const none = { both: 0, plainOnly: 0, pdmOnly: 0, neither: 0, void: 0 };
    expect([...hops, targetPairs!].map(({ pairs }) => pairs)).toEqual([...hops, none].map(() => none));
  });

  it('by a transport that fails says what failed', async () => {
    const { transport, engine, time } = setUp();
    const { record } = engine.start(requestFor('udp'));
    await time.run(0.1e9);
    transport.fail(new Error('ENETDOWN: the interface went away'));
    const { verdict } = await record;
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons).toContain('ENETDOWN: the interface went away');
  });

  it('by closing leaves no timer and closes the transport', async () => {
    const { transport, engine, time } = setUp();
    const { record } = engine.start(requestFor('udp'));
    await time.run(0.1e9);
    await engine.close();
    await record;
    expect([time.pendingTimers, transport.closed]).toEqual([0, 1]);
  });
});

describe('a snapshot', () => {
  it('claims nothing while the trace runs, and does not disturb it', async () => {
    const { transport, engine, time, finish } = setUp();
    transport.answers = true;
    const handle = engine.start(requestFor('icmp6'));
    expect(handle.snapshot().verdict).toMatchObject({ outcome: 'inconclusive', reasons: ['Not started yet.'] });
    for (let i = 0; i < 5; i += 1) {
      await time.run(0.1e9);
      expect(traceRecordSchema.parse(handle.snapshot()).verdict.outcome).toBe('inconclusive');
    }
    expect((await finish(handle.record)).verdict.outcome).toBe('delivered');
  });
});

describe('what is received', () => {
  it('that is no reply, malformed or of nobody changes nothing but a count', async () => {
    const { transport, engine, time, finish } = setUp();
    transport.answers = true;
    const { record } = engine.start(requestFor('icmp6'));
    await time.run(0.05e9);
    const packet = transport.errorQuoting(transport.sent[0]!);
    const other = packet.bytes.slice();
    other.fill(0x22, 8 + 24, 8 + 40); // quotes a packet to somebody else,
    other.fill(0x22, 8 + 40); // of somebody else
    other[8 + 3]! ^= 1;
    transport.deliver(
      { ...packet, bytes: packet.bytes.subarray(0, 20) },
      { ...packet, bytes: other },
      { ...packet, direction: 'out' },
      { ...packet, bytes: Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0) },
    );
    expect(engine.stats()).toMatchObject({ malformed: 1, foreign: 1 });
    const { verdict, counters } = await finish(record);
    expect([verdict.outcome, counters.foreign, counters.duplicate]).toEqual(['delivered', 0, 0]);
  });

  it('under another destination, quoted whole or short, is an answer to its probe', async () => {
    const { transport, engine, time } = setUp();
    const handle = engine.start(requestFor('icmp6'));
    await time.run(0.2e9);
    const sent = transport.sent.slice(0, 4);
    expect(sent.length).toBeGreaterThanOrEqual(2);
    sent.forEach((packet, index) => {
      const quote = packet.slice(0, index % 2 === 0 ? packet.length : 56 + 8);
      quote.fill(0x22, 24, 40);
      transport.deliver(transport.errorQuoting(quote));
    });
    expect(handle.snapshot().counters).toMatchObject({ answered: sent.length, forged: 0, ambiguous: 0 });
    expect(engine.stats()).toMatchObject({ foreign: 0 });
    await engine.close();
  });

  it('from another address than the target’s is its answer with our nonce, and keeps that address', async () => {
    const { transport, engine, time } = setUp();
    const handle = engine.start(requestFor('icmp6'));
    await time.run(0.2e9);
    const probe = transport.sent[0]!;
    const bytes = probe.slice(probe[6] === 60 ? 56 : 40);
    bytes[0] = 129;
    const packet = transport.errorQuoting(probe);
    const source = new Uint8Array(16).fill(0x33);
    transport.deliver({ ...packet, source, bytes });
    bytes[8]! ^= 1;
    transport.deliver({ ...packet, source, bytes });
    expect(handle.snapshot().counters).toMatchObject({ answered: 1, forged: 0 });
    expect(engine.stats()).toMatchObject({ foreign: 1 });
    await engine.close();
  });

  it('with kernel drops meanwhile keeps a loss from becoming an accusation', async () => {
    for (const drops of [0, 3]) {
      const { transport, engine, time, finish } = setUp();
      transport.answers = true;
      transport.kernelDrops = 7;
      const { record } = engine.start(requestFor('icmp6'));
      // Packets with an option beyond hop 3 are swallowed without an answer.
      transport.swallows = (packet) => isForTarget(packet) && packet[6] === 60 && packet[7]! > 3;
      await time.run(0.1e9);
      transport.kernelDrops += drops;
      const { verdict, counters } = await finish(record);
      expect(counters.kernelDrops).toBe(drops);
      expect(verdict.outcome).toBe(drops === 0 ? 'dropped' : 'inconclusive');
      if (drops === 0) expect(verdict.interval).toEqual({ after: 3, upTo: 4, likelyUpTo: 4 });
    }
  });
});

describe('a trace on a busy machine', () => {
  it('is judged as of the step that had nothing more to ask, however much later its record is written', async () => {
    const { transport, engine, time, finish } = setUp();
    transport.answers = true;
    transport.swallows = (packet) => isForTarget(packet) && packet[6] === 60 && packet[7]! > 3;
    const { record } = engine.start(requestFor('icmp6'));
    await time.run(0.1e9);
    // What a loss rests on is too long ago then.
    time.stallsNs = 60e9;
    expect((await finish(record)).verdict.outcome).toBe('dropped');
  });
});

describe('two traces to one target', () => {
  it('tell each other of echo replies: UDP packets with the option are lost, echo requests with it are not', async () => {
    const { transport, engine, time } = setUp();
    transport.answers = true;
    transport.swallows = (packet) => packet[6] === 60 && packet[40] === 17 && packet[7]! > 3;
    const [udp, echo] = (['udp', 'icmp6'] as const).map((protocol) => engine.start(requestFor(protocol)).record);
    await time.runUntil(Promise.all([udp, echo]));
    expect((await echo!).verdict.outcome).toBe('delivered');
    const { verdict } = await udp!;
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons[0]).toContain('Echo requests with the option were answered');
    // The echo trace speaks for both: UDP sends no echo requests of its own.
    const atTarget = transport.sent.filter((packet) => upperOf(packet)[0] === 128 && isForTarget(packet));
    expect(new Set(atTarget.map(nonceOfEcho)).size).toBe(1);
  });

  /** From hop 2 on routers quote the option with another octet; the target, which UDP reaches, as `atTarget` says. */
  const scrubbed = (atTarget: (packet: Uint8Array) => Uint8Array): ((packet: Uint8Array) => Uint8Array) => {
    return (packet) => {
      if (packet[6] !== 60 || packet[7]! < 2) return packet.slice();
      return packet[7]! <= 3 ? alter(packet) : atTarget(packet);
    };
  };
  const echoOutcome = async (
    atTarget: (packet: Uint8Array) => Uint8Array,
    sibling: Uint8Array | null,
    order: 'first' | 'together' = 'together',
  ): Promise<string> => {
    const { transport, engine, time, finish } = setUp();
    transport.answers = true;
    transport.quotes = scrubbed(atTarget);
    const udp = sibling === null ? null : engine.start(requestFor('udp', sibling)).record;
    // The echo trace may begin so late that the other one ends before it.
    if (order === 'first') await time.run(1.2e9);
    const echo = engine.start(requestFor('icmp6')).record;
    if (udp !== null) await finish(udp);
    return (await finish(echo)).verdict.outcome;
  };
  const whole = (packet: Uint8Array): Uint8Array => packet.slice();

  it.each(['first', 'together'] as const)(
    'know that the target got the option whole where routers quote it changed, whichever trace it told (%s)',
    async (order) => {
      expect(await echoOutcome(whole, null)).toBe('altered');
      expect(await echoOutcome(whole, TARGET, order)).toBe('delivered');
    },
  );

  it('a relative: do not where it quotes the beginning of the option alone, or another target quotes it whole', async () => {
    expect(await echoOutcome((packet) => packet.slice(0, 40 + 12), TARGET)).toBe('altered');
    expect(await echoOutcome(whole, octetsOf('2001:db8:10:9::2'))).toBe('altered');
  });

  it('know who told either of them that no way leads to the target, also when that one has ended', async () => {
    const lastRouter = octetsOf('2001:db8:1:3::1');
    const outcomeOf = async (sibling: Uint8Array, headStartNs: number): Promise<string> => {
      const { transport, engine, time, finish } = setUp();
      transport.answers = true;
      // Something before the last router answers pings; all else goes on to that router, which finds no neighbour.
      transport.swallows = (packet) => {
        const isPing = packet[6] === 58 && upperOf(packet)[0] === 128;
        if (packet[7]! <= 3 || isPing || !isForTarget(packet)) return false;
        transport.deliver(transport.errorQuoting(packet.slice(), 1, 3, lastRouter));
        return true;
      };
      const udp = engine.start(requestFor('udp', sibling)).record;
      await time.run(headStartNs);
      const echo = engine.start(requestFor('icmp6')).record;
      await finish(udp);
      return (await finish(echo)).verdict.outcome;
    };
    expect(await outcomeOf(octetsOf('2001:db8:99::1'), 0)).toBe('rejected');
    for (const headStartNs of [0, 4e9]) expect(await outcomeOf(TARGET, headStartNs)).toBe('inconclusive');
  });

  it('do not rely on echo requests of which none could be sent', async () => {
    const { transport, engine, time } = setUp();
    transport.answers = true;
    let failing: string | null = null;
    transport.sendFailure = (packet) => {
      if (upperOf(packet)[0] !== 128) return null;
      // The first nonce is the echo trace's own, the other one the UDP trace's.
      failing ??= nonceOfEcho(packet);
      return nonceOfEcho(packet) === failing ? { ok: false, code: 'EPERM', message: 'not permitted' } : null;
    };
    transport.swallows = (packet) => isForTarget(packet) && packet[6] === 60 && packet[7]! > 3;
    const [echo, udp] = (['icmp6', 'udp'] as const).map((protocol) => engine.start(requestFor(protocol)).record);
    await time.runUntil(Promise.all([udp, echo]));
    expect((await echo!).verdict.outcome).toBe('unreachable');
    expect((await udp!).verdict).toMatchObject({ outcome: 'dropped', evidence: { returnPath: 'excluded' } });
  });
});

describe('another target that answered packets with the option before', () => {
  const OTHER = octetsOf('2001:db8:10:8::1');
  const isForOther = (packet: Uint8Array): boolean => OTHER.every((octet, i) => packet[24 + i] === octet);

  it.each([
    ['still answers: the loss is on the way', 'first run', true, 'dropped'],
    [
      'is not answered any more: a firewall near the source may have begun to take answers',
      'first run',
      false,
      'inconclusive',
    ],
    // A daemon's engine lives through many runs.
    ['was of another run', 'later run', true, 'inconclusive'],
  ])('%s', async (_name, runId, stillAnswers, outcome) => {
    const { transport, engine, finish } = setUp();
    transport.answers = true;
    const before = engine.start({ ...requestFor('icmp6', OTHER), runId: 'first run' });
    expect((await finish(before.record)).verdict.outcome).toBe('delivered');
    // Routers answer errors alone from now on.
    transport.swallows = (packet) => packet[6] === 60 && packet[7]! > 3 && !(stillAnswers && isForOther(packet));
    const { verdict } = await finish(engine.start({ ...requestFor('icmp6'), runId }).record);
    expect(verdict.outcome).toBe(outcome);
  });
});
