import { describe, expect, it } from 'vitest';
import { standOfWayBack } from '../../../src/trace/evidence/way-back.js';
import { standOfWitness } from '../../../src/trace/evidence/witness.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { ByHand, ECHO_LOST, ECHO_SILENT, type Answer } from '../by-hand.js';
import { dropsFrom, routerAt, runTrace } from '../fake-path.js';

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
    // What it asked, port 443, draws nothing: another port may be closed.
    expect(stand(ECHO_SILENT)).toBe('open');
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
      const trace = new ByHand('udp', {
        siblingEcho: { ...ECHO_LOST, comesFrom },
        siblingTcp: { ...ECHO_LOST, comesFrom: 4 },
      });
      const standing = standOfWitness(trace.explored(3).target(11, from(60), null).case, false);
      return standing.is === 'loses' ? standing.by : standing.is;
    };
    // Only segments may be handed on to a host behind what answers all else.
    expect([echo(3), echo(4), echo(5)]).toEqual(['tcp', 'icmp6', 'icmp6']);
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

  it('ask the port of the datagrams first, port 443 once three pairs drew nothing, then port 80, and nobody once that has not answered either', () => {
    const portAfter = (trace: ByHand): unknown => {
      const standing = standOfWitness(trace.case, false);
      return standing.is === 'open' ? standing.wants[0]?.port : standing.is;
    };
    const trace = udp();
    for (const [port, next] of [
      [33434, 443],
      [443, 80],
      [80, 'unknown'],
    ] as const) {
      expect(portAfter(syns(trace, 2, null, null, { port }))).toBe(port);
      expect(portAfter(syns(trace, 1, null, null, { port }))).toBe(next);
    }
  });

  it('what was silent at one port says nothing at the other', () => {
    const trace = syns(syns(udp(), 6, null, null), 11, reset(60), null, { port: 80 });
    syns(trace, 6, reset(60), reset(60), { port: 80, treatment: 'plain' });
    expect(standOfWitness(trace.case, false)).toEqual({ is: 'loses', by: 'tcp' });
  });

  it('are none where they are acknowledged: who takes connections may do so for the target', () => {
    const own = (plain: Answer): string =>
      standOfWitness(syns(syns(udp(), 11, plain, null), 6, plain, plain, { treatment: 'plain' }).case, false).is;
    expect([own(reset(60)), own(from(60))]).toEqual(['loses', 'open']);
    // Where port 443 acknowledges, port 80 may be closed.
    const standing = standOfWitness(syns(udp(), 1, from(60), null).case, false);
    expect(standing).toMatchObject({ is: 'open', wants: [{ port: 80 }] });
    const closed = syns(syns(udp(), 1, from(60), null), 11, reset(60), null, { port: 80 });
    syns(closed, 6, reset(60), reset(60), { port: 80, treatment: 'plain' });
    expect(standOfWitness(closed.case, false).is).toBe('loses');
    expect(standOfWitness(syns(udp(), 1, from(60), null, { port: 80 }).case, false).is).toBe('unknown');
    const sibling = (besidesResets: number): string =>
      standOfWitness(udp({ siblingTcp: { ...ECHO_LOST, besidesResets } }).case, false).is;
    expect([sibling(0), sibling(1)]).toEqual(['loses', 'open']);
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

describe('SYNs stand by echo requests that lose the option: a firewall may look into ICMPv6 alone', () => {
  const losing = (values: Values = {}): ByHand => udp({ siblingEcho: ECHO_LOST, ...values });
  const stand = (trace: ByHand): string => standOfWitness(trace.case, false).is;
  const refused: Answer = { from: routerAt(3), type: 1, code: 1 };

  it('four that lose it do, not three', () => {
    expect([3, 4].map((lost) => stand(syns(losing(), lost, reset(60), null)))).toEqual(['open', 'loses']);
    expect(standOfWitness(syns(losing(), 4, reset(60), null).case, false)).toMatchObject({ by: 'icmp6' });
  });

  it('one that is answered with it denies it, as does one that draws another answer, unless datagrams are refused too', () => {
    expect(stand(syns(losing(), 1, reset(60), reset(60)))).toBe('answered');
    expect(stand(syns(syns(losing(), 4, reset(60), null), 1, reset(60), reset(60)))).toBe('answered');
    const other = (trace: ByHand): string => stand(syns(syns(trace, 4, reset(60), null), 1, reset(60), reset(58)));
    expect(other(losing())).toBe('unknown');
    const besideRefusals = new ByHand('udp', { siblingEcho: ECHO_LOST, watchesTcp: true }).explored(3);
    expect(other(besideRefusals.target(11, from(60), refused))).toBe('loses');
  });

  it('not from nearer than the target, nor acknowledged: then the next port is asked', () => {
    expect(stand(syns(losing(), 4, reset(62), null))).toBe('unknown');
    const standing = standOfWitness(syns(losing(), 4, from(60), null, { port: 33434 }).case, false);
    expect(standing).toMatchObject({ is: 'open', wants: [{ port: 443 }] });
  });

  it('where nothing answers them at any port, or they cannot be received, nothing is said of datagrams', () => {
    const silent = losing();
    for (const port of [33434, 443, 80]) syns(silent, 3, null, null, { port });
    const standing = standOfWitness(silent.case, false);
    expect(standing.is === 'unknown' && standing.reason.says).toContain('what filters ICMPv6 alone');
    expect(stand(losing({ watchesTcp: false }))).toBe('unknown');
    expect(stand(losing({ watchesTcp: null }))).toBe('open');
  });

  it('the trace by TCP to the same target says it instead, by resets', () => {
    const by = (siblingTcp: Partial<typeof ECHO_LOST> & { besidesResets?: number }): string =>
      stand(losing({ siblingTcp: { ...ECHO_SILENT, ...siblingTcp } }));
    expect(by({ pdmArrivals: 1 })).toBe('answered');
    expect(by(ECHO_LOST)).toBe('loses');
    // Its own SYNs are not waited for.
    expect([by({ settled: false }), by({}), by({ ...ECHO_LOST, besidesResets: 1 })]).toEqual(['open', 'open', 'open']);
    expect(standOfWitness(losing({ siblingTcp: { ...ECHO_SILENT, settled: false } }).case, false)).toMatchObject({
      wants: [{ purpose: PURPOSE.syn, port: 33434 }],
    });
  });

  it('they are asked while echo requests are, once four of those are lost', () => {
    const asked = (trace: ByHand): unknown[] => {
      const standing = standOfWitness(trace.case, false);
      return standing.is === 'open' ? standing.wants.map(({ purpose, port }) => [purpose, port]) : [];
    };
    const echo = [PURPOSE.echo, 0];
    const syn = [PURPOSE.syn, 33434];
    const own = (lost: number): ByHand =>
      udp({ siblingEcho: null }).pairs(lost, 64, from(60), null, {
        purpose: PURPOSE.echo,
        protocol: 'icmp6',
        flow: 'fresh',
      });
    expect([asked(own(3)), asked(own(4))]).toEqual([[echo], [echo, syn]]);
    const siblingEcho = { ...ECHO_LOST, lossShown: false, settled: false, pdmArrivals: 0 };
    const beside = (plainArrivals: number): unknown[] => asked(udp({ siblingEcho: { ...siblingEcho, plainArrivals } }));
    expect([beside(3), beside(4)]).toEqual([[], [syn]]);
  });

  it('not by datagrams of more than a hundred octets: SYNs carry no data, and none is sent', () => {
    const said = (
      size: number | undefined,
      siblingEcho: typeof ECHO_LOST,
    ): [string, string | null | undefined, boolean] => {
      const { verdict, state } = runTrace({
        protocol: 'udp',
        routers: 4,
        ...(size === undefined ? {} : { size }),
        siblingEcho,
        siblingTcp: null,
        watchesTcp: true,
        explain: false,
        differs: dropsFrom(3),
      });
      const rows = Array.from({ length: state.probes.count }, (_, row) => state.probes.purpose(row));
      return [verdict.outcome, verdict.evidence.witness, rows.includes(PURPOSE.syn)];
    };
    expect(said(101, ECHO_LOST)).toEqual(['dropped', 'echo', false]);
    expect(said(101, ECHO_SILENT)).toEqual(['inconclusive', null, false]);
    expect(said(100, ECHO_LOST)[2]).toBe(true);
    expect(said(undefined, ECHO_LOST)[2]).toBe(true);
  });

  it('where some are lost they must show the loss themselves', () => {
    const partly = (lost: number, placebos: number): string => {
      const trace = syns(losing(), lost, reset(60), null);
      return standOfWitness(syns(trace, placebos, reset(60), reset(60), { treatment: 'plain' }).case, true).is;
    };
    expect([partly(4, 0), partly(11, 6)]).toEqual(['open', 'loses']);
  });
});

describe('echo requests bear witness', () => {
  it('not where one with the option draws a reply from another distance: somebody else may answer those without', () => {
    const by = (pdm: Answer): string => {
      const values = { siblingEcho: null, siblingTcp: ECHO_LOST, watchesTcp: false };
      const trace = new ByHand('udp', values).explored(3).target(11, 'arrives', null);
      const options = { purpose: PURPOSE.echo, protocol: 'icmp6', flow: 'fresh' } as const;
      trace.pairs(1, 64, from(60), pdm, options).pairs(11, 64, from(60), null, options);
      trace.pairs(6, 64, from(60), from(60), { ...options, treatment: 'plain' });
      const standing = standOfWitness(trace.case, false);
      return standing.is === 'loses' ? standing.by : standing.is;
    };
    expect(by(null)).toBe('icmp6');
    expect(by(from(58))).toBe('tcp');
  });
});
