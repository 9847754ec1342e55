import { describe, expect, it } from 'vitest';
import { altered } from '../../../src/trace/claims/altered.js';
import { alter, ByHand, findingOf, quotedBy, reasonOf, strip } from '../by-hand.js';
import { routerAt, runTrace, withHopLimit } from '../fake-path.js';
import { TARGET } from '../trace-fixture.js';
import { ARM_CODE } from '../../../src/trace/state/trace-state.js';
import { testChange } from './changed-cases.js';

describe('altered', () => {
  testChange(altered, alter);

  it("is no word against the target's, which quotes the option whole as far as it quotes it", () => {
    const quoting = (octets: number): ByHand => {
      const answer = { from: TARGET, type: 1, code: 4, quote: (packet: Uint8Array) => packet.slice(0, octets) };
      const trace = new ByHand('udp');
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, alter) : 'expires');
      return trace.pairs(3, 5, 'arrives', answer).target(3, 'arrives', answer);
    };
    // Option type, length and PSNTP, and not the octet that the routers show changed.
    expect(reasonOf(quoting(48).stand(altered))).toContain('it is quoted intact');
  });

  it('is defeated where headers of options are put into packets, and one of another option stands in the place of ours', () => {
    const put = (packet: Uint8Array): Uint8Array => {
      // RFC 9343.
      const other = [packet[6]!, 1, 0x12, 4, 0, 0, 0x10, 0, 1, 6, 0, 0, 0, 0, 0, 0];
      const copy = Uint8Array.from([...packet.subarray(0, 40), ...other, ...packet.subarray(40)]);
      copy[5]! += 16;
      copy[6] = 60;
      return withHopLimit(copy, 1);
    };
    const of = (plainPasses: boolean, change: (packet: Uint8Array) => Uint8Array): ReturnType<ByHand['stand']> => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 4; hop += 1) {
        const plain = hop > 2 && plainPasses ? quotedBy(hop, put) : 'expires';
        trace.pairs(3, hop, plain, hop > 2 ? quotedBy(hop, change) : 'expires');
      }
      return trace.pairs(3, 5, 'arrives', 'arrives').repeats(8, 2).stand(altered);
    };
    const inPlace = (packet: Uint8Array): Uint8Array => put(strip(packet));
    expect(reasonOf(of(true, inPlace))).toContain('that header be another one');
    // The same without such headers elsewhere, or of our own option.
    expect(of(false, inPlace).is).toBe('proven');
    expect(of(true, alter).is).toBe('proven');
  });

  it('says of which parts of the option, as the quotes that it rests on show them', () => {
    const set = (at: number, value: number) => (packet: Uint8Array) =>
      packet.map((octet, i) => (i === at ? value : octet));
    const said = (change: (packet: Uint8Array) => Uint8Array): string | undefined => {
      const trace = new ByHand();
      for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, change) : 'expires');
      return findingOf(trace.pairs(3, 5, 'arrives', 'arrives').repeats(8, 2).stand(altered)).reasons[0];
    };
    expect(said(set(42, 0x1e))).toContain('changed on the way (type): as 2 routers');
    expect(said((packet) => set(43, 0)(packet.fill(0xee, 50, 52)))).toContain('(length, data)');
  });

  it('is void where shorter quotes beyond show the octets that some show changed, and not where these lie behind their end', () => {
    /** Hops 3 and 4 quote all, one octet of it changed; those beyond no more than 48 octets, as they were sent. */
    const quotedAt = (octet: number): string =>
      runTrace({
        protocol: 'icmp6',
        routers: 8,
        differs: ({ arm, hopLimit }) => {
          if (arm !== ARM_CODE.pdm || hopLimit < 3 || hopLimit > 8) return undefined;
          const quote = (packet: Uint8Array): Uint8Array => {
            const quoted = withHopLimit(packet, 1);
            if (hopLimit > 4) return quoted.slice(0, 48);
            quoted[octet]! ^= 0x11;
            return quoted;
          };
          return { from: routerAt(hopLimit), type: 3, code: 0, quote };
        },
      }).verdict.outcome;
    // The type of the option, and its data behind the sequence number.
    expect([quotedAt(42), quotedAt(50)]).toEqual(['delivered', 'altered']);
  });

  it('is told apart from stripped', () => {
    const trace = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) trace.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, strip) : 'expires');
    trace.pairs(3, 5, 'arrives', 'arrives');
    expect(trace.stand(altered).is).toBe('refuted');
    const own = new ByHand();
    for (let hop = 1; hop <= 4; hop += 1) own.pairs(3, hop, 'expires', hop > 2 ? quotedBy(hop, alter) : 'expires');
    expect(own.pairs(3, 5, 'arrives', 'arrives').repeats(8, 2).stand(altered).is).toBe('proven');
  });
});
