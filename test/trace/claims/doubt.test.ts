import { describe, expect, it } from 'vitest';
import { bypassed } from '../../../src/trace/claims/bypassed.js';
import { dropped } from '../../../src/trace/claims/dropped.js';
import { impaired } from '../../../src/trace/claims/impaired.js';
import { rejected } from '../../../src/trace/claims/rejected.js';
import { doubtsOf } from '../../../src/trace/claims/doubt.js';
import { ByHand, ECHO_SILENT, findingOf, reasonOf } from '../by-hand.js';
import { routerAt, runTrace } from '../fake-path.js';
import { ARM_CODE } from '../../../src/trace/state/trace-state.js';
import type { Protocol } from '../../../src/record/record.js';
import { TARGET } from '../trace-fixture.js';

const doubtsOn = (...asked: Parameters<typeof doubtsOf>): string[] => doubtsOf(...asked).map(({ says }) => says);
const lost = (): ByHand => new ByHand().explored(3).target(11, 'arrives', null);

describe('doubt', () => {
  it('is none where nothing speaks against silence', () => {
    expect(doubtsOn(lost().case, 11)).toEqual([]);
  });

  it('begins with two replies that fit no one probe, and one forged quote is none', () => {
    const trace = lost();
    trace.state.counters.ambiguous = 1;
    expect(doubtsOn(trace.case, 11)).toEqual([]);
    trace.state.counters.ambiguous = 2;
    expect(doubtsOn(trace.case, 11)[0]).toContain('2 replies belong to this trace but fit no one probe');
  });

  it("is that this host itself refuses packets with the option: its own filter is on nobody else's way", () => {
    const trace = new ByHand();
    const own = { from: trace.state.identity.source, type: 1, code: 1 };
    trace.explored(3, own).target(20, 'arrives', own).placebos(8, 'arrives').repeats(3, 2);
    expect(doubtsOn(trace.case, 20)[0]).toContain('This host itself');
    for (const claim of [rejected, dropped]) expect(trace.stand(claim).is).toBe('refuted');
  });

  it('begins with a tenth of the lost pairs', () => {
    const trace = lost();
    trace.state.counters.ambiguous = 2;
    expect(doubtsOn(trace.case, 20)).toHaveLength(1);
    expect(doubtsOn(trace.case, 21)).toEqual([]);
  });

  it('counts quotes under a label that is none of ours only where there is one for every second packet lost', () => {
    const trace = lost();
    trace.state.relabelledQuotes = 5;
    expect(doubtsOn(trace.case, 11)).toEqual([]);
    trace.state.relabelledQuotes = 6;
    expect(doubtsOn(trace.case, 11)).toHaveLength(1);
  });

  it('of replies is over once the option arrived, but not for a claim about a part', () => {
    const trace = lost().target(1, 'arrives', 'arrives');
    trace.state.counters.ambiguous = 5;
    expect(doubtsOn(trace.case, 11)).toEqual([]);
    expect(doubtsOn(trace.case, 11, true)).toHaveLength(1);
  });

  it('is raised by receive drops of the kernel', () => {
    const trace = lost();
    trace.state.droppedByKernel = true;
    expect(doubtsOn(trace.case, 11)[0]).toContain('The kernel dropped');
  });

  it("is raised by a router beyond the place from which something answers in the target's name", () => {
    const before = (protocol: Protocol, routerSeenByOthers: number): string[] => {
      const trace = new ByHand(protocol, { routerSeenByOthers }).explored(3);
      return doubtsOn(trace.target(11, 'arrives', null).case, 11);
    };
    expect(before('icmp6', 4)).toEqual([]);
    // At the target's own distance: the packets of another protocol meet a router there.
    expect(before('icmp6', 5)[0]).toContain('too near to be the target');
    expect(before('udp', 5)).toEqual([]);
    expect(before('udp', 6)[0]).toContain('too near to be the target');
  });

  it('is raised by a router that the option meets where plain is answered, on another way too where no datagrams are answered', () => {
    const meets = (before: 'expires' | null, datagrams: number): string[] => {
      const trace = new ByHand('icmp6', { routers: 4 });
      const sibling = { ...ECHO_SILENT, plainArrivals: datagrams };
      trace.context = { ...trace.context, sibling: (by) => (by === 'udp' ? sibling : null) };
      for (let hop = 1; hop <= 3; hop += 1) trace.pairs(3, hop, 'expires', 'expires');
      const router = { from: routerAt(5), type: 3, code: 0 };
      trace.pairs(3, 4, 'expires', before).pairs(3, 5, 'arrives', router);
      return doubtsOn(trace.target(11, 'arrives', null).case, 11);
    };
    expect(meets('expires', 5).join()).toContain('a box on the way may answer the former');
    // Where the ways part before, the option's may be longer.
    expect(meets(null, 5)).toEqual([]);
    expect(meets(null, 0).join()).toContain('no datagrams are known to be answered');
  });

  it('is raised by fragments of packets with the option that reached the target in part', () => {
    const inPart = { from: TARGET, type: 3, code: 1 };
    const said = (plain: 'arrives' | typeof inPart, treated: null | typeof inPart): string[] =>
      doubtsOn(new ByHand().explored(3).target(10, 'arrives', null).target(1, plain, treated).case, 11);
    expect(said('arrives', inPart)[0]).toContain('some fragments reached the target');
    expect(said(inPart, null)).toEqual([]);
  });

  it('foreign, forged and malformed replies raise none', () => {
    const trace = lost();
    Object.assign(trace.state.counters, { foreign: 50, forged: 50, malformed: 50, duplicate: 50 });
    expect(doubtsOn(trace.case, 11)).toEqual([]);
  });

  it('quotes too short to name their probe do not make half of the arrivals a loss', () => {
    const { verdict, state } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ arm, hopLimit, flow }) =>
        arm === ARM_CODE.pdm && hopLimit > 8 && flow % 2 === 1
          ? { from: TARGET, type: 1, code: 4, quote: (packet) => packet.slice(0, 44) }
          : undefined,
    });
    expect(state.counters.ambiguous).toBeGreaterThan(0);
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons[0]).toMatch(
      /^It looks impaired, but: \d+ replies belong to this trace but fit no one probe\.$/,
    );
  });
});

describe('doubt of a claim about a part', () => {
  const tooBig = { from: routerAt(4), type: 2, code: 0 };

  it('is raised by Packet Too Big about a tenth of the lost packets with the option', () => {
    const trace = lost().target(2, 'arrives', tooBig);
    expect(doubtsOn(trace.case, 20, true)).toEqual([expect.stringContaining('were too long for a link')]);
    expect(doubtsOn(trace.case, 21, true)).toEqual([]);
    // Of a claim about all of them `dropped` says so itself.
    expect(doubtsOn(trace.case, 20)).toEqual([]);
  });

  it('defeats `bypassed` with it, where the arms are swapped', () => {
    const stand = (told: null | typeof tooBig): string => {
      const trace = new ByHand('icmp6');
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(5, hop, 'expires', 'expires');
      trace.pairs(5, 5, null, 'arrives');
      for (let hop = 6; hop <= 30; hop += 1) trace.pairs(3, hop, null, 'arrives');
      return trace
        .target(11, null, 'arrives')
        .placebos(6, 'arrives', 'arrives', 'pdm')
        .target(2, null, told)
        .repeats(3, 4)
        .stand(bypassed).is;
    };
    expect([stand(null), stand(tooBig)]).toEqual(['proven', 'refuted']);
  });

  it('defeats `impaired` with it, and not by what plain packets were told', () => {
    const told = (plain: 'arrives' | typeof tooBig, treated: null | typeof tooBig): ByHand => {
      const trace = new ByHand().explored().target(1, 'arrives', 'arrives').target(20, 'arrives', null);
      return trace.target(3, plain, treated).placebos(8, 'arrives').references(12, 4).repeats(3, 4);
    };
    expect(findingOf(told(tooBig, null).stand(impaired)).outcome).toBe('impaired');
    expect(reasonOf(told('arrives', tooBig).stand(impaired))).toContain('were too long for a link');
  });
});
