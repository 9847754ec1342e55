import { OUTCOMES, type Outcome, type TraceRecord } from '../../src/trace/record.js';
import { truthFor, type Violation } from './acceptable.js';
import { SCENARIO_WEIGHTS, type GeneratedNetwork, type Scenario } from './generate-network.js';
import type { NetworkRun } from './run-network.js';

interface Row {
  records: number;
  readonly outcomes: Map<Outcome, number>;
  false: number;
  findable: number;
  found: number;
}

/** Records of total losses that a trace must find: the target answers, nothing else is broken, the loss is there all the time. */
export function isFindable({ scenario, network }: GeneratedNetwork, run: NetworkRun, record: TraceRecord): boolean {
  const truth = truthFor(record, run.truth);
  const lost = truth.effects.length > 0 && truth.effects.every(({ kind }) => kind === 'drop' || kind === 'reject');
  if (!lost || truth.changing || truth.pdmArrives[1] > 0 || truth.plainArrives[0] < 1 || !truth.answers) return false;
  // A host that refuses has been reached; an answer without our octets does not say which packet it answers.
  if (scenario === 'the host refuses') return false;
  return !(record.protocol === 'udp' && network.target.udp === 'fixed-answer');
}

export class OutcomeTable {
  readonly #rows = new Map<Scenario, Row>();
  readonly violations: { readonly seed: number; readonly scenario: Scenario; readonly violation: Violation }[] = [];
  readonly missed: { readonly seed: number; readonly text: string }[] = [];
  readonly notLikely: { readonly seed: number; readonly text: string }[] = [];
  findable = 0;
  found = 0;
  likelyJudged = 0;
  likelyRight = 0;
  likelyExact = 0;
  probes = 0;
  records = 0;
  seconds = 0;

  constructor() {
    for (const scenario of Object.keys(SCENARIO_WEIGHTS) as Scenario[]) {
      this.#rows.set(scenario, { records: 0, outcomes: new Map(), false: 0, findable: 0, found: 0 });
    }
  }

  add(generated: GeneratedNetwork, run: NetworkRun): void {
    const { scenario, network } = generated;
    const row = this.#rows.get(scenario)!;
    for (const violation of run.violations) this.violations.push({ seed: network.seed, scenario, violation });
    if (run.violations.length > 0) row.false++;
    for (const record of run.records) {
      const { outcome, interval } = record.verdict;
      row.records++;
      row.outcomes.set(outcome, (row.outcomes.get(outcome) ?? 0) + 1);
      this.records++;
      this.probes += record.counters.sent;
      this.seconds += run.seconds / run.records.length;
      const losing = outcome === 'dropped' || outcome === 'rejected';
      if (isFindable(generated, run, record)) {
        row.findable++;
        this.findable++;
        if (losing) {
          row.found++;
          this.found++;
        } else {
          this.missed.push({
            seed: network.seed,
            text: `${scenario}, ${record.protocol}: ${outcome}: ${record.verdict.reasons.join(' ')}`,
          });
        }
      }
      const truth = truthFor(record, run.truth);
      if (
        outcome === 'dropped' &&
        interval !== null &&
        truth.hopsReport &&
        !truth.changing &&
        truth.effects.length > 0
      ) {
        this.likelyJudged++;
        const inside = truth.effects.some(
          ({ hopLimit }) => hopLimit > interval.after && hopLimit <= interval.likelyUpTo,
        );
        if (inside) this.likelyRight++;
        else {
          this.notLikely.push({
            seed: network.seed,
            text: `${scenario}, ${record.protocol}: (${interval.after}, ${interval.likelyUpTo}] of ${truth.effects.map(({ hopLimit }) => hopLimit).join(', ')}`,
          });
        }
        if (truth.effects.some(({ hopLimit }) => hopLimit === interval.after + 1 && hopLimit === interval.likelyUpTo))
          this.likelyExact++;
      }
    }
  }

  /** Markdown, as in `test/README.md`. */
  text(): string {
    const used = OUTCOMES.filter((outcome) => [...this.#rows.values()].some(({ outcomes }) => outcomes.has(outcome)));
    const lines = [
      `| scenario | records | ${used.join(' | ')} | networks with a false claim | drops found |`,
      `| --- | --- | ${used.map(() => '---').join(' | ')} | --- | --- |`,
    ];
    for (const [scenario, row] of this.#rows) {
      const counts = used.map((outcome) => row.outcomes.get(outcome) ?? 0);
      const found = row.findable === 0 ? '' : `${row.found} of ${row.findable}`;
      lines.push(
        `| ${scenario} | ${row.records} | ${counts.map((count) => (count === 0 ? '' : String(count))).join(' | ')} | ${row.false} | ${found} |`,
      );
    }
    return lines.join('\n');
  }

  summary(): string {
    const percent = (part: number, whole: number): string =>
      whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1)} %`;
    return [
      `drops found where the target answers: ${this.found} of ${this.findable} (${percent(this.found, this.findable)})`,
      `likelyUpTo right where hops report: ${this.likelyRight} of ${this.likelyJudged} (${percent(this.likelyRight, this.likelyJudged)}), exactly one hop: ${percent(this.likelyExact, this.likelyJudged)}`,
      `probes per record: ${(this.probes / Math.max(1, this.records)).toFixed(0)}, seconds per network: ${(this.seconds / Math.max(1, this.records)).toFixed(1)}`,
      `false claims: ${this.violations.length}`,
    ].join('\n');
  }
}
