import { describe, expect, it } from 'vitest';
import { standOfOwnPdm } from '../../../src/trace/evidence/own-pdm.js';
import { PURPOSE } from '../../../src/trace/state/trace-state.js';
import { ByHand, ECHO_LOST, type Answer } from '../by-hand.js';
import { TARGET } from '../trace-fixture.js';

/** Datagrams with any option draw no error from behind hop 3, be they lost or the errors about them. */
function datagrams(values: ConstructorParameters<typeof ByHand>[1] = {}): ByHand {
  const trace = new ByHand('udp', { routers: 6, explain: true, watchesTcp: true, ...values }).explored(4);
  trace.target(11, { from: TARGET, type: 1, code: 4 }, null);
  return trace.pairs(9, 64, { from: TARGET, type: 1, code: 4 }, null, {
    purpose: PURPOSE.explain,
    treatment: 'do8',
    flow: 'fresh',
  });
}

const syns = (trace: ByHand, count: number, treated: Answer): ByHand =>
  trace.pairs(count, 64, 'arrives', treated, {
    purpose: PURPOSE.explain,
    treatment: 'do8',
    protocol: 'tcp',
    flow: 'fresh',
  });

const stand = (trace: ByHand): ReturnType<typeof standOfOwnPdm> => standOfOwnPdm(trace.case, null, 7);

describe('METHOD: dropped, a target that sends PDM itself, or may: datagrams that draw errors', () => {
  it('with another option tell nothing of it: a SYN with it is asked, where no echo requests are answered', () => {
    expect(stand(datagrams())).toMatchObject({
      is: 'open',
      wants: [{ purpose: PURPOSE.explain, protocol: 'tcp', treatment: 'do8' }],
    });
  });

  it('it is excluded by three such SYNs that are lost as well, in one of which the lost packet left first', () => {
    expect(stand(syns(datagrams(), 2, null)).is).toBe('open');
    let trace = datagrams();
    // In which order they leave is drawn.
    for (let pairs = 0; pairs < 6 && stand(trace).is !== 'excluded'; pairs += 1) trace = syns(trace, 1, null);
    expect(stand(trace)).toEqual({ is: 'excluded' });
  });

  it('it may be so where one is answered, and no hop before the target reports that option', () => {
    expect(stand(syns(datagrams(), 1, 'arrives'))).toMatchObject({
      is: 'open',
      wants: [{ purpose: PURPOSE.otherOption, treatment: 'do8' }],
    });
  });

  it('it may be so where SYNs cannot be heard', () => {
    expect(stand(datagrams({ watchesTcp: false }))).toMatchObject({ is: 'possible' });
  });

  it('a relative: where echo requests are answered these have asked, and where the cause is known nobody is', () => {
    expect(stand(datagrams({ siblingEcho: ECHO_LOST }))).toEqual({ is: 'excluded' });
    expect(standOfOwnPdm(datagrams().case, 'destination-options', 7)).toEqual({ is: 'excluded' });
  });
});
