/** What traces to one target tell each other of the way. */
import { describe, expect, it } from 'vitest';
import { RandomMaterial } from '../../src/engine/random-material.js';
import { createRunningTrace, type RunningTrace } from '../../src/engine/running-trace.js';
import { SameTarget } from '../../src/engine/same-target.js';
import { TraceIndex } from '../../src/engine/trace-index.js';
import type { Protocol } from '../../src/trace/record.js';
import { contextOf } from '../trace/fake-path.js';
import { SOURCE, TARGET } from '../trace/trace-fixture.js';
import { FakeTransport, requestFor } from './engine-fixture.js';

const material = new RandomMaterial(new FakeTransport().randomBytes);

/** A trace whose plain packets met these routers, by hop limit from 1 on. */
function trace(protocol: Protocol, met: readonly string[], routerSeenAt = met.length): RunningTrace {
  const made = createRunningTrace(requestFor(protocol, TARGET), SOURCE, material, {
    startedAtMs: 0,
    order: 1,
    kernelDropsAtStart: null,
    progressAtNs: 0,
    isAgain: false,
    finish: () => undefined,
  });
  met.forEach((address, index) => (made.met[index + 1] = address));
  made.state.routerSeenAt = routerSeenAt;
  return made;
}

describe('routers behind one that is met by several traces', () => {
  const behind = (others: readonly RunningTrace[], hasEnded: boolean): ((address: string) => number) => {
    const own = trace('icmp6', ['a', 'b', 'c', 'd']);
    const index = new TraceIndex();
    for (const one of [own, ...others]) index.add(one);
    const known = new SameTarget(
      index,
      () => contextOf(),
      () => 0,
    );
    for (const other of hasEnded ? others : []) {
      index.remove(other);
      known.leave(other);
    }
    return (address) => known.routersBehind(own, address);
  };

  it.each([false, true])('are counted on the ways of the others, the farthest of them; ended: %s', (hasEnded) => {
    const count = behind([trace('udp', ['a', 'd', 'e', 'f']), trace('tcp', ['a', 'b', 'd'])], hasEnded);
    expect([count('d'), count('b'), count('a'), count('f'), count('c')]).toEqual([2, 1, 3, 0, 0]);
  });

  it('are those that plain packets met: who answered beyond, to the option, is none', () => {
    expect(behind([trace('udp', ['a', 'd', 'e', 'f'], 3)], false)('d')).toBe(1);
  });

  it('are counted behind the farther place of an address that was met at two', () => {
    expect(behind([trace('udp', ['d', 'e', 'd', 'f'])], false)('d')).toBe(1);
  });
});
