/** The probes of one trace: rows in typed arrays rather than objects, because many thousand traces are in flight at once. */
import type { Purpose } from './purpose.js';

const NO_REPLY = 0xffff;
const FLAG_SENT = 1;
const FLAG_FAILED = 2;
const FLAG_LATE = 4;

/** Time of sending 8, round trip 4, PSN, reply and flow 2 each, arm, hop limit, purpose and flags 1 each. */
const ROW_OCTETS = 22;
const FIRST_ROWS = 32;

/** Rows of probes. Pair `k` is probes 2k and 2k+1, in the order in which they were sent. */
export class ProbeTable {
  count = 0;
  /** How often a reply was written into a row: what is made of replies alone holds while it stays. */
  replies = 0;
  #capacity = 0;
  #sentAtNs = new Float64Array(0);
  #rttNs = new Float32Array(0);
  #words = new Uint16Array(0);
  #octets = new Uint8Array(0);

  /** `nowNs` stands for the time of sending until that is known, so that spacing holds at once. */
  add(arm: number, hopLimit: number, flow: number, purpose: Purpose, psn: number, nowNs: number): number {
    const row = this.count;
    if (row === this.#capacity) this.#grow();
    this.count += 1;
    this.#words[row * 3] = psn;
    this.#words[row * 3 + 1] = NO_REPLY;
    this.#words[row * 3 + 2] = flow;
    this.#octets[row * 4] = arm;
    this.#octets[row * 4 + 1] = hopLimit;
    this.#octets[row * 4 + 2] = purpose;
    this.#octets[row * 4 + 3] = 0;
    this.#sentAtNs[row] = nowNs;
    return row;
  }

  /** One buffer for all columns: with many traces in flight the buffers themselves would weigh more than the rows. */
  #grow(): void {
    const size = Math.max(FIRST_ROWS, Math.ceil(this.#capacity * 1.5));
    const buffer = new ArrayBuffer(size * ROW_OCTETS);
    const sentAtNs = new Float64Array(buffer, 0, size);
    const rttNs = new Float32Array(buffer, size * 8, size);
    const words = new Uint16Array(buffer, size * 12, size * 3);
    const octets = new Uint8Array(buffer, size * 18, size * 4);
    sentAtNs.set(this.#sentAtNs);
    rttNs.set(this.#rttNs);
    words.set(this.#words);
    octets.set(this.#octets);
    this.#capacity = size;
    this.#sentAtNs = sentAtNs;
    this.#rttNs = rttNs;
    this.#words = words;
    this.#octets = octets;
  }

  psn(row: number): number {
    return this.#words[row * 3] ?? 0;
  }
  flow(row: number): number {
    return this.#words[row * 3 + 2] ?? 0;
  }
  arm(row: number): number {
    return this.#octets[row * 4] ?? 0;
  }
  hopLimit(row: number): number {
    return this.#octets[row * 4 + 1] ?? 0;
  }
  purpose(row: number): Purpose {
    return (this.#octets[row * 4 + 2] ?? 0) as Purpose;
  }
  sentAtNs(row: number): number {
    return this.#sentAtNs[row] ?? 0;
  }
  rttNs(row: number): number {
    return this.#rttNs[row] ?? 0;
  }
  /** Index into the trace's signatures, or null while nothing came back. */
  reply(row: number): number | null {
    const index = this.#words[row * 3 + 1] ?? NO_REPLY;
    return index === NO_REPLY ? null : index;
  }
  isSent(row: number): boolean {
    return (this.#flags(row) & FLAG_SENT) !== 0;
  }
  isFailed(row: number): boolean {
    return (this.#flags(row) & FLAG_FAILED) !== 0;
  }
  isLate(row: number): boolean {
    return (this.#flags(row) & FLAG_LATE) !== 0;
  }
  #flags(row: number): number {
    return this.#octets[row * 4 + 3] ?? 0;
  }
  #setFlag(row: number, flag: number): void {
    this.#octets[row * 4 + 3] = this.#flags(row) | flag;
  }
  /** From here on a reply may come, even before the transport says when the probe left. */
  markHandedOver(row: number, atNs: number): void {
    this.#sentAtNs[row] = atNs;
    this.#setFlag(row, FLAG_SENT);
  }
  /** A better time of sending, also for a round trip that is already over. */
  correctSendTime(row: number, atNs: number): void {
    if (this.reply(row) !== null) this.#rttNs[row] = Math.max(0, this.rttNs(row) + this.sentAtNs(row) - atNs);
    this.#sentAtNs[row] = atNs;
  }
  markFailed(row: number): void {
    this.#octets[row * 4 + 3] = (this.#flags(row) & ~FLAG_SENT) | FLAG_FAILED;
  }
  /** The reply says more than it did. */
  restateReply(row: number, signature: number): void {
    this.#words[row * 3 + 1] = signature;
    this.replies += 1;
  }
  markAnswered(row: number, signature: number, rttNs: number, late: boolean): void {
    this.#words[row * 3 + 1] = signature;
    this.replies += 1;
    this.#rttNs[row] = rttNs;
    if (late) this.#setFlag(row, FLAG_LATE);
  }
}
