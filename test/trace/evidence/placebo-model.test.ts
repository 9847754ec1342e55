/**
 * METHOD: Pairs, as a model: pairs at a target that limits its errors (a token bucket), on a path that delays packets with the
 * option, loses packets of all kinds, and shares the limit with others. The counts and the bars are the program's own; the pace is
 * plainer than the engine's, which `test/sim/rhythm.test.ts` holds. `MODEL_RUNS=200` runs each kind of network so often and prints
 * what METHOD says.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/trace/evidence/ledger.js';
import { PAIR_CLASS } from '../../../src/trace/evidence/pair.js';
import { RandomSequence } from '../../../src/trace/state/random-sequence.js';

const runs = Number(process.env['MODEL_RUNS'] ?? 4);
const PAIR_CAP = 200;
const RTT_S = 0.03;
const GIVEN_UP_S = 1;
const FIRST_INTERVAL_S = 0.2;
const LONGEST_INTERVAL_S = 2;
/** Between the packets of a pair, in the first count, the second and the third. */
const RESTS_S = [null, 0.12, 1.1] as const;

interface Network {
  /** Errors a second, and how many at once; null without a limit. */
  readonly limit: readonly [perSecond: number, burst: number] | null;
  /** Seconds that packets with the option take longer, and whether the time varies. */
  readonly later: number;
  readonly varies: boolean;
  /** Share of packets lost, each way. */
  readonly loss: number;
  /** … and of packets with the option besides. */
  readonly optionLoss: number;
  /** Errors a second that others draw. */
  readonly others: number;
}

type Said = 'dropped' | 'impaired' | 'bypassed' | 'fewer plain' | 'delivered' | 'inconclusive';
interface Ended {
  readonly said: Said;
  readonly seconds: number;
  readonly pairs: number;
}

const CLEAN: Network = { limit: null, later: 0, varies: false, loss: 0, optionLoss: 0, others: 0 };

class Dice {
  readonly #sequence: RandomSequence;
  constructor(seed: number) {
    this.#sequence = new RandomSequence(seed);
  }
  unit(): number {
    return this.#sequence.below(1 << 24) / (1 << 24);
  }
  falls(chance: number): boolean {
    return chance > 0 && this.unit() < chance;
  }
  after(perSecond: number): number {
    return perSecond === 0 ? Number.POSITIVE_INFINITY : -Math.log(1 - this.unit()) / perSecond;
  }
}

/** The target's limit, drawn on by others as well. Times grow. */
class Bucket {
  #tokens: number;
  #atS = 0;
  #nextOther: number;
  readonly #dice: Dice;
  readonly #network: Network;
  constructor(network: Network, dice: Dice) {
    this.#network = network;
    this.#dice = dice;
    this.#tokens = network.limit?.[1] ?? 0;
    this.#nextOther = dice.after(network.others);
  }
  answers(atS: number): boolean {
    while (this.#nextOther < atS) {
      this.#take(this.#nextOther);
      this.#nextOther += this.#dice.after(this.#network.others);
    }
    return this.#take(atS);
  }
  #take(atS: number): boolean {
    const { limit } = this.#network;
    if (limit === null) return true;
    this.#tokens = Math.min(limit[1], this.#tokens + Math.max(0, atS - this.#atS) * limit[0]);
    this.#atS = Math.max(this.#atS, atS);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** What is otherwise: treated pairs alone are counted; packets without the option are held to the whole bar as well. */
const RULES = { hasPlacebos: true, wholeBarForPlain: false };

function run(
  network: Network,
  seed: number,
  confidence: number,
  { hasPlacebos, wholeBarForPlain }: typeof RULES = RULES,
): Ended {
  const dice = new Dice(seed);
  const bucket = new Bucket(network, dice);
  let nowS = 0;
  let count = 1;
  let interval = FIRST_INTERVAL_S;
  let whole = 0;
  let ledger = new Ledger();
  let left = 3;
  let placeboAt = -1;
  let started = false;
  const arrived = { plain: false, pdm: false };
  for (let pairs = 1; pairs <= PAIR_CAP; pairs += 1) {
    if (started && left === 3) placeboAt = Math.floor(dice.unit() * 3);
    const isPlacebo = hasPlacebos && started && placeboAt === 3 - left;
    if (started) left = left === 1 ? 3 : left - 1;
    const arms = dice.falls(0.5) ? [false, !isPlacebo] : [!isPlacebo, false];
    const rest = RESTS_S[count - 1] ?? null;
    /** When a packet gets there; null where it does not. */
    const gets = (isOption: boolean, sentS: number): number | null => {
      if (dice.falls(network.loss) || (isOption && dice.falls(network.optionLoss))) return null;
      const longer = network.later * (network.varies ? 0.5 + dice.unit() : 1);
      return sentS + (isOption ? longer : 0);
    };
    const answered = arms.map(() => false);
    const draw = (index: number, atS: number): boolean =>
      (answered[index] = bucket.answers(atS) && !dice.falls(network.loss));
    if (rest === null) {
      const there = arms
        .map((isOption, index) => ({ index, atS: gets(isOption, nowS + index * 1e-5) }))
        .filter((packet): packet is { index: number; atS: number } => packet.atS !== null)
        .sort((a, b) => a.atS - b.atS);
      for (const { index, atS } of there) draw(index, atS);
      nowS += interval;
    } else {
      arms.forEach((isOption, index) => {
        const atS = gets(isOption, nowS);
        const isAnswered = atS !== null && draw(index, atS);
        nowS = (isAnswered ? Math.max(nowS, atS) + RTT_S : nowS + GIVEN_UP_S) + rest;
      });
    }
    if (isPlacebo) ledger.addPlacebo(answered.every(Boolean));
    else {
      const plain = answered[arms.indexOf(false)] === true;
      const pdm = answered[arms.indexOf(true)] === true;
      arrived.plain ||= plain;
      arrived.pdm ||= pdm;
      if (plain !== pdm) started = true;
      ledger.addTreated(
        plain ? (pdm ? PAIR_CLASS.both : PAIR_CLASS.plainOnly) : pdm ? PAIR_CLASS.pdmOnly : PAIR_CLASS.neither,
      );
    }
    // A target that answers more slowly than it is asked is asked more slowly.
    if (arms.some((isOption, index) => !isOption && answered[index] !== true)) {
      interval = Math.min(LONGEST_INTERVAL_S, interval * 2);
      whole = 0;
    } else if ((whole += 1) >= 6) {
      interval = Math.max(FIRST_INTERVAL_S, interval / 2);
      whole = 0;
    }
    const shows = (worse: 'pdm' | 'plain'): boolean =>
      hasPlacebos
        ? ledger.showsLoss(worse, confidence, !arrived[worse], count)
        : ledger.lossE(worse, !arrived[worse]) >= 1 / (1 - confidence);
    const ended = (said: Said): Ended => ({ said, seconds: nowS, pairs });
    if (shows('pdm')) return ended(arrived.pdm ? 'impaired' : 'dropped');
    if (shows('plain')) return ended(arrived.plain ? 'fewer plain' : 'bypassed');
    if (wholeBarForPlain ? ledger.showsNoLoss('pdm') && ledger.showsNoLoss('plain') : ledger.isWhole())
      return ended('delivered');
    if (ledger.placebos >= 6 && 4 * ledger.placebosBoth <= ledger.placebos && count < RESTS_S.length) {
      count += 1;
      ledger = new Ledger();
      left = 3;
      interval = FIRST_INTERVAL_S;
    }
  }
  return { said: 'inconclusive', seconds: nowS, pairs: PAIR_CAP };
}

const LIMITS = [null, [10, 10], [10, 6], [10, 1], [4, 6], [1, 6], [1, 1], [2, 2]] as const;
const INNOCENT: Network[] = LIMITS.flatMap((limit) =>
  [0, 0.002, 0.02, 0.08, 0.2].flatMap((later) =>
    (later === 0 ? [false] : [false, true]).flatMap((varies) =>
      [0, 0.02, 0.05, 0.1, 0.15].flatMap((loss) =>
        [0, 3].map((others) => ({ limit, later, varies, loss, optionLoss: 0, others })),
      ),
    ),
  ),
);

const many = (network: Network, times: number, confidence: number, rules = RULES): Ended[] =>
  Array.from({ length: times }, (_, index) => run(network, 7919 * index + 1, confidence, rules));
const countOf = (ended: readonly Ended[], said: Said): number => ended.filter((one) => one.said === said).length;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const lostOf = (eachWay: number): string => `${(100 * (1 - (1 - eachWay) ** 2)).toFixed(0)} %`;
const undecided = (ended: readonly Ended[]): string =>
  `which ${((100 * (ended.length - countOf(ended, 'delivered'))) / ended.length).toFixed(1)} % ended otherwise`;
const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

describe('placebo pairs, in a model of a target that limits its errors', () => {
  const lines: string[] = [];
  const tell = (line: string): void => void lines.push(line);
  afterAll(() => {
    if (process.env['MODEL_RUNS'] !== undefined) console.log(lines.join('\n'));
  });

  it.each([0.999, 0.9999])(
    'at %d no more is claimed of innocent networks than that allows',
    (confidence) => {
      const ended = INNOCENT.flatMap((network, kind) =>
        Array.from({ length: runs }, (_, index) => run(network, 7919 * index + kind, confidence)),
      );
      const wrong = ended.filter(({ said }) => said !== 'delivered' && said !== 'inconclusive').length;
      tell(`at ${confidence}: ${wrong} false claims of loss in ${ended.length} runs`);
      expect(wrong).toBeLessThanOrEqual(Math.ceil(ended.length * (1 - confidence)));
    },
    30_000 + 1000 * runs,
  );

  it('without placebos a limit and a slower option make almost all look impaired', () => {
    const slow: Network = { ...CLEAN, limit: [1, 1], later: 0.003 };
    const alone = many(slow, 100, 0.999, { ...RULES, hasPlacebos: false });
    const wrong = countOf(alone, 'impaired') + countOf(alone, 'dropped');
    tell(`without placebos: ${wrong} of 100 false behind a slow path`);
    expect(wrong).toBeGreaterThanOrEqual(95);
    expect(many(slow, 100, 0.999).filter(({ said }) => said === 'impaired' || said === 'dropped')).toEqual([]);
  });

  it.each(LIMITS.map((limit) => [limit === null ? 'no limit' : limit.join('/s, burst '), limit] as const))(
    '%s: a loss of all is shown',
    (name, limit) => {
      const ended = many({ ...CLEAN, limit, optionLoss: 1 }, Math.max(20, runs), 0.999);
      const seconds = ended.map((one) => one.seconds);
      tell(`all lost, ${name}: ${middle(seconds).toFixed(1)} s, ${middle(ended.map(({ pairs }) => pairs))} pairs`);
      expect(countOf(ended, 'dropped') / ended.length).toBeGreaterThanOrEqual(0.95);
    },
  );

  it.each([
    [0, 0.99],
    [0.02, 0.97],
    [0.05, 0.85],
    [0.1, 0.4],
  ])('a loss of half is found beside %d lost of all', (loss, share) => {
    const ended = many({ ...CLEAN, loss, optionLoss: 0.5 }, Math.max(50, runs), 0.999);
    const found = countOf(ended, 'impaired') / ended.length;
    tell(`half lost beside ${100 * loss} %: ${(100 * found).toFixed(0)} % found`);
    expect(found).toBeGreaterThanOrEqual(share);
  });

  it.each([
    [0, 11, 11],
    [0.02, 17, 21],
    [0.05, 28, 36],
    [0.1, 50, 64],
  ])('%d lost each way and nothing else: so many pairs until no loss matters', (loss, least, most) => {
    const ended = many({ ...CLEAN, loss }, Math.max(300, runs), 0.999);
    const pairs = mean(ended.map((one) => one.pairs));
    tell(`delivered with ${lostOf(loss)} of the packets lost: ${pairs.toFixed(0)} pairs, of ${undecided(ended)}`);
    expect(pairs).toBeGreaterThanOrEqual(least);
    expect(pairs).toBeLessThanOrEqual(most);
  });

  it.each([0.02, 0.05, 0.1])('%d lost each way: the whole bar for plain packets as well takes more pairs', (loss) => {
    const both = many({ ...CLEAN, loss }, Math.max(300, runs), 0.999, { ...RULES, wholeBarForPlain: true });
    const one = many({ ...CLEAN, loss }, Math.max(300, runs), 0.999);
    const pairs = mean(both.map((ended) => ended.pairs));
    tell(`… and by the whole bar for both arms: ${pairs.toFixed(0)} pairs, of ${undecided(both)}`);
    expect(pairs).toBeGreaterThan(1.1 * mean(one.map((ended) => ended.pairs)));
  });
});
