import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/address/address.js';
import type { WayBack } from '../../../src/trace/evidence/reference.js';
import { standOfWayBack } from '../../../src/trace/evidence/way-back.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { ByHand, ECHO_LOST, ECHO_SILENT, type Answer } from '../by-hand.js';
import { routerAt } from '../fake-path.js';
import { octetsOf, TARGET } from '../trace-fixture.js';

const udp = (values: ConstructorParameters<typeof ByHand>[1] = {}): ByHand =>
  new ByHand('udp', values).explored(3).target(11, 'arrives', null);
const echo = (trace: ByHand, count: number, plain: Answer, pdm: Answer, treatment: 'pdm' | 'plain' = 'pdm'): ByHand =>
  trace.pairs(count, 64, plain, pdm, { purpose: PURPOSE.echo, protocol: 'icmp6', treatment, flow: 'fresh' });
const prohibited = { from: TARGET, type: 1, code: 1 };
/** Than all that a trace sends by hand. */
const LATER = 1e15;
/** Another target that answered the option by then. */
const OTHER = { target: '2001:db8:88::1', lastNs: LATER };

describe('the way back of a UDP trace', () => {
  it('is excluded by the sibling that shows the same loss', () => {
    expect(standOfWayBack(udp({ siblingEcho: ECHO_LOST }).case).is).toBe('excluded');
  });

  it('is the suspect after a single echo reply to the option', () => {
    const siblingEcho = { ...ECHO_LOST, pdmArrivals: 1 };
    expect(standOfWayBack(udp({ siblingEcho }).case).is).toBe('answered');
    // Where some of the option's packets arrive anyway, some of the witness may.
    const trace = new ByHand('udp', { siblingEcho }).explored().target(11, 'arrives', null).references(10, 4);
    expect(standOfWayBack(trace.case, true)).toMatchObject({ is: 'open', wants: [{ protocol: 'tcp' }] });
    expect(standOfWayBack(trace.references(10, 4, 'arrives', 'arrives', 'tcp').case, true).is).toBe('excluded');
  });

  it('is unknown where the sibling ended without showing a loss, and waits while it has not ended', () => {
    expect(standOfWayBack(udp({ siblingEcho: ECHO_SILENT }).case).is).toBe('unknown');
    expect(standOfWayBack(udp({ siblingEcho: { ...ECHO_SILENT, settled: false } }).case)).toMatchObject({
      is: 'open',
      wants: [],
    });
  });

  it('without a sibling is excluded by eleven lost echo pairs and six placebos, not by ten or five', () => {
    const after = (pairs: number, placebos: number): string => {
      const trace = echo(udp({ siblingTcp: ECHO_LOST }), pairs, 'arrives', null);
      return standOfWayBack(echo(trace, placebos, 'arrives', 'arrives', 'plain').case).is;
    };
    expect([after(11, 6), after(10, 6), after(11, 5)]).toEqual(['excluded', 'open', 'open']);
  });

  it('is not excluded by echo pairs that draw errors only: these quote the option', () => {
    const trace = echo(udp(), 12, prohibited, null);
    expect(standOfWayBack(echo(trace, 8, prohibited, prohibited, 'plain').case).is).toBe('unknown');
  });

  it('is unknown after six echo pairs of which not even plain was answered, and open after five', () => {
    expect(standOfWayBack(echo(udp(), 6, null, null).case).is).toBe('unknown');
    expect(standOfWayBack(echo(udp(), 5, null, null).case).is).toBe('open');
  });
});

describe('the way back of an icmp6 trace', () => {
  it('is excluded by its own echo replies', () => {
    expect(standOfWayBack(new ByHand().explored(3).target(11, 'arrives', null).case).is).toBe('excluded');
  });

  it('is unknown where the target answers by errors', () => {
    const trace = new ByHand().explored(3).target(11, prohibited, null);
    expect(standOfWayBack(trace.case).is).toBe('unknown');
  });
});

describe("the source's own firewall", () => {
  const asked = (answer: Answer): ByHand => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(4).target(11, 'arrives', null);
    expect(standOfWayBack(trace.case)).toMatchObject({ is: 'open', wants: [{ purpose: PURPOSE.reference }] });
    return trace.references(3, 3, answer);
  };

  it('is excluded by an unquoted answer to the option of this run', () => {
    expect(standOfWayBack(asked('arrives').case)).toEqual({ is: 'excluded', upTo: 3 });
  });

  it('is excluded as far as the farthest router that answers: farther on another firewall may take answers', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(6).target(11, 'arrives', null);
    trace.references(3, 5, null);
    expect(standOfWayBack(trace.case)).toMatchObject({ is: 'open', wants: [{ responder: '2001:db8:1:4::1' }] });
    expect(standOfWayBack(trace.references(3, 4).case)).toEqual({ is: 'excluded', upTo: 4 });
  });

  it('is excluded by a router behind hops that lose some of the option as well, where none before them answers', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 });
    for (const hop of [1, 2, 3]) trace.pairs(5, hop, 'expires', 'expires');
    // A limit may be what makes this hop look so.
    trace.pairs(2, 4, 'expires', 'expires').pairs(4, 4, 'expires', null);
    for (const hop of [5, 6]) trace.pairs(5, hop, 'expires', 'expires');
    trace.pairs(5, 7, 'arrives', null).target(11, 'arrives', null);
    trace.references(3, 3, null, null);
    expect(standOfWayBack(trace.case)).toMatchObject({ is: 'open', wants: [{ responder: '2001:db8:1:6::1' }] });
    expect(standOfWayBack(trace.references(3, 6).case)).toEqual({ is: 'excluded', upTo: 6 });
  });

  it('is excluded as far as a place that packets passed which another target answered, or as the source itself', () => {
    const behind = (place: number): WayBack => {
      const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(6).target(11, 'arrives', null);
      trace.context = { ...trace.context, answeredBeyond: (_, hop) => (hop === place ? OTHER : null) };
      for (const hop of [5, 4, 3]) if (hop > place) trace.references(3, hop, null);
      return standOfWayBack(trace.case);
    };
    expect([5, 4, 1, 0].map((place) => behind(place))).toMatchObject([5, 4, 1, 0].map((upTo) => ({ upTo })));
  });

  it('takes the word of the echo trace to the same target where it met the same router', () => {
    const answeredAt = (address: string, lastNs = LATER): WayBack => {
      const siblingEcho = { ...ECHO_LOST, answeredAt: { hop: 2, address, lastNs } };
      const trace = udp({ siblingEcho, siblingTcp: siblingEcho, answeredBeyond: false });
      return standOfWayBack(trace.case);
    };
    expect(answeredAt('2001:db8:1:2::1')).toEqual({ is: 'excluded', upTo: 2 });
    expect(answeredAt('2001:db8:7:2::1').is).toBe('unknown');
    // Before the datagrams looked lost.
    expect(answeredAt('2001:db8:1:2::1', 0).is).toBe('unknown');
  });

  it('that lets echo replies in may let no segments in: where SYNs stand beside echo requests a router is asked by them', () => {
    const asked = (answered: number, silent = 0, by: 'tcp' | 'icmp6' = 'tcp'): WayBack => {
      const trace = new ByHand('udp', { siblingEcho: ECHO_LOST, routers: 6 }).explored(4).target(11, 'arrives', null);
      trace.context = { ...trace.context, answeredBeyond: (protocol) => (protocol === 'icmp6' ? OTHER : null) };
      if (answered > 0) trace.references(answered, 3, 'arrives', 'arrives', by);
      if (silent > 0) trace.references(silent, 3, 'arrives', null, by);
      return standOfWayBack(trace.case);
    };
    expect(asked(0)).toMatchObject({ is: 'open', wants: [{ protocol: 'tcp', responder: '2001:db8:1:3::1' }] });
    // One rate gives four lost SYNs and four of four answered in 4 of 1,000 cases at most, and three of three in 8.
    expect([asked(2).is, asked(3).is, asked(3, 1).is]).toEqual(['open', 'excluded', 'open']);
    // Echo replies say nothing of segments.
    expect([asked(3, 0, 'icmp6').is, asked(0, 3).is]).toEqual(['open', 'unknown']);
  });

  it('asks no router that must not be probed, but one nearer', () => {
    const trace = new ByHand('icmp6', {
      answeredBeyond: false,
      routers: 6,
      mayBeAsked: (address) => !address.every((octet, i) => octet === routerAt(5)[i]),
    });
    trace.explored(6).target(11, 'arrives', null);
    expect(standOfWayBack(trace.case)).toMatchObject({ is: 'open', wants: [{ responder: '2001:db8:1:4::1' }] });
  });

  it('is not excluded by one answer of three: a firewall that lets a few by gives that as well', () => {
    const asked = (confidence: number, lost: number, answered: number, silent: number): WayBack['is'] => {
      const trace = new ByHand('icmp6', { answeredBeyond: false, confidence }).explored(5);
      trace.target(lost, 'arrives', null).references(silent, 4, 'arrives', null).references(answered, 4);
      return standOfWayBack(trace.case).is;
    };
    // 11 lost and 3 of 3 answered come of one rate in 7 of 10,000 cases at most, 15 and 4 of 4 in 6 of 100,000.
    expect([asked(0.999, 11, 3, 0), asked(0.999, 11, 2, 1), asked(0.999, 11, 1, 2)]).toEqual([
      'excluded',
      'open',
      'open',
    ]);
    expect([asked(0.9999, 15, 3, 0), asked(0.9999, 15, 4, 0)]).toEqual(['open', 'excluded']);
    // 24 pairs are asked of one that answers some; what is not shown by then is unknown.
    expect([asked(0.999, 11, 8, 16), asked(0.999, 11, 16, 8)]).toEqual(['unknown', 'excluded']);
  });

  it('is excluded by what a router answered others of the run, and not where it lost as much of theirs as a firewall would', () => {
    const stand = (answered: number, lost: number, own = 0): WayBack => {
      const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(5).target(11, 'arrives', null);
      const asked = (protocol: string, address: string): boolean =>
        protocol === 'icmp6' && address === '2001:db8:1:4::1';
      trace.context = {
        ...trace.context,
        askedByOthers: (protocol, address) => (asked(protocol, address) ? { answered, lost } : null),
      };
      return standOfWayBack(own === 0 ? trace.case : trace.references(own, 4).case);
    };
    // Of one rate 3 of 3 beside 11 lost ones come in 7 of 10,000 cases at most, whoever asked.
    expect([stand(3, 0).is, stand(2, 0).is, stand(2, 0, 1).is]).toEqual(['excluded', 'open', 'excluded']);
    expect(stand(3, 0)).toMatchObject({ upTo: 4 });
    // A firewall that takes nine in ten: a few lucky answers of its own are not the end of it.
    expect([stand(6, 54).is, stand(6, 54, 3).is]).toEqual(['open', 'unknown']);
  });

  it('is asked of those who answered before the loss began: of another target anew, and of others of the run since then alone', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(6).target(2, 'arrives', null);
    const [beforeNs, afterNs] = [trace.nowNs - 1, trace.nowNs + 2e9];
    trace.target(9, 'arrives', null).references(3, 5, null).references(3, 4, null).references(3, 3, null);
    const answered = (lastNs: number): WayBack => {
      trace.context = { ...trace.context, answeredBeyond: (_, hop) => (hop === 5 ? { ...OTHER, lastNs } : null) };
      return standOfWayBack(trace.case);
    };
    expect(answered(afterNs)).toEqual({ is: 'excluded', upTo: 5 });
    expect(answered(beforeNs)).toMatchObject({
      is: 'open',
      wants: [{ purpose: PURPOSE.reference, responder: OTHER.target }],
    });
    const sinceNs: number[] = [];
    trace.context = {
      ...trace.context,
      askedByOthers: (_, address, since) => {
        sinceNs.push(since);
        return address === OTHER.target ? { answered: 3, lost: 0 } : null;
      },
    };
    expect(standOfWayBack(trace.case)).toEqual({ is: 'excluded', upTo: 5 });
    // The third pair that was lost says from when on.
    expect(Math.min(...sinceNs)).toBeGreaterThan(beforeNs);
    expect(Math.max(...sinceNs)).toBeLessThan(afterNs);
  });

  it('is what a target may be behind that answered before the loss, and now answers plain packets alone', () => {
    const stand = (answer: Answer): WayBack => {
      const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(6).target(11, 'arrives', null);
      trace.context = { ...trace.context, answeredBeyond: (_, hop) => (hop === 0 ? { ...OTHER, lastNs: 0 } : null) };
      for (const hop of [6, 5, 4, 3]) trace.references(3, hop, null);
      return standOfWayBack(trace.references(3, octetsOf(OTHER.target), 'arrives', answer).case);
    };
    expect(stand(null)).toMatchObject({ is: 'unknown', reason: { settledBy: 'other-network' } });
    expect(stand('arrives')).toEqual({ is: 'excluded', upTo: 0 });
  });

  it('a relative: what a router answered others by another protocol, or another router, says nothing', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(5).target(11, 'arrives', null);
    const answers = { answered: 20, lost: 0 };
    const elsewhere = { ...trace.context, askedByOthers: (protocol: string) => (protocol === 'tcp' ? answers : null) };
    trace.context = elsewhere;
    expect(standOfWayBack(trace.case).is).toBe('open');
    trace.context = {
      ...elsewhere,
      askedByOthers: (_, address) => (address === '2001:db8:7:4::1' ? answers : null),
    };
    expect(standOfWayBack(trace.case).is).toBe('open');
  });

  it('where only some are lost: a router that after 12 pairs loses half as large a share or more gives way to a nearer one', () => {
    const asksAfter = (whole: number, lost: number): (string | null)[] => {
      const trace = new ByHand('icmp6', { routers: 6 }).explored();
      trace.target(30, 'arrives', 'arrives').target(30, 'arrives', null);
      trace.references(whole, 6).references(lost, 6, 'arrives', null);
      const stand = standOfWayBack(trace.case, true);
      return stand.is === 'open' ? stand.wants.map(({ responder }) => responder) : [];
    };
    const [same, nearer] = [['2001:db8:1:6::1'], ['2001:db8:1:5::1']];
    expect([asksAfter(8, 3), asksAfter(10, 2), asksAfter(9, 3)]).toEqual([same, same, nearer]);
  });

  it('is excluded by a host elsewhere that was named, where no router answers, and from the source on', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(4).target(11, 'arrives', null);
    Object.assign(trace.state.limits, { reference: '2001:db8:99::1' });
    trace.references(3, 3, null);
    expect(standOfWayBack(trace.case)).toMatchObject({
      is: 'open',
      wants: [{ purpose: PURPOSE.reference, responder: '2001:db8:99::1' }],
    });
    const asked = (answer: Answer): WayBack =>
      standOfWayBack(trace.references(1, octetsOf('2001:db8:99::1'), 'arrives', answer).case);
    expect(asked('arrives').is).toBe('open');
    expect(asked('arrives').is).toBe('open');
    expect(asked('arrives')).toEqual({ is: 'excluded', upTo: 0 });
  });

  it("a relative: not by one in the source's own network, nor by the target itself", () => {
    const stand = (reference: string): string => {
      const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(4).target(11, 'arrives', null);
      Object.assign(trace.state.limits, { reference });
      return standOfWayBack(trace.references(3, 3, null).case).is;
    };
    const { source, targetText } = new ByHand('icmp6').state.identity;
    expect([stand(formatAddress(source)), stand(targetText), stand('2001:db8:99::1')]).toEqual([
      'unknown',
      'unknown',
      'open',
    ]);
  });

  it('is what may be behind it where no router up to n lies surely outside its network', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).explored(3).target(11, 'arrives', null);
    expect(standOfWayBack(trace.case).is).toBe('unknown');
  });

  it('a relative: is behind a router that plain packets meet nearer, to which those with the option take a longer way', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false }).pairs(1, 1, 'expires', 'expires');
    for (let hop = 2; hop <= 4; hop += 1) {
      const other = { from: octetsOf(`2001:db8:7:${hop}::1`), type: 3, code: 0 };
      trace.pairs(1, hop, 'expires', other);
    }
    // The firewall is hop 2 for plain packets, and those with the option come to it behind three other routers.
    trace.pairs(1, 5, null, { from: routerAt(2), type: 3, code: 0 }).target(12, 'arrives', null);
    expect(standOfWayBack(trace.case).is).toBe('unknown');
  });

  it('a relative: is behind a router that another trace to the target met nearer, or this one before the path changed', () => {
    const third = formatAddress(routerAt(3));
    const stand = (met: readonly (string | undefined)[], before = 0): string => {
      const values = { answeredBeyond: false, routers: 3, waysOfOthers: [{ met, routerAt: met.length - 1 }] };
      const trace = new ByHand('icmp6', values);
      if (before > 0) trace.pairs(1, before, { from: routerAt(3), type: 3, code: 0 }, 'expires');
      trace.state.attemptStart = trace.state.probes.count;
      return standOfWayBack(trace.explored(4).target(12, 'arrives', null).case).is;
    };
    expect(stand([undefined, 'a', 'b', third])).toBe('open');
    expect(stand([undefined, 'a', third])).toBe('unknown');
    expect([stand([], 2), stand([], 3)]).toEqual(['unknown', 'open']);
  });

  it('a relative: is behind a nearer router that answers, where the farthest answers the plain one alone', () => {
    const trace = new ByHand('icmp6', { answeredBeyond: false, routers: 6 }).explored(5).target(11, 'arrives', null);
    trace.references(3, 4, { from: routerAt(4), type: 1, code: 1 }, null);
    expect(standOfWayBack(trace.case).is).toBe('unknown');
  });
});
