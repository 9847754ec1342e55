import { readWay } from '../../report/faults/record-stop.js';
import { withFaultSentence } from '../../report/faults/run-faults.js';
import { faultLines, sharedFaultSentence } from '../../report/faults/shared-fault-words.js';
import { SharedFaultTally, type SharedFault } from '../../report/faults/shared-faults.js';
import type { TraceRecord } from '../../record/record.js';
import { counted } from '../../text/counted.js';

/** Of so many targets half means something; before, the first few of a list may happen to be alike. */
const LEAST_MEASURED = 20;

/** Watches a run for faults that its targets share: one is said as soon as it is known, and all that is shared in the end. */
export class FaultWatch {
  readonly #tally = new SharedFaultTally();
  readonly #say: (message: string) => void;
  #isSaid = false;
  #forgotten = 0;

  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  /** What was stored before this process began: records, and how many there are in all. */
  remember(records: Iterable<TraceRecord>, stored: number): void {
    let remembered = 0;
    for (const record of records) {
      this.#tally.add(readWay(record));
      remembered += 1;
    }
    this.#forgotten = stored - remembered;
  }

  /** Returns the record as it is to be shown: with the sentence, where it is known by now that it shares a fault. */
  take(record: TraceRecord): TraceRecord {
    const fault = this.#tally.add(readWay(record));
    if (fault === null) return record;
    const sentence = sharedFaultSentence(fault);
    if (!this.#isSaid && isKnown(fault)) {
      this.#isSaid = true;
      this.#say(`so far: ${sentence}`);
    }
    return withFaultSentence(record, sentence);
  }

  /** At the end of the run. */
  sum(): void {
    const faults = this.#tally.faults();
    for (const line of faultLines(faults)) this.#say(line);
    const leftOut = this.#forgotten + this.#tally.leftOut;
    if (faults.length > 0 && leftOut > 0) this.#say(`${counted(leftOut, 'record')} more were not compared for this`);
  }
}

/** What is its own and certain does not depend on how many others there are. */
function isKnown({ kind, isOwn, isFirst, measured }: SharedFault): boolean {
  return isFirst && (measured >= LEAST_MEASURED || (isOwn && (kind === 'between' || kind === 'refused')));
}
