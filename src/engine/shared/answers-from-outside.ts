/**
 * METHOD: dropped, the source's own firewall. Unquoted answers to packets with the option that came back in this run, and when the
 * packets left: of other targets, and of whom traces asked themselves. What came back before a trace lost anything shows nothing of
 * what takes its answers now: so each asks for those since then.
 */
import type { AnsweredTarget, AskedAnswers, AskedPair, At } from '../../trace/trace-context.js';
import type { Protocol } from '../../record/record.js';
import { Recent } from './recent.js';

/** Places kept at most of what was answered behind them: those of far networks that nobody meets again go. */
const MOST_PLACES = 50_000;
/** Targets kept of one place, those that answered last: one besides the one that asks. */
const ANSWERED_TARGETS = 2;
/** Addresses asked themselves; the one that was asked first goes first, and is asked again where it is needed. */
const MOST_ASKED = 20_000;
/** Flows kept of one such address, the last ones: more than any bar asks for. */
const MOST_FLOWS = 64;

/** One trace's pair: changed where a late answer comes. */
interface Noted {
  readonly by: Asker;
  readonly sentNs: number;
  answered: number;
  lost: number;
}

/** What one trace has noted, by flow. */
export class Asker {
  readonly flows = new Map<number, Noted>();
}

/** Of one run. */
export class AnswersFromOutside {
  readonly #beyond = new Recent<{ target: string; lastNs: number }[]>(MOST_PLACES);
  readonly #asked = new Map<string, Noted[]>();

  /** Behind these places, where its packets with the option were seen, this target answered: the last of them left at `lastNs`. */
  noteAnswered(protocol: Protocol, target: string, places: readonly At[], lastNs: number): void {
    for (const { hop, address } of places) {
      const key = placeKey(protocol, hop, address);
      const known = this.#beyond.get(key);
      if (known === undefined) {
        this.#beyond.set(key, [{ target, lastNs }]);
        continue;
      }
      const same = known.find((one) => one.target === target);
      if (same !== undefined) same.lastNs = Math.max(same.lastNs, lastNs);
      else {
        known.push({ target, lastNs });
        if (known.length > ANSWERED_TARGETS) known.sort((one, other) => other.lastNs - one.lastNs).pop();
      }
    }
  }

  /** The last answer of another target than this one. */
  answeredBeyond(protocol: Protocol, hop: number, address: string, exceptBy: string): AnsweredTarget | null {
    let last: AnsweredTarget | null = null;
    for (const one of this.#beyond.get(placeKey(protocol, hop, address)) ?? [])
      if (one.target !== exceptBy && (last === null || one.lastNs > last.lastNs)) last = one;
    return last;
  }

  /** What this trace knows by now of the pair on that flow. */
  noteAsked(protocol: Protocol, address: string, flow: number, pair: AskedPair, by: Asker): void {
    const known = by.flows.get(flow);
    if (known !== undefined) {
      known.answered = pair.answered;
      known.lost = pair.lost;
      return;
    }
    const noted: Noted = { by, ...pair };
    by.flows.set(flow, noted);
    const key = `${protocol} ${address}`;
    const pairs = this.#asked.get(key);
    if (pairs === undefined) {
      this.#asked.set(key, [noted]);
      const [first] = this.#asked.keys();
      if (this.#asked.size > MOST_ASKED && first !== undefined) this.#asked.delete(first);
    } else {
      pairs.push(noted);
      if (pairs.length > MOST_FLOWS) pairs.shift();
    }
  }

  /** What all others have found by packets sent after `sinceNs`; null where they found nothing. */
  askedOf(protocol: Protocol, address: string, sinceNs: number, exceptBy: Asker | null): AskedAnswers | null {
    let answered = 0;
    let lost = 0;
    for (const pair of this.#asked.get(`${protocol} ${address}`) ?? []) {
      if (pair.by === exceptBy || pair.sentNs <= sinceNs) continue;
      answered += pair.answered;
      lost += pair.lost;
    }
    return answered + lost === 0 ? null : { answered, lost };
  }
}

function placeKey(protocol: Protocol, hop: number, address: string): string {
  return `${protocol} ${hop} ${address}`;
}
