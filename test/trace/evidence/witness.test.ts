import { describe, expect, it } from 'vitest';
import { standOfWayBack } from '../../../src/trace/evidence/way-back.js';
import { standOfWitness } from '../../../src/trace/evidence/witness.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { ByHand, ECHO_LOST, ECHO_SILENT, type Answer } from '../by-hand.js';
import { routerAt } from '../fake-path.js';

type Values = ConstructorParameters<typeof ByHand>[1];

/** Echo requests are not answered; SYNs may be. */
const udp = (values: Values = {}): ByHand =>
  new ByHand('udp', { siblingEcho: ECHO_SILENT, watchesTcp: true, ...values }).explored(3).target(11, from(60), null);
const syns = (
  trace: ByHand,
  count: number,
  plain: Answer,
  pdm: Answer,
  { port = 443, treatment = 'pdm' }: { port?: number; treatment?: 'pdm' | 'plain' } = {},
): ByHand =>
  trace.pairs(count, 64, plain, pdm, { purpose: PURPOSE.syn, protocol: 'tcp', treatment, port, flow: 'fresh' });
const from = (arrivesWith: number): Answer => ({ arrivesWith });
/** A closed port says so; who takes connections may do so for the target. */
const reset = (resetsWith: number): Answer => ({ resetsWith });

describe('where echo requests are not answered, SYNs bear witness for a UDP trace', () => {
  it('of the trace by TCP to the same target, as of the echo trace', () => {
    const stand = (siblingTcp: typeof ECHO_LOST | null): string =>
      standOfWayBack(udp({ siblingTcp }).references(3, 2).case).is;
    expect(stand(ECHO_LOST)).toBe('excluded');
    expect(stand({ ...ECHO_LOST, pdmArrivals: 1 })).toBe('answered');
    expect(stand({ ...ECHO_SILENT, settled: false })).toBe('open');
    expect(stand(ECHO_SILENT)).toBe('unknown');
  });

  it('of another trace as of its own: not from nearer or farther, nor where those with the option draw other answers', () => {
    const stand = (siblingTcp: Partial<typeof ECHO_LOST> & { comesFrom?: number; otherwise?: number }): string => {
      const trace = new ByHand('udp', { siblingEcho: ECHO_SILENT, siblingTcp: { ...ECHO_LOST, ...siblingTcp } });
      return standOfWitness(trace.explored(3).target(11, from(60), null).case, false).is;
    };
    expect(stand({ comesFrom: 4 })).toBe('loses');
    expect([stand({ comesFrom: 3 }), stand({ comesFrom: 5 })]).toEqual(['unknown', 'unknown']);
    expect(stand({ comesFrom: 4, otherwise: 1 })).toBe('unknown');
  });

  it('bear it though they draw other answers with the option, where datagrams with it are refused as well; and echo requests from farther', () => {
    const refused: Answer = { from: routerAt(3), type: 1, code: 1 };
    const siblingTcp = { ...ECHO_LOST, comesFrom: 4, otherwise: 2 };
    const beside = (pdm: Answer): string =>
      standOfWitness(
        new ByHand('udp', { siblingEcho: ECHO_SILENT, siblingTcp }).explored(3).target(11, from(60), pdm).case,
        false,
      ).is;
    expect([beside(refused), beside(null)]).toEqual(['loses', 'unknown']);
    const echo = (comesFrom: number): string => {
      const siblingEcho = { ...ECHO_LOST, comesFrom };
      return standOfWitness(new ByHand('udp', { siblingEcho }).explored(3).target(11, from(60), null).case, false).is;
    };
    // Only segments may be handed on to a host behind what answers all else.
    expect([echo(3), echo(4), echo(5)]).toEqual(['unknown', 'loses', 'loses']);
  });

  it('of its own: eleven lost pairs and six placebos, not ten or five', () => {
    const after = (pairs: number, placebos: number): string => {
      const trace = syns(udp(), pairs, reset(60), null);
      return standOfWitness(syns(trace, placebos, reset(60), reset(60), { treatment: 'plain' }).case, false).is;
    };
    expect([after(11, 6), after(10, 6), after(11, 5)]).toEqual(['loses', 'open', 'open']);
  });

  it('of its own in a second count: twelve lost pairs, for its bars are twice as high', () => {
    const after = (pairs: number): string => {
      const trace = syns(udp(), pairs, reset(60), null);
      syns(trace, 8, reset(60), reset(60), { treatment: 'plain' });
      trace.state.countIndex = 2;
      return standOfWitness(trace.case, false).is;
    };
    expect([after(11), after(12)]).toEqual(['open', 'loses']);
  });

  it('are not asked before echo requests have been', () => {
    const standing = standOfWitness(udp({ siblingEcho: null }).case, false);
    expect(standing).toMatchObject({ is: 'open', by: 'icmp6', wants: [{ purpose: PURPOSE.echo }] });
  });

  it('ask port 80 once six pairs at port 443 drew nothing, and nobody once port 80 has not answered either', () => {
    const portAfter = (trace: ByHand): unknown => {
      const standing = standOfWitness(trace.case, false);
      return standing.is === 'open' ? standing.wants[0]?.port : standing.is;
    };
    const trace = syns(udp(), 5, null, null);
    expect(portAfter(trace)).toBe(443);
    expect(portAfter(syns(trace, 1, null, null))).toBe(80);
    expect(portAfter(syns(trace, 5, null, null, { port: 80 }))).toBe(80);
    expect(portAfter(syns(trace, 1, null, null, { port: 80 }))).toBe('unknown');
  });

  it('what was silent at one port says nothing at the other', () => {
    const trace = syns(syns(udp(), 6, null, null), 11, reset(60), null, { port: 80 });
    syns(trace, 6, reset(60), reset(60), { port: 80, treatment: 'plain' });
    expect(standOfWitness(trace.case, false)).toEqual({ is: 'loses', by: 'tcp' });
  });

  it('are none where they are acknowledged: who takes connections may do so for the target', () => {
    const own = (plain: Answer): string =>
      standOfWitness(syns(syns(udp(), 11, plain, null), 6, plain, plain, { treatment: 'plain' }).case, false).is;
    expect([own(reset(60)), own(from(60))]).toEqual(['loses', 'unknown']);
    // Where port 443 acknowledges, port 80 may be closed.
    const standing = standOfWitness(syns(udp(), 1, from(60), null).case, false);
    expect(standing).toMatchObject({ is: 'open', wants: [{ port: 80 }] });
    const closed = syns(syns(udp(), 1, from(60), null), 11, reset(60), null, { port: 80 });
    syns(closed, 6, reset(60), reset(60), { port: 80, treatment: 'plain' });
    expect(standOfWitness(closed.case, false).is).toBe('loses');
    expect(standOfWitness(syns(udp(), 1, from(60), null, { port: 80 }).case, false).is).toBe('unknown');
    const sibling = (besidesResets: number): string =>
      standOfWitness(udp({ siblingTcp: { ...ECHO_LOST, besidesResets } }).case, false).is;
    expect([sibling(0), sibling(1)]).toEqual(['loses', 'unknown']);
  });

  it('of which one with the option is answered make the way back the suspect', () => {
    const standing = standOfWitness(syns(udp(), 1, reset(60), reset(60)).case, false);
    expect(standing.is === 'answered' && standing.reason.says).toMatch(/^SYNs with the option were answered/u);
  });

  it('are no witness where something nearer than the target answers them', () => {
    // Errors come back with 64 - 4 hops; a proxy at hop 2 is nearer, whatever hop limit it begins with.
    const by = (hopLimit: number): string => {
      const trace = new ByHand('udp', { siblingEcho: ECHO_SILENT, watchesTcp: true }).explored(3);
      trace.target(11, from(60), null);
      syns(trace, 11, reset(hopLimit), null);
      return standOfWitness(syns(trace, 6, reset(hopLimit), reset(hopLimit), { treatment: 'plain' }).case, false).is;
    };
    expect([60, 124, 251].map(by)).toEqual(['loses', 'loses', 'loses']);
    expect([62, 126, 253].map(by)).toEqual(['unknown', 'unknown', 'unknown']);
    // A host behind a balancer that answers datagrams itself, or a scrubber that only segments are led to.
    expect([59, 100].map(by)).toEqual(['unknown', 'unknown']);
  });

  it('are none where it is not seen from how far answers come, unless of a trace by TCP', () => {
    const unseen = (siblingTcp: typeof ECHO_LOST | null): string => {
      const trace = new ByHand('udp', { siblingEcho: ECHO_SILENT, siblingTcp, watchesTcp: true }).explored(3);
      return standOfWitness(trace.target(11, 'arrives', null).case, false).is;
    };
    expect([unseen(null), unseen(ECHO_LOST)]).toEqual(['unknown', 'loses']);
  });

  it('are none where nobody can listen for the answers, and waited for while that is about to be', () => {
    expect(standOfWitness(udp({ watchesTcp: false }).case, false).is).toBe('unknown');
    expect(standOfWitness(udp({ watchesTcp: null }).case, false)).toMatchObject({ is: 'open', wants: [] });
  });

  it('ask a router for an answer by SYNs as well: a firewall near the source may let no such answer back', () => {
    const trace = syns(udp({ answeredBeyond: false, routers: 6 }).explored(6), 11, reset(60), null);
    syns(trace, 6, reset(60), reset(60), { treatment: 'plain' });
    const isAsked = { is: 'open', wants: [{ purpose: PURPOSE.reference, protocol: 'tcp', port: 443 }] };
    expect(standOfWayBack(trace.case)).toMatchObject(isAsked);
    // That echo replies come back says nothing of segments.
    expect(standOfWayBack(trace.references(3, 5).case)).toMatchObject(isAsked);
    trace.references(3, 5, { resetsWith: 60 }, { resetsWith: 60 }, 'tcp');
    expect(standOfWayBack(trace.case)).toEqual({ is: 'excluded', upTo: 5 });
  });

  it('are none where one with the option draws another answer: somebody else may answer those without', () => {
    const by = (pdm: Answer): string => {
      const trace = syns(syns(udp(), 1, reset(60), pdm), 11, reset(60), null);
      return standOfWitness(syns(trace, 6, reset(60), reset(60), { treatment: 'plain' }).case, false).is;
    };
    expect(by(null)).toBe('loses');
    // What opens a port, or closes it from farther away, got the SYN.
    expect(by(from(60))).toBe('unknown');
    expect(by(reset(250))).toBe('unknown');
    expect(by(reset(58))).toBe('unknown');
  });

  it('of which one with the option was answered before the path changed are none for ever', () => {
    const trace = syns(udp(), 1, reset(60), reset(60));
    trace.state.attemptStart = trace.state.probes.count;
    trace.explored(3).target(11, 'arrives', null);
    syns(syns(trace, 11, reset(60), null), 6, reset(60), reset(60), { treatment: 'plain' });
    expect(standOfWitness(trace.case, false).is).toBe('answered');
  });
});

describe('SYNs may deny what echo requests say: a firewall may look into ICMPv6 alone', () => {
  const losing = (values: Values = {}): ByHand => udp({ siblingEcho: ECHO_LOST, ...values });
  const stand = (trace: ByHand): string => standOfWitness(trace.case, false).is;

  it('three are lost, not two, or six pairs show nothing', () => {
    expect([2, 3].map((lost) => stand(syns(losing(), lost, reset(60), null)))).toEqual(['open', 'loses']);
    const unclear = (pairs: number): ByHand => syns(syns(losing(), 1, reset(60), null), pairs - 1, null, null);
    expect([5, 6].map((pairs) => stand(unclear(pairs)))).toEqual(['open', 'loses']);
  });

  it('one that is answered with the option denies it, and one that draws another answer, unless datagrams are refused too', () => {
    expect(stand(syns(losing(), 1, reset(60), reset(60)))).toBe('answered');
    expect(stand(syns(syns(losing(), 3, reset(60), null), 1, reset(60), reset(60)))).toBe('answered');
    expect(stand(syns(syns(losing(), 3, from(60), null), 1, from(60), reset(60)))).toBe('unknown');
    const refused: Answer = { from: routerAt(3), type: 1, code: 1 };
    const beside = new ByHand('udp', { siblingEcho: ECHO_LOST, watchesTcp: true })
      .explored(3)
      .target(11, from(60), refused);
    expect(stand(syns(syns(beside, 3, from(60), null), 1, from(60), reset(60)))).toBe('loses');
  });

  it('where nothing answers SYNs after three pairs, or none can be received, the echo requests stand', () => {
    expect([2, 3].map((pairs) => stand(syns(losing(), pairs, null, null)))).toEqual(['open', 'loses']);
    expect(stand(losing({ watchesTcp: false }))).toBe('loses');
    expect(stand(losing({ watchesTcp: null }))).toBe('open');
  });

  it('the trace by TCP to the same target says it instead', () => {
    const by = (siblingTcp: Partial<typeof ECHO_LOST>): string =>
      stand(losing({ siblingTcp: { ...ECHO_SILENT, ...siblingTcp } }));
    expect(by({ pdmArrivals: 1 })).toBe('answered');
    expect(by({ settled: false })).toBe('open');
    expect([by({}), by(ECHO_LOST)]).toEqual(['loses', 'loses']);
  });

  it('they are asked while echo requests are, once three of those are lost', () => {
    const asked = (trace: ByHand): unknown[] => {
      const standing = standOfWitness(trace.case, false);
      return standing.is === 'open' ? standing.wants.map(({ purpose, port }) => [purpose, port]) : [];
    };
    const echo = [PURPOSE.echo, 0];
    const own = (lost: number): ByHand =>
      udp({ siblingEcho: null }).pairs(lost, 64, from(60), null, {
        purpose: PURPOSE.echo,
        protocol: 'icmp6',
        flow: 'fresh',
      });
    expect([asked(own(2)), asked(own(3))]).toEqual([[echo], [echo, [PURPOSE.syn, 443]]]);
    const siblingEcho = { ...ECHO_LOST, lossShown: false, settled: false, pdmArrivals: 0 };
    const beside = (plainArrivals: number): unknown[] => asked(udp({ siblingEcho: { ...siblingEcho, plainArrivals } }));
    expect([beside(2), beside(3)]).toEqual([[], [[PURPOSE.syn, 443]]]);
  });

  it('half lost is no matter of theirs', () => {
    expect(standOfWitness(losing().case, true).is).toBe('loses');
  });
});

describe('echo requests bear witness', () => {
  it('not where one with the option draws a reply from another distance: somebody else may answer those without', () => {
    const by = (pdm: Answer): string => {
      const trace = new ByHand('udp', { siblingEcho: null, watchesTcp: false }).explored(3).target(11, 'arrives', null);
      const options = { purpose: PURPOSE.echo, protocol: 'icmp6', flow: 'fresh' } as const;
      trace.pairs(1, 64, from(60), pdm, options).pairs(11, 64, from(60), null, options);
      return standOfWitness(trace.pairs(6, 64, from(60), from(60), { ...options, treatment: 'plain' }).case, false).is;
    };
    expect(by(null)).toBe('loses');
    expect(by(from(58))).toBe('unknown');
  });
});
