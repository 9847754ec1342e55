import { describe, expect, it } from 'vitest';
import type { Protocol } from '../../src/record/record.js';
import { requestFor, setUp } from './engine-fixture.js';

describe('one failed watch', () => {
  it('does not make every later trace unreachable', async () => {
    const { transport, time, engine } = setUp();
    transport.watchFailures = 1;
    expect((await engine.start(requestFor('icmp6')).record).verdict.outcome).toBe('unreachable');
    transport.answers = true;
    const second = engine.start(requestFor('icmp6')).record;
    await time.runUntil(second);
    expect((await second).verdict.outcome).toBe('delivered');
    await engine.close();
  });

  it('takes no trace with it whose protocol is listened for already', async () => {
    const { transport, time, engine } = setUp();
    transport.answers = true;
    const outcomeOf = async (protocol: Protocol): Promise<string> => {
      const { record } = engine.start(requestFor(protocol));
      await time.runUntil(record);
      return (await record).verdict.outcome;
    };
    expect(await outcomeOf('icmp6')).toBe('delivered');
    transport.watchFailures = 1;
    expect(await outcomeOf('tcp')).toBe('unreachable');
    expect(await outcomeOf('icmp6')).toBe('delivered');
    expect(await outcomeOf('tcp')).not.toBe('unreachable');
    await engine.close();
  });

  it('fails no other trace of its protocol that came meanwhile', async () => {
    const { transport, time, engine } = setUp();
    transport.answers = true;
    transport.watchFailures = 1;
    const records = [1, 2].map(() => engine.start(requestFor('icmp6')).record);
    await time.runUntil(Promise.all(records));
    const outcomes = (await Promise.all(records)).map(({ verdict }) => verdict.outcome);
    expect(outcomes).toEqual(['unreachable', 'delivered']);
    await engine.close();
  });
});

describe('an ambiguous reply', () => {
  it('is a doubt for each trace that it may belong to', async () => {
    const { transport, time, engine } = setUp();
    const [a, b] = [requestFor('icmp6'), requestFor('udp')].map((request) =>
      engine.start({ ...request, parameters: { ...request.parameters, flowLabel: 5 } }),
    );
    // The first packets are plain, and waited for.
    await time.run(0.5e9);
    // An IPv6 header alone: both traces use the label that the user gave.
    transport.deliver(
      transport.errorQuoting(transport.sent.find((packet) => packet[6] === 60 && packet[3] === 5)!.slice(0, 40)),
    );
    expect([a!.snapshot().counters.ambiguous, b!.snapshot().counters.ambiguous]).toEqual([1, 1]);
    await engine.close();
  });
});

describe('an interrupt', () => {
  it('ends running traces although the route of another one is still looked up', async () => {
    const { transport, time, engine } = setUp();
    const running = engine.start(requestFor('icmp6'));
    await time.run(0.1e9);
    transport.route = () => new Promise(() => undefined);
    void engine.start(requestFor('icmp6'));
    void engine.interrupt();
    let ended = false;
    void running.record.then(() => (ended = true));
    await time.run(1e9);
    expect(ended).toBe(true);
  });

  // A socket that says a moment later what left, as raw-socket's does.
  it.each([
    ['what left while it waited', 20e6, true],
    ['what it was handed where the transport never says', Number.POSITIVE_INFINITY, false],
  ])('counts %s', async (_, delayNs, hasAll) => {
    const told: number[] = [];
    const tap = { sent: () => told.push(1), received: () => undefined };
    const { transport, time, engine } = setUp({ tap });
    transport.answers = true;
    const send = transport.send.bind(transport);
    const { record } = engine.start(requestFor('icmp6'));
    await time.run(0.2e9);
    const underWay: number[] = [];
    transport.send = async (...packets) => {
      underWay.push(1);
      if (delayNs === Number.POSITIVE_INFINITY) return new Promise(() => undefined);
      await new Promise<void>((resolve) => time.at(time.nowNs() + delayNs, resolve));
      return send(...packets);
    };
    while (underWay.length === 0) await time.run(1e6);
    const before = told.length;
    void engine.interrupt();
    const ended = record.then(({ counters }) => ({ sent: counters.sent, left: told.length }));
    await time.runUntil(ended);
    const { sent, left } = await ended;
    expect(sent).toBeGreaterThan(before);
    expect(sent === left).toBe(hasAll);
    await time.runUntil(engine.close());
  });
});

describe('times that are later than now: a clock was set back meanwhile', () => {
  const HOUR_NS = 3600e9;

  it.each([
    ['of what comes in', HOUR_NS, 0],
    ['of what comes in, and no number', Number.NaN, 0],
    ['of what is sent', 0, HOUR_NS],
    ['of both', HOUR_NS, HOUR_NS],
  ])('%s are now: the trace ends as it would, and as soon', async (_, receivedLaterNs, sentLaterNs) => {
    const { transport, engine, time, finish } = setUp();
    transport.answers = true;
    const deliver = transport.deliver.bind(transport);
    const send = transport.send.bind(transport);
    transport.deliver = (...packets) => {
      deliver(...packets.map((packet) => ({ ...packet, timeNs: packet.timeNs + receivedLaterNs })));
    };
    transport.send = async (...given) => {
      const outcomes = await send(...given);
      return outcomes.map((outcome) =>
        outcome.ok ? { ...outcome, sentAtNs: outcome.sentAtNs + sentLaterNs } : outcome,
      );
    };
    const record = await finish(engine.start(requestFor('icmp6')).record);
    expect(record.verdict.outcome).toBe('delivered');
    expect(time.nowNs()).toBeLessThan(10e9);
    for (const { arms } of record.hops) expect(arms.plain.responders[0]!.rttMs!.max).toBeLessThan(10_000);
  });
});
