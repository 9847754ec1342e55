import { describe, expect, it } from 'vitest';
import { matchReply } from '../../src/trace/match-reply.js';
import { ARM_CODE } from '../../src/trace/trace-state.js';
import { dropsFrom, isTreated, routerAt, runTrace, withHopLimit, type FakePath } from './fake-path.js';
import { errorAbout, makeState, packetOf, replyFrom, sendPair, TARGET } from './trace-fixture.js';

const udp = (values: Partial<FakePath> = {}): FakePath => ({ protocol: 'udp', routers: 8, ...values });
const echoLost = { plainOnly: 10, plainArrivals: 10, pdmArrivals: 0, settled: true };
const echoSilent = { plainOnly: 0, plainArrivals: 0, pdmArrivals: 0, settled: true };

describe('nothing shows that packets with the option still reach hop n when most pairs are lost', () => {
  it('a loss that moves nearer after the three repeats is not placed beyond the old n', () => {
    const { verdict } = runTrace(
      udp({
        routers: 12,
        siblingEcho: echoLost,
        differs: (probe) => {
          if (probe.atNs <= 0.85e9) return dropsFrom(9)(probe);
          // On the new way hop 8 answers nobody; packets with the option stop after hop 2.
          return probe.hopLimit === 8 ? null : dropsFrom(3)(probe);
        },
      }),
    );
    if (verdict.outcome === 'dropped') expect(verdict.interval!.after).toBeLessThanOrEqual(2);
    else expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('a filter that lets a packet pass now and then, before hops that answer nothing', () => {
  it('is not placed behind the last hop that lost them all', () => {
    let atEight = 0;
    const { verdict, evidence } = runTrace(
      udp({
        routers: 12,
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit }) => {
          if (hopLimit === 6 || hopLimit === 7) return null;
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          // Hop 4 drops nearly all of them: all that run out at hop 5, some that do at hop 8, and all beyond.
          if (hopLimit !== 8) return null;
          atEight += 1;
          return atEight % 3 === 0 ? undefined : null;
        },
      }),
    );
    expect(evidence.lastPdmHop).toBe(8);
    expect(verdict.outcome).toBe('dropped');
    expect(verdict.interval!.after).toBeLessThanOrEqual(3);
  });
});

describe('the return path of answers that are errors themselves', () => {
  it('icmp6: a target that refuses echo with 1/1 quotes the option, so a return filter looks like a drop', () => {
    const { verdict } = runTrace({
      protocol: 'icmp6',
      routers: 8,
      differs: ({ arm, hopLimit }) => {
        // Every error that quotes a Destination Options header is lost on the way back.
        if (isTreated(arm)) return null;
        return hopLimit > 8 ? { from: TARGET, type: 1, code: 1 } : undefined;
      },
    });
    expect([verdict.outcome, verdict.evidence.returnPath]).not.toEqual(['dropped', 'excluded']);
  });
  it('udp: echo pairs that draw errors from the target do not exclude the return path', () => {
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (isTreated(arm)) return null;
          return hopLimit > 8 ? { from: TARGET, type: 1, code: 1 } : undefined;
        },
      }),
    );
    expect([verdict.outcome, verdict.evidence.returnPath]).not.toEqual(['dropped', 'excluded']);
  });
});

describe('rejected on the word of silence', () => {
  it('two refusals on one of many ways, and hops that do not report, are not enough to name a refuser', () => {
    let refused = 0;
    const { verdict, evidence } = runTrace(
      udp({
        differs: ({ arm, hopLimit }) => {
          if (hopLimit > 8) return null; // the target is silent to both
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          if (hopLimit === 5 && refused < 2) {
            refused += 1;
            return { from: routerAt(4), type: 1, code: 1 };
          }
          return null; // passes, but these hops do not report packets with the option
        },
      }),
    );
    expect(evidence.pdmRefusals).toHaveLength(2);
    expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('rewritten source and a short quote', () => {
  it('a UDP checksum that a translator rewrote names no probe when the nonce is not quoted', () => {
    const state = makeState('udp');
    const rows = Array.from({ length: 20 }, () => sendPair(state));
    const { checksumStep } = state.identity.secrets;
    const wrong: string[] = [];
    for (const { plain } of rows) {
      const quote = packetOf(state, plain).slice(0, 48);
      // The translator changed the source by an amount that moves the checksum by two steps, and did not move it back.
      quote[22]! ^= 0x55;
      const view = new DataView(quote.buffer);
      const before = view.getUint16(46);
      view.setUint16(46, 1 + ((before - 1 + 2 * checksumStep) % 65_521));
      const match = matchReply(state, replyFrom(errorAbout(quote)));
      if (typeof match !== 'string' && match.row !== plain)
        wrong.push(`${plain} taken for ${match.row} ${match.findings!.changes.join()}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('the flow label is never a ground to reject (METHOD §4)', () => {
  it('a TCP quote with ports and our 32-bit sequence number is ours whatever its label', () => {
    const state = makeState('tcp');
    const { plain } = sendPair(state);
    const quote = packetOf(state, plain);
    quote[3]! ^= 0x11;
    expect(matchReply(state, replyFrom(errorAbout(quote)))).toMatchObject({ row: plain });
  });
  for (const length of [48, 64]) {
    it(`a way that clears the label of packets with the option and quotes ${length} octets does not make them look dropped`, () => {
      const { verdict } = runTrace(
        udp({
          siblingEcho: echoSilent,
          differs: ({ arm, hopLimit }) =>
            isTreated(arm) && hopLimit >= 5
              ? {
                  from: hopLimit > 8 ? TARGET : routerAt(hopLimit),
                  type: hopLimit > 8 ? 1 : 3,
                  code: hopLimit > 8 ? 4 : 0,
                  quote: (packet) => {
                    const copy = withHopLimit(packet, 1).slice(0, length);
                    copy[1]! &= 0xf0;
                    copy[2] = 0;
                    copy[3] = 0;
                    return copy;
                  },
                }
              : undefined,
        }),
      );
      expect(['delivered', 'inconclusive']).toContain(verdict.outcome);
    });
  }
});

describe('a slow path for options and a target that answers one packet of a pair', () => {
  it('is not dropped where echo is silent and pairs of two packets without the option are answered once only, too', () => {
    let firstWasSlow = false;
    const { verdict, evidence } = runTrace(
      udp({
        siblingEcho: echoSilent,
        differs: ({ arm, hopLimit, number }) => {
          if (hopLimit <= 8) return undefined;
          // Packets with the option come a millisecond later: the target's one token is spent on their partner.
          if (number % 2 === 0) {
            firstWasSlow = isTreated(arm);
            return firstWasSlow ? null : undefined;
          }
          return !isTreated(arm) && firstWasSlow ? undefined : null;
        },
      }),
    );
    expect(evidence.explain.get(ARM_CODE.long)!.both).toBe(0);
    expect(verdict.outcome).toBe('inconclusive');
  });
});

describe('ambiguous replies and impaired', () => {
  it('quotes too short to name their probe do not make half of the arrivals a loss', () => {
    const { verdict, state } = runTrace(
      udp({
        siblingEcho: null,
        differs: ({ arm, hopLimit, flow }) =>
          arm === ARM_CODE.pdm && hopLimit > 8 && flow % 2 === 1
            ? { from: TARGET, type: 1, code: 4, quote: (packet) => packet.slice(0, 44) }
            : undefined,
      }),
    );
    expect(state.counters.ambiguous).toBeGreaterThan(0);
    expect(verdict.outcome).not.toBe('impaired');
  });
});

describe('an answer from beyond the refuser', () => {
  it('rules out `rejected` also where it quotes the option changed', () => {
    let refused = 0;
    const { verdict } = runTrace(
      udp({
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit }) => {
          if (!isTreated(arm) || hopLimit < 5) return undefined;
          if (hopLimit > 8) return { from: routerAt(4), type: 1, code: 1 };
          refused += 1;
          // Router 4 refuses half of what is for hop 5 and further on, and lets the rest through, changed.
          return refused % 2 === 0
            ? { from: routerAt(4), type: 1, code: 1 }
            : {
                from: routerAt(hopLimit),
                type: 3,
                code: 0,
                quote: (packet) => {
                  const copy = withHopLimit(packet, 1);
                  copy[50]! ^= 0x11;
                  return copy;
                },
              };
        },
      }),
    );
    expect(verdict.outcome).not.toBe('rejected');
  });
});

describe('links of several sizes', () => {
  const tooBig = { from: routerAt(4), type: 2, code: 0 };

  it('do not make packets with the option, which are longer, look impaired where one way takes them and another does not', () => {
    const { verdict } = runTrace(
      udp({
        differs: ({ arm, hopLimit, flow }) =>
          isTreated(arm) && hopLimit > 8 && flow > 2 && flow % 3 === 0 ? tooBig : undefined,
      }),
    );
    expect(['delivered', 'inconclusive']).toContain(verdict.outcome);
    expect(verdict.reasons.join(' ')).toContain('Packet Too Big');
    // An MTU that no link has is no advice.
    expect(verdict.reasons.join(' ')).toContain('MTU 0');
    expect(verdict.reasons.join(' ')).not.toContain('--size');
  });

  it('do not make them look dropped where some ways are too small for both arms, and the router limits its errors', () => {
    let told = 0;
    const { verdict } = runTrace(
      udp({
        siblingEcho: echoLost,
        differs: ({ arm, hopLimit, flow }) => {
          if (hopLimit <= 4) return undefined;
          if (arm === ARM_CODE.plain) return flow === 4 ? tooBig : undefined;
          told += 1;
          return told % 5 === 1 ? tooBig : null;
        },
      }),
    );
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.reasons.join(' ')).toContain('Packet Too Big');
  });

  it('that are too small for the larger packet alone, and say nothing, are named as what may be behind a drop', () => {
    const path = udp({
      explain: false,
      siblingEcho: echoLost,
      differs: ({ arm, hopLimit }) => (arm !== ARM_CODE.plain && hopLimit > 4 ? null : undefined),
    });
    const doubt = 'their length alone may be what is refused';
    const { verdict } = runTrace({ ...path, size: 1270 });
    expect(verdict).toMatchObject({ outcome: 'dropped', cause: null });
    expect(verdict.reasons.join(' ')).toContain(doubt);
    expect(runTrace(path).verdict.reasons.join(' ')).not.toContain(doubt);
  });
});
