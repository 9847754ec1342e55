import { OUTCOMES, type Outcome, type TraceRecord } from '../../src/record/record.js';
import { fatesFor, truthFor, type Violation } from './acceptable.js';
import { SCENARIO_WEIGHTS, type GeneratedNetwork, type Scenario } from './generate-network.js';
import { INGREDIENTS, type Ingredient } from './ingredients.js';
import type { NetworkRun } from './run-network.js';

/** The rows of the table: scenarios, without and with ingredients, then the networks that have an ingredient. */
export const TABLE_ROWS: readonly (Scenario | Ingredient)[] = [
  ...(Object.keys(SCENARIO_WEIGHTS) as Scenario[]),
  ...INGREDIENTS,
];

/** How the option fares: what outcomes are held against. */
export const FATE_CLASSES = [
  'lost altogether',
  'worse by 40 points',
  'a little worse',
  'changed on the way',
  'no worse',
  'better than plain',
  'nothing arrives',
] as const;
export type FateClass = (typeof FATE_CLASSES)[number];

export function fateClassOf(run: NetworkRun, record: TraceRecord): FateClass {
  const { plain, pdm, intact } = fatesFor(record, run.truth);
  if (plain < 1e-9 && pdm < 1e-9) return 'nothing arrives';
  if (pdm < 1e-9) return 'lost altogether';
  if (plain - pdm > 0.4 - 1e-9) return 'worse by 40 points';
  if (plain - pdm > 1e-9) return 'a little worse';
  if (pdm - plain > 1e-9) return 'better than plain';
  return intact < pdm - 1e-9 ? 'changed on the way' : 'no worse';
}

interface Row {
  records: number;
  readonly outcomes: Map<Outcome, number>;
  false: number;
  findable: number;
  found: number;
}

/** METHOD asks SYNs of a target that answers datagrams by errors: where it answers none, a loss of datagrams is not shown. */
function lacksSyns({ network: { target } }: GeneratedNetwork, { protocol }: TraceRecord): boolean {
  const isByErrors = target.udp === 'port-unreachable' || target.udp === 'prohibited';
  return protocol === 'udp' && isByErrors && target.tcp === 'silent';
}

/** Records of total losses that a trace must find, by METHOD: the target answers, nothing else is broken, and nothing is missing that a claim rests on. */
export function isFindable(generated: GeneratedNetwork, run: NetworkRun, record: TraceRecord): boolean {
  return isTotalLoss(generated, run, record) && !lacksSyns(generated, record);
}

/** The target answers, nothing else is broken, the loss is there all the time. */
function isTotalLoss(
  { scenario, ingredients, network }: GeneratedNetwork,
  run: NetworkRun,
  record: TraceRecord,
): boolean {
  // With ingredients there are good reasons to say less, and a source that is shunned sees little.
  if (ingredients.length > 0 || shuns(network)) return false;
  const truth = truthFor(record, run.truth);
  const lost = truth.effects.length > 0 && truth.effects.every(({ kind }) => kind === 'drop' || kind === 'reject');
  if (!lost || truth.changing || truth.pdmArrives[1] > 0 || truth.plainArrives[0] < 1 || !truth.answers) return false;
  // A host that refuses has been reached; an answer without our octets does not say which packet it answers.
  if (scenario === 'the host refuses') return false;
  return !(record.protocol === 'udp' && network.target.udp === 'fixed-answer');
}

/** Why METHOD (dropped) holds a drop back, by the record's own words. */
const DEMANDS: readonly (readonly [words: string, demand: string])[] = [
  ['on the way back: the target answers no echo request', 'without an unquoted witness'],
  ['echo requests show no such loss', 'without an unquoted witness'],
  ['what filters ICMPv6 alone', 'without a witness besides ICMPv6'],
  ['too near to be the target', 'where a router is met as far as what answers'],
  ['Nothing but errors ever came here', 'without an unquoted answer from outside'],
  ['or answer with the option itself', 'where the target may answer with the option'],
  ['from another distance than those without', "answered in the target's name from another distance"],
];

/** Why nothing is said of a loss that is there, where METHOD demands that; null where it does not. */
export function demandOf({ verdict }: TraceRecord): string | null {
  if (verdict.outcome !== 'inconclusive') return null;
  const text = verdict.reasons.join(' ');
  return DEMANDS.find(([words]) => text.includes(words))?.[1] ?? null;
}

function shuns({ epochs }: GeneratedNetwork['network']): boolean {
  return epochs.some(({ segments }) => segments.some(({ members }) => members.flat().some(({ shun }) => shun)));
}

export class OutcomeTable {
  readonly #rows = new Map<Scenario | Ingredient, Row>();
  readonly #fates = new Map<FateClass, Map<Outcome, number>>();
  readonly violations: { readonly seed: number; readonly what: string; readonly violation: Violation }[] = [];
  networks = 0;
  falseNetworks = 0;
  /** Records of losses, in networks with ingredients, of which nothing was said. */
  unsaid = 0;
  lost = 0;
  readonly missed: { readonly seed: number; readonly text: string }[] = [];
  readonly notLikely: { readonly seed: number; readonly text: string }[] = [];
  findable = 0;
  found = 0;
  /** Drops of which METHOD says nothing on purpose: of these, how many each demand holds back. */
  readonly demanded = new Map<string, number>();
  likelyJudged = 0;
  likelyRight = 0;
  likelyExact = 0;
  probes = 0;
  records = 0;
  seconds = 0;

  constructor() {
    for (const row of TABLE_ROWS)
      this.#rows.set(row, { records: 0, outcomes: new Map(), false: 0, findable: 0, found: 0 });
    for (const fate of FATE_CLASSES) this.#fates.set(fate, new Map());
  }

  add(generated: GeneratedNetwork, run: NetworkRun): void {
    const { scenario, ingredients, network } = generated;
    const rows = [scenario, ...ingredients].map((name) => this.#rows.get(name)!);
    const what = [scenario, ...ingredients].join(' + ');
    this.networks++;
    for (const violation of run.violations) this.violations.push({ seed: network.seed, what, violation });
    if (run.violations.length > 0) {
      this.falseNetworks++;
      for (const row of rows) row.false++;
    }
    for (const record of run.records) {
      const { outcome, interval } = record.verdict;
      const fate = fateClassOf(run, record);
      const ofFate = this.#fates.get(fate)!;
      ofFate.set(outcome, (ofFate.get(outcome) ?? 0) + 1);
      this.records++;
      this.probes += record.counters.sent;
      this.seconds += run.seconds / run.records.length;
      const losing = outcome === 'dropped' || outcome === 'rejected';
      const demand = isTotalLoss(generated, run, record) ? demandOf(record) : null;
      if (demand !== null) this.demanded.set(demand, (this.demanded.get(demand) ?? 0) + 1);
      const findable = demand === null && isFindable(generated, run, record);
      for (const row of rows) {
        row.records++;
        row.outcomes.set(outcome, (row.outcomes.get(outcome) ?? 0) + 1);
        if (findable) row.findable++;
        if (findable && losing) row.found++;
      }
      if (findable) {
        this.findable++;
        if (losing) this.found++;
        else {
          this.missed.push({
            seed: network.seed,
            text: `${what}, ${record.protocol}: ${outcome}: ${record.verdict.reasons.join(' ')}`,
          });
        }
      } else if (fate === 'lost altogether' || fate === 'worse by 40 points') {
        this.lost++;
        if (!losing && outcome !== 'impaired') this.unsaid++;
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
            text: `${what}, ${record.protocol}: (${interval.after}, ${interval.likelyUpTo}] of ${truth.effects.map(({ hopLimit }) => hopLimit).join(', ')}`,
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
      `| scenario or ingredient | records | ${used.join(' | ')} | networks with a false claim | drops found |`,
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

  /** Markdown: what was said where the option fares like this. */
  againstTruth(): string {
    const used = OUTCOMES.filter((outcome) => [...this.#fates.values()].some((counts) => counts.has(outcome)));
    return [
      `| the option is | ${used.join(' | ')} |`,
      `| --- | ${used.map(() => '---').join(' | ')} |`,
      ...[...this.#fates].map(
        ([fate, counts]) => `| ${fate} | ${used.map((outcome) => String(counts.get(outcome) ?? '')).join(' | ')} |`,
      ),
    ].join('\n');
  }

  summary(): string {
    const percent = (part: number, whole: number): string =>
      whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1)} %`;
    const kinds = new Map<string, number>();
    for (const { violation } of this.violations) kinds.set(violation.kind, (kinds.get(violation.kind) ?? 0) + 1);
    return [
      `networks: ${this.networks}, records: ${this.records}`,
      `drops found where the target answers: ${this.found} of ${this.findable} (${percent(this.found, this.findable)})`,
      `besides, held back as METHOD demands: ${[...this.demanded].map(([demand, count]) => `${count} ${demand}`).join(', ') || 'none'}`,
      `losses of 40 points or more elsewhere, of which nothing was said: ${this.unsaid} of ${this.lost}`,
      `likelyUpTo right where hops report: ${this.likelyRight} of ${this.likelyJudged} (${percent(this.likelyRight, this.likelyJudged)}), exactly one hop: ${percent(this.likelyExact, this.likelyJudged)}`,
      `probes per record: ${(this.probes / Math.max(1, this.records)).toFixed(0)}, seconds per network: ${(this.seconds / Math.max(1, this.records)).toFixed(1)}`,
      `false claims: ${this.violations.length}, in ${this.falseNetworks} networks${[...kinds].map(([kind, count]) => `, ${kind} ${count}`).join('')}`,
    ].join('\n');
  }
}
