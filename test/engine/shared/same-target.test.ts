/** What traces to one target tell each other of the way. */
import { describe, expect, it } from 'vitest';
import { RandomMaterial } from '../../../src/engine/random-material.js';
import { createRunningTrace, type RunningTrace } from '../../../src/engine/running-trace.js';
import { SameTarget } from '../../../src/engine/shared/same-target.js';
import { TraceIndex } from '../../../src/engine/trace-index.js';
import type { Protocol } from '../../../src/record/record.js';
import type { WayMet } from '../../../src/trace/trace-context.js';
import { contextOf } from '../../trace/fake-path.js';
import { SOURCE, TARGET } from '../../trace/trace-fixture.js';
import { FakeTransport, requestFor } from '../engine-fixture.js';

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
  met.forEach((address, index) => (made.way[index + 1] = address));
  made.state.routerSeenAt = routerSeenAt;
  return made;
}

describe('the ways of other traces to one target', () => {
  const waysBeside = (others: readonly RunningTrace[], ended: readonly RunningTrace[]): readonly WayMet[] => {
    const own = trace('icmp6', ['a', 'b', 'c', 'd']);
    const index = new TraceIndex();
    for (const one of [own, ...others]) index.add(one);
    const known = new SameTarget(
      index,
      () => contextOf(),
      () => 0,
    );
    for (const other of ended) {
      index.remove(other);
      known.leave(other);
    }
    return known.ways(own);
  };
  const udp = trace('udp', ['a', 'd', 'e', 'f'], 3);
  const tcp = trace('tcp', ['a', 'b', 'd']);

  it.each([[[]], [[udp]], [[udp, tcp]]])('are known while these run, and when %# of them have ended', (ended) => {
    const ways = waysBeside([udp, tcp], ended);
    expect(ways.map(({ met, routerAt }) => [met.slice(1).join(''), routerAt]).sort()).toEqual([
      ['abd', 3],
      ['adef', 3],
    ]);
  });

  it('are none where it is alone', () => {
    expect(waysBeside([], [])).toEqual([]);
  });
});
