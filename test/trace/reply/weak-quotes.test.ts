/** METHOD: doubt. Networks with a router that quotes 40 to 47 octets, which name no probe. */
import { describe, expect, it } from 'vitest';
import { isTreated, routerAt, runTrace, type Drawn, type FakePath } from '../fake-path.js';

const echoLost = { plainArrivals: 15, pdmArrivals: 0, lossShown: true, settled: true };

/** Packets with the option are lost from hop 5 on; the router at `hop` quotes so much and no more. */
function network(hop: number, octets: number, values: Partial<FakePath> = {}): FakePath {
  const weak: Drawn = {
    from: routerAt(hop),
    type: 3,
    code: 0,
    quote: (packet) => packet.slice(0, octets),
  };
  return {
    protocol: 'udp',
    routers: 8,
    siblingEcho: echoLost,
    differs: ({ arm, hopLimit }) => (isTreated(arm) && hopLimit >= 5 ? null : hopLimit === hop ? weak : undefined),
    ...values,
  };
}

describe('a router that quotes too little', () => {
  it('hides no drop behind it, whichever hop before the drop it is', () => {
    for (const hop of [1, 3]) {
      for (const octets of [40, 42, 44, 46, 47]) {
        const { verdict, state } = runTrace(network(hop, octets));
        expect(verdict.outcome, `hop ${hop}, ${octets} octets: ${verdict.reasons.join(' ')}`).toBe('dropped');
        expect(verdict.interval).toMatchObject({ after: 4 });
        expect(state.counters.ambiguous).toBe(0);
      }
    }
  });

  it('beyond the drop answers packets without the option alone, and hides nothing either', () => {
    for (const octets of [40, 46]) {
      const { verdict } = runTrace(network(6, octets));
      expect(verdict.outcome, verdict.reasons.join(' ')).toBe('dropped');
    }
  });

  it('is a doubt where it quotes packets with the option and nothing tells that it is not beyond the drop', () => {
    for (const octets of [40, 42, 46]) {
      const { verdict } = runTrace(
        network(6, octets, {
          differs: ({ arm, hopLimit }) => {
            if (!isTreated(arm) || hopLimit < 5) return undefined;
            if (hopLimit !== 6) return null;
            return { from: routerAt(6), type: 3, code: 0, quote: (packet) => packet.slice(0, octets) };
          },
        }),
      );
      expect(verdict.outcome).toBe('inconclusive');
    }
  });

  it('a relative: hides no drop behind it where it fills its quotes up with zeros, or another stands beside it', () => {
    const padded = (packet: Uint8Array): Uint8Array => {
      const copy = new Uint8Array(128);
      copy.set(packet.subarray(0, 44));
      return copy;
    };
    for (const quote of [padded, (packet: Uint8Array): Uint8Array => packet.slice(0, 44)]) {
      const { verdict, state } = runTrace(
        network(3, 44, {
          differs: ({ arm, hopLimit }) => {
            if (isTreated(arm) && hopLimit >= 5) return null;
            return hopLimit === 2 || hopLimit === 3 ? { from: routerAt(hopLimit), type: 3, code: 0, quote } : undefined;
          },
        }),
      );
      expect(verdict.outcome, verdict.reasons.join(' ')).toBe('dropped');
      expect(verdict.interval).toMatchObject({ after: 4 });
      expect(state.counters.ambiguous).toBe(0);
    }
  });

  it('leaves a delivery a delivery', () => {
    for (const protocol of ['udp', 'icmp6'] as const) {
      for (const octets of [40, 44, 47]) {
        const weak: Drawn = { from: routerAt(3), type: 3, code: 0, quote: (packet) => packet.slice(0, octets) };
        const { verdict } = runTrace({
          protocol,
          routers: 8,
          differs: ({ hopLimit }) => (hopLimit === 3 ? weak : undefined),
        });
        expect(verdict.outcome).toBe('delivered');
      }
    }
  });
});
