/** Headers that the way puts in beside ours: our option is where the chain says, and they are a finding of their own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchReply, type MatchResult } from '../../../src/trace/reply/match-reply.js';
import { encodeFragment } from '../../../src/trace/probe/probe-packet.js';
import type { Arm, Protocol } from '../../../src/record/record.js';
import type { TraceState } from '../../../src/trace/state/trace-state.js';
import { hex } from '../../wire/hex.js';
import { errorAbout, makeState, packetOf, replyFrom, sendPair } from '../trace-fixture.js';

interface Inserted {
  readonly name: string;
  readonly kind: number;
  /** Without the next-header octet. */
  readonly rest: string;
}

const HOP_BY_HOP: Inserted = { name: 'hop-by-hop', kind: 0, rest: '00 05 02 0000 0100' };
/** A segment routing header with one segment, as the kernel's `seg6` inline mode puts in. */
const ROUTING: Inserted = {
  name: 'routing',
  kind: 43,
  rest: `02 04 00 00 00 0000 20010db8000000000000000000000009`,
};
const AH: Inserted = { name: 'ah', kind: 51, rest: '04 0000 00001234 00000001 aabbccddeeff00112233 4455' };
/** RFC 9343: AltMark in a Destination Options header. */
const ALT_MARK: Inserted = { name: 'destination-options', kind: 60, rest: '00 12 04 00001234' };
/** Somebody else's PDM. */
const OTHER_PDM: Inserted = { name: 'destination-options', kind: 60, rest: '01 0f0a 0000 7777 0000 0000 0000 0100' };
const EXPERIMENT: Inserted = { name: 'destination-options', kind: 60, rest: '00 1e 04 ffffffff' };
const MOBILITY: Inserted = { name: 'mobility', kind: 135, rest: '00 07 00 0000 0000' };
const ALL = [HOP_BY_HOP, ROUTING, AH, ALT_MARK, OTHER_PDM, EXPERIMENT, MOBILITY];

/** The packet with these headers put in at `at`, right behind the IPv6 header unless told; lengths and next headers follow. */
function withHeaders(packet: Uint8Array, headers: readonly Inserted[], at = 40, nextHeaderAt = 6): Uint8Array {
  const before = packet.slice(0, at);
  let next = before[nextHeaderAt]!;
  const octets: number[] = [];
  for (const { kind, rest } of headers.toReversed()) {
    octets.unshift(next, ...hex(rest));
    next = kind;
  }
  before[nextHeaderAt] = next;
  const bytes = Uint8Array.from([...before, ...octets, ...packet.subarray(at)]);
  bytes[5]! += octets.length;
  return bytes;
}

const matchQuote = (state: TraceState, quote: Uint8Array): MatchResult =>
  matchReply(state, replyFrom(errorAbout(quote)));

function busy(protocol: Protocol, treatment: Arm): { state: TraceState; row: number; packet: Uint8Array } {
  const state = makeState(protocol);
  for (let i = 0; i < 3; i += 1) sendPair(state);
  const pair =
    treatment === 'pdm' || treatment === 'plain' ? sendPair(state) : sendPair(state, { treatment, flow: 'fresh' });
  const row = treatment === 'plain' ? pair.plain : pair.treated;
  return { state, row, packet: packetOf(state, row) };
}

const PROTOCOLS = ['udp', 'icmp6', 'tcp'] as const;

describe('headers put in front of ours', () => {
  for (const header of ALL) {
    for (const arm of ['plain', 'pdm', 'do8', 'do16', 'long'] as const) {
      it(`leave the ${arm} probe as it was, and ${header.name} (${header.kind}, ${header.rest.slice(0, 5)}) is named`, () => {
        for (const protocol of PROTOCOLS) {
          const { state, row, packet } = busy(protocol, arm);
          const hasOption = arm !== 'plain' && arm !== 'long';
          expect(matchQuote(state, withHeaders(packet, [header])), protocol).toMatchObject({
            row,
            findings: {
              intact: hasOption ? true : null,
              intactWhole: hasOption,
              altered: false,
              stripped: false,
              inserted: [header.name],
              changes: [`inserted-${header.name}`],
            },
          });
        }
      });
    }
  }

  it('may be several, a chain of Hop-by-Hop, SRH, AH and an option header', () => {
    const { state, row, packet } = busy('icmp6', 'pdm');
    const headers = [HOP_BY_HOP, ROUTING, AH, ALT_MARK];
    expect(matchQuote(state, withHeaders(packet, headers))).toMatchObject({
      row,
      findings: { intact: true, inserted: headers.map(({ name }) => name) },
    });
  });

  it('cut the quote earlier: it names its probe from PSNTP on, and shows no change wherever it ends', () => {
    for (const header of ALL) {
      const { state, row, packet } = busy('udp', 'pdm');
      const quote = withHeaders(packet, [header]);
      const grown = quote.length - packet.length;
      for (let length = 40; length <= quote.length; length += 1) {
        for (const size of [length, 136]) {
          const cut = new Uint8Array(size);
          cut.set(quote.subarray(0, length));
          const result = matchQuote(state, cut);
          if (typeof result === 'string') {
            expect(length, `${header.name} ${length}`).toBeLessThan(48 + grown);
            continue;
          }
          expect(result.row).toBe(row);
          expect(result.findings, `${header.name} ${length}`).toMatchObject({ altered: false, stripped: false });
        }
      }
    }
  });

  it('leave an explaining probe its name where the quote ends with its option', () => {
    for (const header of ALL) {
      for (const arm of ['do8', 'do16'] as const) {
        const { state, row, packet } = busy('udp', arm);
        const quote = withHeaders(packet, [header]);
        const upper = quote.length - 22;
        for (const length of [upper, upper + 4]) {
          expect(matchQuote(state, quote.subarray(0, length)), `${arm} ${header.rest} ${length}`).toMatchObject({
            row,
            findings: { intact: true, inserted: [header.name] },
          });
        }
      }
    }
  });

  it('do not hide that our option is gone or changed', () => {
    for (const header of ALL) {
      const { state, row, packet } = busy('udp', 'pdm');
      const stripped = Uint8Array.from([...packet.subarray(0, 40), ...packet.subarray(56)]);
      stripped[5]! -= 16;
      stripped[6] = 17;
      expect(matchQuote(state, withHeaders(stripped, [header])), header.rest).toMatchObject({
        row,
        findings: header === OTHER_PDM ? { intact: false } : { intact: false, stripped: true, inserted: [header.name] },
      });
      const altered = packet.slice();
      altered[45]! ^= 1;
      expect(matchQuote(state, withHeaders(altered, [header])), header.rest).toMatchObject({
        row,
        findings: { intact: false, altered: true },
      });
    }
  });

  it('are none where the packet has not grown: a changed next-header octet is a change', () => {
    const { state, row, packet } = busy('udp', 'pdm');
    for (const nextHeader of [0, 43, 135]) {
      const quote = packet.slice();
      quote[6] = nextHeader;
      const result = matchQuote(state, quote);
      if (typeof result === 'string') continue;
      expect(result).toMatchObject({ row, findings: { inserted: [], altered: true, intact: false } });
    }
  });
});

describe('headers put in behind ours', () => {
  it('change its next-header octet, which says no more than that', () => {
    for (const header of [ROUTING, AH, ALT_MARK, MOBILITY]) {
      const { state, row, packet } = busy('udp', 'pdm');
      expect(matchQuote(state, withHeaders(packet, [header], 56, 40)), header.name).toMatchObject({
        row,
        findings: { intact: true, altered: false, inserted: [header.name], changes: [`inserted-${header.name}`] },
      });
    }
  });

  it('are none where the packet has not grown: the octet itself was changed', () => {
    const { state, packet } = busy('udp', 'pdm');
    const quote = packet.slice();
    quote[40] = 43;
    const result = matchQuote(state, quote);
    if (typeof result !== 'string')
      expect(result.findings).toMatchObject({ altered: true, intact: false, inserted: [] });
  });
});

describe('our option moved into another header', () => {
  it('beside other options is altered, not intact', () => {
    const { state, row, packet } = busy('udp', 'pdm');
    // 8 octets of AltMark and our option in one header of 24.
    const merged = Uint8Array.from([
      ...packet.subarray(0, 40),
      ...[17, 2, 0x12, 4, 0, 0, 0x12, 0x34],
      ...packet.subarray(42, 56),
      ...[1, 0],
      ...packet.subarray(56),
    ]);
    merged[5]! += 8;
    expect(matchQuote(state, merged)).toMatchObject({ row, findings: { altered: true, intact: false } });
  });
});

describe('a fragmented probe', () => {
  it('keeps its own Fragment header, and headers in front of it are named', () => {
    const state = makeState('udp', { size: 1400, fragment: true });
    const { treated } = sendPair(state);
    const arena = new Uint8Array(4000);
    const length = 48 + 16 + 8;
    const first = packetOfFragment(state, treated, arena);
    expect(first.length).toBeGreaterThan(length);
    expect(matchQuote(state, withHeaders(first, [HOP_BY_HOP, ROUTING]))).toMatchObject({
      row: treated,
      findings: { intact: true, fragment: 0, inserted: ['hop-by-hop', 'routing'] },
    });
  });
});

function packetOfFragment(state: TraceState, row: number, arena: Uint8Array): Uint8Array {
  return arena.slice(0, encodeFragment(state, row, 0, arena, 0));
}

describe('any chain in front of our option', () => {
  it('never throws, never names another probe, and never makes an intact option look changed', () => {
    const { state, row, packet } = busy('udp', 'pdm');
    const some = fc.array(fc.constantFrom(...ALL.slice(1)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.boolean(), some, fc.nat(200), (first, rest, cut) => {
        const quote = withHeaders(packet, first ? [HOP_BY_HOP, ...rest] : rest);
        const result = matchQuote(state, quote.subarray(0, Math.max(40, Math.min(cut, quote.length))));
        if (typeof result === 'string') return;
        expect(result.row).toBe(row);
        expect(result.findings).toMatchObject({ altered: false, stripped: false });
      }),
      { numRuns: 2000 },
    );
  });
});
