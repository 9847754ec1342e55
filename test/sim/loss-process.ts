import type { Random } from './random.js';

export type LossModel =
  | { readonly kind: 'independent'; readonly rate: number }
  /** Gilbert-Elliott: time in the bad state is exponential with mean `badMs`; in it packets are lost with `badLoss`. */
  | { readonly kind: 'bursts'; readonly rate: number; readonly badMs: number; readonly badLoss: number };

/** Loss on one link in one direction. Bursts go on in time whether or not packets are sent, as they do in networks. */
export class LossProcess {
  #bad = false;
  #lastNs = 0;

  constructor(readonly model: LossModel) {}

  lost(nowNs: number, random: Random): boolean {
    const { model } = this;
    if (model.kind === 'independent') return random.chance(model.rate);
    const badShare = Math.min(0.9, model.rate / model.badLoss);
    // Two-state Markov chain in continuous time: the state decays towards its stationary share.
    const relaxationNs = model.badMs * 1e6 * (1 - badShare);
    const memory = Math.exp(-Math.max(0, nowNs - this.#lastNs) / relaxationNs);
    const share = badShare + ((this.#bad ? 1 : 0) - badShare) * memory;
    this.#lastNs = Math.max(this.#lastNs, nowNs);
    this.#bad = random.chance(share);
    return this.#bad && random.chance(model.badLoss);
  }
}
