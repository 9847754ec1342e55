/** What the contract and the adapters' own behaviours are written with. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProbeTransport, SendOutcome } from '../../src/transport/probe-transport.js';
import { type Received, received } from './contract-packets.js';

/** One sentence of the contract. `run` fails by throwing. */
export interface Behaviour<F> {
  readonly title: string;
  readonly run: (fixture: F) => Promise<void>;
}

export function describeBehaviours<F extends { close(): Promise<void> }>(
  name: string,
  behaviours: readonly Behaviour<F>[],
  makeFixture: () => Promise<F>,
): void {
  describe(name, () => {
    let fixture: F;
    beforeEach(async () => {
      fixture = await makeFixture();
    });
    afterEach(async () => {
      await fixture.close();
    });
    for (const { title, run } of behaviours) it(title, () => run(fixture));
  });
}

/** What arrived so far, and promises for what will. */
export class Inbox {
  readonly all: Received[] = [];
  #changed: () => void = () => undefined;

  constructor(transport: ProbeTransport) {
    transport.onPackets((batch) => {
      for (const packet of batch) this.all.push(received(packet));
      this.#changed();
    });
  }

  get incoming(): Received[] {
    return this.all.filter(({ observed }) => observed.direction === 'in');
  }

  async first(matches: (packet: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.incoming.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async count(matches: (packet: Received) => boolean, atLeast: number): Promise<Received[]> {
    for (;;) {
      const found = this.incoming.filter(matches);
      if (found.length >= atLeast) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

export function sendAll(transport: ProbeTransport, packets: readonly Uint8Array[]): Promise<readonly SendOutcome[]> {
  // A gap before and after each packet: an adapter that ignores offsets or lengths sends something else.
  const lengths = Uint32Array.from(packets, (packet) => packet.length);
  const offsets = new Uint32Array(packets.length);
  const arena = new Uint8Array(packets.reduce((sum, packet) => sum + packet.length + 3, 3)).fill(0xa5);
  let at = 3;
  for (const [i, packet] of packets.entries()) {
    arena.set(packet, at);
    offsets[i] = at;
    at += packet.length + 3;
  }
  return transport.send(arena, offsets, lengths);
}

export const OK: SendOutcome = { ok: true, sentAtNs: expect.any(Number) as number };

export function failed(code: string): SendOutcome {
  return { ok: false, code, message: expect.stringMatching(/\w/) as string };
}
