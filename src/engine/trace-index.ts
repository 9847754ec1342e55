/** Traces by target address: a reply finds its candidates in O(1), however many traces are in flight. */
import { sameAddress } from '../address/address.js';
import type { RunningTrace } from './running-trace.js';

const NONE: readonly RunningTrace[] = [];

export class TraceIndex {
  readonly #byHash = new Map<number, RunningTrace[]>();

  add(trace: RunningTrace): void {
    const hash = hashAddress(trace.target, 0);
    const list = this.#byHash.get(hash);
    if (list === undefined) this.#byHash.set(hash, [trace]);
    else list.push(trace);
  }

  remove(trace: RunningTrace): void {
    const hash = hashAddress(trace.target, 0);
    const left = (this.#byHash.get(hash) ?? []).filter((other) => other !== trace);
    if (left.length === 0) this.#byHash.delete(hash);
    else this.#byHash.set(hash, left);
  }

  /** Traces whose target is the 16 octets at `offset`. */
  find(bytes: Uint8Array, offset: number): readonly RunningTrace[] {
    const list = this.#byHash.get(hashAddress(bytes, offset));
    if (list === undefined) return NONE;
    return list.every((trace) => sameAddress(trace.target, bytes, 0, offset))
      ? list
      : list.filter((trace) => sameAddress(trace.target, bytes, 0, offset));
  }
}

function hashAddress(bytes: Uint8Array, offset: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < 16; i += 1) hash = Math.imul(hash ^ (bytes[offset + i] ?? 0), 0x01000193);
  return hash >>> 0;
}
