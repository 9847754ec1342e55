/** Links of several sizes: packets with the option are longer, and that alone may be why they do not arrive. */
import { describe, expect, it } from 'vitest';
import { ARM_CODE } from '../../../src/trace/state/trace-state.js';
import { ECHO_LOST } from '../by-hand.js';
import { isTreated, routerAt, runTrace } from '../fake-path.js';

const tooBig = { from: routerAt(4), type: 2, code: 0 };

describe('links of several sizes', () => {
  it('do not make packets with the option look impaired where one way takes them and another does not', () => {
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      differs: ({ arm, hopLimit, flow }) =>
        isTreated(arm) && hopLimit > 8 && flow > 2 && flow % 3 === 0 ? tooBig : undefined,
    });
    expect(['delivered', 'inconclusive']).toContain(verdict.outcome);
    expect(verdict.reasons.join(' ')).toContain('Packet Too Big');
  });

  it('do not make them look dropped where the router that says so limits its errors', () => {
    let told = 0;
    const { verdict } = runTrace({
      protocol: 'udp',
      routers: 8,
      siblingEcho: ECHO_LOST,
      differs: ({ arm, hopLimit, flow }) => {
        if (hopLimit <= 4) return undefined;
        if (arm === ARM_CODE.plain) return flow === 4 ? tooBig : undefined;
        return (told += 1) % 5 === 1 ? tooBig : null;
      },
    });
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('Packet Too Big');
  });

  it('a relative: one word of an MTU that no such link may have takes no drop away', () => {
    let told = 0;
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => {
        if (!isTreated(arm) || hopLimit <= 4) return undefined;
        return hopLimit === 64 && (told += 1) === 5 ? tooBig : null;
      },
    });
    expect(told).toBeGreaterThan(5);
    expect(verdict).toMatchObject({ outcome: 'dropped', interval: { after: 4 } });
  });
});
