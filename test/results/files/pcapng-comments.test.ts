import { describe, expect, it } from 'vitest';
import { captureInto } from '../../../src/cli/packet-comments.js';
import type { TappedVerdict } from '../../../src/engine/tap/packet-tap.js';
import type { WaitingPacket } from '../../../src/results/files/pcapng-file.js';
import type { Reply } from '../../../src/trace/reply/reply.js';

const address = (last: number): Uint8Array =>
  Uint8Array.from([0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), last]);
const TRACE = { id: 'id-1', target: '2001:db8::9', protocol: 'udp', source: address(1) } as const;
const WHOSE = 'trace 2001:db8::9 udp id-1';

function commentOf(verdict: TappedVerdict, timeNs = 5_000_000): string {
  const bytes = new Uint8Array(48);
  const packet = { direction: 'in', layer: 'ipv6', source: address(4), bytes, hopLimit: null, timeNs } as const;
  const reply = {
    kind: 'error',
    source: address(4),
    error: { type: 3, code: 0, pointer: null, mtu: null },
  } as unknown as Reply;
  const added: WaitingPacket[] = [];
  captureInto({ add: (waiting) => added.push(waiting) }).received(TRACE, packet, reply, verdict);
  return added[0]!.comment();
}

describe('the comment on a packet in a capture', () => {
  const probe = { number: 17, arm: 'pdm', hopLimit: 4, sentAtNs: () => 3_765_433 } as const;
  const what = 'Time Exceeded (3/0) from 2001:db8::4';

  it.each([
    [{ kind: 'answers', probe }, `answers probe 17 (pdm, hop 4): ${what}, RTT 1.234567 ms; ${WHOSE}`],
    [
      { kind: 'late', probe },
      `late, answers probe 17 (pdm, hop 4) after its wait was over: ${what}, RTT 1.234567 ms; ${WHOSE}`,
    ],
    [
      { kind: 'duplicate', probe },
      `duplicate, probe 17 (pdm, hop 4) was answered before: ${what}, RTT 1.234567 ms; ${WHOSE}`,
    ],
    [
      { kind: 'forged' },
      `forged, not counted: ${what} has identifying octets that are not those of a probe we sent; ${WHOSE}`,
    ],
    [
      { kind: 'ambiguous' },
      `ambiguous, not counted: ${what} has too few identifying octets to name one probe; ${WHOSE}`,
    ],
  ] as const)('names what a reply was taken for: %o', (verdict, comment) => {
    expect(commentOf(verdict)).toBe(comment);
  });

  it('never shows a negative round-trip time', () => {
    expect(commentOf({ kind: 'answers', probe }, 1)).toContain('RTT not known (the clock stepped)');
  });

  it('names the probe that was sent, whose octets may change afterwards', () => {
    const added: WaitingPacket[] = [];
    const bytes = Uint8Array.of(1, 2, 3);
    captureInto({ add: (waiting) => added.push(waiting) }).sent(TRACE, probe, null, bytes, 7);
    bytes.fill(0);
    const [sent] = added;
    expect(sent).toMatchObject({ direction: 'out', timeNs: 7, bytes: Uint8Array.of(1, 2, 3) });
    expect(sent!.comment()).toBe(`probe 17 (pdm, hop 4) of ${WHOSE}`);
  });

  it('says which fragment of a probe a packet is, counted from one', () => {
    const added: WaitingPacket[] = [];
    const file = captureInto({ add: (waiting) => added.push(waiting) });
    file.sent(TRACE, probe, { index: 1, count: 2 }, Uint8Array.of(1), 7);
    expect(added[0]!.comment()).toBe(`probe 17 (pdm, hop 4), fragment 2 of 2 of ${WHOSE}`);
  });
});
