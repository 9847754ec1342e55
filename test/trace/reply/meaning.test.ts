import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MEANING, Meanings, meaningsOf, targetQuotesIntact } from '../../../src/trace/reply/meaning.js';
import { ByHand, type Answer } from '../by-hand.js';
import { routerAt, withHopLimit } from '../fake-path.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { octetsOf, SOURCE, TARGET } from '../trace-fixture.js';

/** A UDP path of four routers whose target answers plain with 1/4 at a received hop limit of 60. */
const port = (from: Uint8Array, replyHopLimit = 60): Answer => ({ from, type: 1, code: 4, replyHopLimit });
const base = (answer: Answer = port(TARGET)): ByHand => {
  const trace = new ByHand('udp');
  for (let hop = 1; hop <= 4; hop += 1) trace.pairs(1, hop, 'expires', 'expires');
  return trace.pairs(2, 5, answer, answer).target(2, answer, answer);
};
/** What the option's packet of one more pair means. */
const treatedMeaning = (trace: ByHand, answer: Answer, hopLimit = 64): number => {
  trace.pairs(1, hopLimit, null, answer);
  const { state } = trace;
  const last = state.probes.count - 1;
  const row = state.probes.arm(last) === 1 ? last : last - 1;
  return new Meanings(state).of(state, row);
};

describe('what a reply to the option means', () => {
  it('is an arrival in the target its name, of a kind that plain draws', () => {
    expect(treatedMeaning(base(), port(TARGET))).toBe(MEANING.arrived);
  });

  it.each([
    [1, 1],
    [4, 2],
    [4, 1],
  ])("is a refusal in the target's name where it is %i/%i and plain draws 1/4", (type, code) => {
    expect(treatedMeaning(base(), { from: TARGET, type, code, replyHopLimit: 60 })).toBe(MEANING.refused);
  });

  it('is nothing where this host itself says that it has no route, and a refusal where it says 1/1', () => {
    expect(treatedMeaning(base(), { from: SOURCE, type: 1, code: 0 })).toBe(MEANING.other);
    expect(treatedMeaning(base(), { from: SOURCE, type: 1, code: 1 })).toBe(MEANING.refused);
    expect(treatedMeaning(base(), { from: routerAt(4), type: 1, code: 0 })).toBe(MEANING.refused);
  });

  it('is neither by another address that says what the target says to plain packets, but behind a router that both arms met', () => {
    // A host refuses all datagrams by 1/1, those with the option by an address of its own.
    const says = (from: Uint8Array, replyHopLimit: number): Answer => ({ from, type: 1, code: 1, replyHopLimit });
    const own = says(TARGET, 60);
    const other = says(octetsOf('2001:db8:99::1'), 61);
    const behind = (plainAt3: Answer): ByHand => {
      const trace = new ByHand('udp').pairs(1, 1, 'expires', 'expires').pairs(1, 2, 'expires', 'expires');
      trace.pairs(1, 3, plainAt3, 'expires').pairs(1, 4, 'expires', other).pairs(2, 5, own, other);
      return trace.target(2, own, other);
    };
    expect(treatedMeaning(behind(null), other)).toBe(MEANING.other);
    expect(treatedMeaning(behind('expires'), other)).toBe(MEANING.refused);
    // Other words than the target's are a refusal all the same.
    expect(treatedMeaning(behind(null), { ...(other as object), code: 0 } as Answer)).toBe(MEANING.refused);
  });

  it.each([0, 3])(
    "is no arrival by 1/%i in the target's name, nor is that of plain: nobody says so of himself",
    (code) => {
      const noWay: Answer = { from: TARGET, type: 1, code, replyHopLimit: 60 };
      const { state } = base(noWay);
      const { plainDistance } = new Meanings(state);
      expect([plainDistance, treatedMeaning(base(noWay), noWay)]).toEqual([null, MEANING.other]);
      for (let row = 0; row < state.probes.count; row += 1)
        expect(new Meanings(state).of(state, row)).not.toBe(MEANING.arrived);
    },
  );

  it('is no arrival where the same words come back from another distance', () => {
    const trace = base();
    const near = treatedMeaning(trace, port(TARGET, 62), 3);
    expect([MEANING.refused, MEANING.other]).toContain(near);
  });

  it('is neither where the same words come back from another distance, and begin no nearer than the target', () => {
    // Answers to the option may come back by a way of their own: a longer one, or a shorter one.
    for (const replyHopLimit of [58, 62]) {
      const trace = base().pairs(1, 5, port(TARGET), port(TARGET, replyHopLimit));
      expect(treatedMeaning(trace, port(TARGET, replyHopLimit))).toBe(MEANING.other);
    }
  });

  it('is neither where the same words begin nearer behind a router that both arms met, but at two hop limits: two may be called so', () => {
    // The option's way is one router shorter, and the last two before the target have one address.
    const last = { from: routerAt(4), type: 3, code: 0 };
    const shorter = (atThree: Answer): ByHand => {
      const trace = new ByHand('udp').pairs(1, 1, 'expires', 'expires').pairs(1, 2, atThree, last);
      trace.pairs(1, 3, last, last).pairs(1, 4, last, port(TARGET, 61));
      return trace.pairs(2, 5, port(TARGET), port(TARGET, 61)).target(2, port(TARGET), port(TARGET, 61));
    };
    expect(treatedMeaning(shorter('expires'), port(TARGET, 61))).toBe(MEANING.other);
    // Both met it at one place: what begins right behind it is no target.
    const behind = new ByHand('udp').pairs(1, 1, 'expires', 'expires').pairs(1, 2, 'expires', 'expires');
    behind
      .pairs(1, 3, 'expires', 'expires')
      .pairs(1, 4, 'expires', port(TARGET, 61))
      .target(2, port(TARGET), port(TARGET, 61));
    behind.pairs(1, 5, port(TARGET), port(TARGET, 61));
    expect(treatedMeaning(behind, port(TARGET, 61))).toBe(MEANING.refused);
  });

  it('is neither where the distance of answers is not seen and the hop limit quoted is none that plain draws', () => {
    const unseen = (left: number): Answer => ({
      from: TARGET,
      type: 1,
      code: 4,
      quote: (packet) => withHopLimit(packet, left),
    });
    const trace = base(unseen(60));
    expect(treatedMeaning(trace, unseen(60))).toBe(MEANING.arrived);
    expect(treatedMeaning(trace, unseen(61))).toBe(MEANING.other);
  });

  it('is a refusal from a router, whatever the code of 1/x', () => {
    for (const code of [0, 1, 3, 4, 5, 6, 8]) {
      expect(treatedMeaning(base(), { from: routerAt(3), type: 1, code })).toBe(MEANING.refused);
    }
  });

  it('is nothing but a word of size where it is Packet Too Big', () => {
    expect(treatedMeaning(base(), { from: routerAt(3), type: 2, code: 0 })).toBe(MEANING.other);
    expect(treatedMeaning(base(), { from: TARGET, type: 2, code: 0 })).toBe(MEANING.other);
  });

  it('is that it got so far where it is 3/0, and nothing where it is 3/1', () => {
    expect(treatedMeaning(base(), { from: routerAt(3), type: 3, code: 0 }, 3)).toBe(MEANING.expired);
    expect(treatedMeaning(base(), { from: TARGET, type: 3, code: 1 })).toBe(MEANING.other);
  });

  it('is none where nothing came', () => {
    expect(treatedMeaning(base(), null)).toBe(MEANING.none);
  });
});

describe("the target's words about the option alone, from another address and from as far", () => {
  const other = octetsOf('2001:db8:10:9::53');

  it("are an arrival where they begin at the target's distance", () => {
    expect(treatedMeaning(base(), port(other))).toBe(MEANING.arrived);
  });

  it('are neither where the option takes another way, on which the target may be farther', () => {
    const detour = new ByHand('udp').pairs(1, 1, 'expires', 'expires');
    for (let hop = 2; hop <= 4; hop += 1) {
      detour.pairs(1, hop, 'expires', { from: octetsOf(`2001:db8:7:${hop}::1`), type: 3, code: 0 });
    }
    detour.pairs(2, 5, port(TARGET), null).target(2, port(TARGET), null);
    expect(treatedMeaning(detour, port(other, 58))).toBe(MEANING.other);
    // Other words than the target's are a refusal on whatever way.
    expect(treatedMeaning(detour, { from: other, type: 1, code: 1, replyHopLimit: 58 })).toBe(MEANING.refused);
  });

  it('are neither an arrival nor a refusal where it is not known from how far they come', () => {
    // Raw sockets do not show received hop limits: a forward filter on the last router looks just so.
    const unseen: Answer = { from: other, type: 1, code: 4 };
    const trace = base({ from: TARGET, type: 1, code: 4 });
    expect(treatedMeaning(trace, unseen)).toBe(MEANING.other);
  });

  it('are a refusal where plain meets routers beyond, and odd where the target may be nearer than it was heard', () => {
    const heardLate = new ByHand('udp');
    for (let hop = 1; hop <= 4; hop += 1) heardLate.pairs(1, hop, 'expires', 'expires');
    heardLate.pairs(2, 8, port(TARGET), null).target(2, port(TARGET), null);
    // Hops 5 to 7 are silent: a target that limits its answers may stand at any of them.
    heardLate.pairs(1, 6, null, port(other));
    expect(treatedMeaning(heardLate, port(other))).toBe(MEANING.other);
    const beyond = base();
    beyond.pairs(1, 3, 'expires', port(other));
    expect(treatedMeaning(beyond, port(other))).toBe(MEANING.refused);
  });
});

describe('the terminal responder', () => {
  const other = octetsOf('2001:db8:10:9::53');

  it('is an address that never sent 3/0 and answers in place of the target', () => {
    const trace = base(port(other));
    const meanings = new Meanings(trace.state);
    expect([...meanings.terminal]).toEqual(['2001:db8:10:9::53']);
    expect(meanings.plainDistance).toBe(5);
    expect(treatedMeaning(trace, port(other))).toBe(MEANING.arrived);
  });

  it('is none that sent 3/0, and none that says 1/1', () => {
    expect(new Meanings(base(port(routerAt(4))).state).terminal.size).toBe(0);
    expect(new Meanings(base({ from: other, type: 1, code: 1, replyHopLimit: 60 }).state).terminal.size).toBe(0);
  });

  it('is none that answered once only', () => {
    const trace = new ByHand('udp').pairs(1, 4, 'expires', 'expires').pairs(1, 5, port(other), null);
    expect(new Meanings(trace.state).terminal.size).toBe(0);
  });
});

describe('the way of plain', () => {
  it('ends where the target first answers beyond the last router', () => {
    const { routerAt: router, plainDistance } = new Meanings(base().state);
    expect([router, plainDistance]).toEqual([4, 5]);
  });

  it("an answer in the target's name at a hop limit at which plain still meets a router beyond is no arrival", () => {
    const trace = new ByHand('udp').pairs(1, 2, port(TARGET), port(TARGET)).pairs(1, 4, 'expires', 'expires');
    const { state } = trace;
    const row = state.probes.arm(0) === 0 ? 0 : 1;
    expect(new Meanings(state).of(state, row)).not.toBe(MEANING.arrived);
  });
});

describe("the target's own quote of the option", () => {
  it('is of a packet that arrived: a refusal in its name that plain does not draw is no word of that', () => {
    const prohibited: Answer = { from: TARGET, type: 1, code: 1 };
    expect(targetQuotesIntact(new ByHand('udp').target(3, port(TARGET), prohibited).state)).toBe(false);
    expect(targetQuotesIntact(new ByHand('udp').target(3, port(TARGET), port(TARGET)).state)).toBe(true);
  });

  it('is of PDM: that another option got there, asked for the cause, says nothing of it', () => {
    const quoted = (treatment: 'pdm' | 'do8' | 'do16'): boolean => {
      const options = { purpose: PURPOSE.explain, treatment, flow: 'fresh' } as const;
      return targetQuotesIntact(
        new ByHand('udp').target(2, port(TARGET), null).pairs(1, 64, port(TARGET), port(TARGET), options).state,
      );
    };
    expect(quoted('do8')).toBe(quoted('do16'));
    expect([quoted('do8'), quoted('pdm')]).toEqual([false, true]);
  });
});

describe('meanings that are kept from reply to reply', () => {
  const answers: readonly Answer[] = [
    'expires',
    'arrives',
    null,
    port(TARGET),
    port(TARGET, 62),
    port(routerAt(3)),
    { from: routerAt(2), type: 1, code: 1, replyHopLimit: 62 },
    { from: TARGET, type: 4, code: 2, replyHopLimit: 60 },
    { from: routerAt(4), type: 3, code: 0, replyHopLimit: 61 },
  ];

  it('are those that would be made anew, whatever came in', () => {
    const answer = fc.constantFrom(...answers);
    const pair = fc.record({ hopLimit: fc.constantFrom(1, 2, 3, 4, 5, 6, 64), plain: answer, treated: answer });
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 25 }), (pairs) => {
        const trace = new ByHand('udp');
        const { state } = trace;
        for (const { hopLimit, plain, treated } of pairs) {
          trace.pairs(1, hopLimit, plain, treated);
          const meanings = meaningsOf(state);
          const anew = new Meanings(state);
          expect([meanings.routerAt, meanings.plainDistance, [...meanings.terminal]]).toEqual([
            anew.routerAt,
            anew.plainDistance,
            [...anew.terminal],
          ]);
          for (let row = 0; row < state.probes.count; row += 1) {
            expect(meanings.of(state, row)).toBe(anew.of(state, row));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are kept while further answers are like those before, and made anew by one that is not', () => {
    const trace = base();
    const made = meaningsOf(trace.state);
    trace.target(3, port(TARGET), port(TARGET));
    expect(meaningsOf(trace.state)).toBe(made);
    trace.target(1, port(TARGET), port(TARGET, 62));
    expect(meaningsOf(trace.state)).not.toBe(made);
  });
});
