/**
 * METHOD §9: at most 8 SYNs per 10 s that can reach a target, over all traces of a run. A SYN counts from when it is
 * granted until its ten seconds are over, or until a router says that it went no further.
 */
const MOST_SYNS = 8;
/** A little more than ten seconds: packets may leave later than they were granted, and so closer together. */
const WINDOW_NS = 10.2e9;
const SWEEP_ABOVE = 1024;

interface Syn {
  atNs: number;
  readonly owner: object;
  readonly row: number;
}

export class SynBudget {
  readonly #byTarget = new Map<string, Syn[]>();

  /** When a pair may be sent to this target. */
  readyAtNs(target: string, nowNs: number): number {
    const counted = this.#counted(target, nowNs);
    const excess = counted.length + 2 - MOST_SYNS;
    if (excess <= 0) return Number.NEGATIVE_INFINITY;
    const times = counted.map(({ atNs }) => atNs).sort((a, b) => a - b);
    return (times[excess - 1] ?? nowNs) + WINDOW_NS;
  }

  /** Counts the SYN of this row, or moves it to when it really leaves. */
  spend(target: string, owner: object, row: number, nowNs: number): void {
    const counted = this.#counted(target, nowNs);
    const known = counted.find((syn) => syn.owner === owner && syn.row === row);
    if (known !== undefined) known.atNs = nowNs;
    else counted.push({ atNs: nowNs, owner, row });
    this.#byTarget.set(target, counted);
    if (this.#byTarget.size > SWEEP_ABOVE) for (const other of [...this.#byTarget.keys()]) this.#counted(other, nowNs);
  }

  /** It ran out of hop limit, or never left. */
  giveBack(target: string, owner: object, row: number): void {
    const counted = this.#byTarget.get(target);
    const index = counted?.findIndex((syn) => syn.owner === owner && syn.row === row) ?? -1;
    if (index >= 0) counted?.splice(index, 1);
  }

  #counted(target: string, nowNs: number): Syn[] {
    const left = (this.#byTarget.get(target) ?? []).filter(({ atNs }) => atNs + WINDOW_NS > nowNs);
    if (left.length === 0) this.#byTarget.delete(target);
    else this.#byTarget.set(target, left);
    return left;
  }
}
