/** Who answered at one hop limit, over the traces of a run: whose budget the next packet there will probably cost. */

/** Responders kept; among more, none answers often. */
const MOST_RESPONDERS = 16;
/** Older traces count less and less from so many on. */
const MOST_HEARD = 64;
/** Until so many traces have been answered, whoever answered is taken to answer the next one too. */
const FIRST_HEARD = 4;
/** Then a responder must have answered so many, and all such together this share. */
const LEAST_HEARD = 2;
const KNOWN_SHARE = 0.5;

/** Bounded: 16 responders, whose counts are halved at 64 traces. A guess for budgets, and no evidence. */
export class HeardResponders {
  readonly #heard = new Map<string, number>();
  #total = 0;

  /** '' where nobody answered, or somebody who is no router, or several. */
  hear(responder: string): void {
    this.#total += 1;
    const known = this.#heard.get(responder);
    if (known !== undefined || this.#heard.size < MOST_RESPONDERS) this.#heard.set(responder, (known ?? 0) + 1);
    // Who has been heard seldom makes room.
    else this.#fade((count) => count - 1);
    if (this.#total < MOST_HEARD) return;
    this.#total /= 2;
    this.#fade((count) => count / 2);
  }

  /**
   * One of those who answer there often, each as often as it does; null where most traces meet others, or nobody. `share`, from 0
   * up to 1, is the trace's own: it is told the same one as long as nothing new is heard.
   */
  likely(share: number): string | null {
    const least = this.#total < FIRST_HEARD ? 0 : LEAST_HEARD;
    const often = [...this.#heard].filter(([, count]) => count >= least);
    const all = often.reduce((sum, [, count]) => sum + count, 0);
    if (all < KNOWN_SHARE * this.#total) return null;
    let left = share * all;
    for (const [responder, count] of often) {
      left -= count;
      if (left < 0) return responder === '' ? null : responder;
    }
    return null;
  }

  #fade(faded: (count: number) => number): void {
    for (const [responder, count] of this.#heard) {
      const rest = faded(count);
      if (rest < 1 / 2) this.#heard.delete(responder);
      else this.#heard.set(responder, rest);
    }
  }
}
