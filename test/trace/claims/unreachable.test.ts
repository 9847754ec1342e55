import { describe, expect, it } from 'vitest';
import { unreachable } from '../../../src/trace/claims/unreachable.js';
import { markFailed } from '../../../src/trace/probe/sending.js';
import { ByHand, findingOf } from '../by-hand.js';
import { routerAt, runTrace } from '../fake-path.js';
import { makeState, sendPair } from '../trace-fixture.js';
import { contextOf } from '../fake-path.js';
import { makeCase } from '../../../src/trace/case.js';

const nothing = (pairs: number): ByHand => {
  const trace = new ByHand();
  for (let hop = 1; hop <= 8; hop += 1) trace.pairs(3, hop, null, null);
  return trace.target(pairs, null, null);
};

describe('unreachable', () => {
  it('is proven by ten unanswered pairs and a gap of silent hops, and open with nine', () => {
    expect(findingOf(nothing(10).stand(unreachable)).outcome).toBe('unreachable');
    expect(nothing(9).stand(unreachable).is).toBe('open');
  });

  it('waits for the hops', () => {
    expect(new ByHand().target(10, null, null).stand(unreachable).is).toBe('open');
  });

  it('is refuted by one answer to a plain packet, from any hop', () => {
    expect(nothing(10).pairs(1, 3, 'expires', null).stand(unreachable).is).toBe('refuted');
  });

  it('is refuted by one packet with the option that arrived', () => {
    expect(nothing(10).target(1, null, 'arrives').stand(unreachable).is).toBe('refuted');
  });

  it('is said of a path on which nothing answers, and of its relative on which only the option is answered it is not', () => {
    expect(runTrace({ protocol: 'udp', routers: 8, differs: () => null }).verdict.outcome).toBe('unreachable');
    const onlyOption = runTrace({
      protocol: 'icmp6',
      routers: 3,
      differs: ({ arm }) => (arm === 0 ? null : undefined),
    });
    expect(onlyOption.verdict.outcome).toBe('bypassed');
  });

  it('is said after ten answers of this host itself, without asking all hops, and not after nine', () => {
    const own = (pairs: number): ByHand => {
      const trace = new ByHand();
      const notThere = { from: trace.state.identity.source, type: 1, code: 3 };
      return trace.target(pairs, notThere, notThere);
    };
    expect(findingOf(own(10).stand(unreachable)).reasons[0]).toContain('This host itself');
    expect(findingOf(own(10).stand(unreachable)).reasons[0]).toContain('by 1/3: they never left it');
    expect(own(9).stand(unreachable).is).toBe('open');
  });

  it('a relative: a router that says the same has been met, and something answers', () => {
    const notThere = { from: routerAt(4), type: 1, code: 3 };
    expect(nothing(10).target(1, notThere, notThere).stand(unreachable).is).toBe('refuted');
  });

  it.each(['EPERM', 'EACCES'])(
    "names the host's own output filter after three sends refused with %s, not after two",
    (code) => {
      const state = makeState('udp');
      sendPair(state, {}, 0);
      const stand = () => unreachable.stand(makeCase(state, contextOf(), 30e9));
      for (let i = 0; i < 3; i += 1) {
        expect(state.sendError).toBeNull();
        const { treated } = sendPair(state, {}, 1e6 * i);
        markFailed(state, treated, code, 'not permitted');
        if (i === 0) markFailed(state, 0, code, 'not permitted');
        if (i === 0) markFailed(state, 1, code, 'not permitted');
        if (state.sendError !== null) break;
      }
      expect(findingOf(stand()).reasons[0]).toContain(`This host itself refuses to send packets with the option`);
      expect(findingOf(stand()).reasons[0]).toContain(code);
    },
  );
});
