/**
 * Traces over seeded random networks, examined against what is known to happen there.
 *
 * `PDM_TRACE_SIM_NETWORKS=3000 npx vitest run --project sim test/sim/simulation.test.ts` runs so many, from the seed that it
 * prints (`PDM_TRACE_SIM_FIRST`); `PDM_TRACE_SIM_SEED=17` replays one and tells every packet's fate;
 * `PDM_TRACE_SIM_SCENARIO='dead equal-cost member'` draws only that, without ingredients unless
 * `PDM_TRACE_SIM_INGREDIENTS=drawn`; `PDM_TRACE_SIM_INGREDIENTS='policer,proxy'` adds just these to every network, `none` none;
 * `PDM_TRACE_SIM_ALLOW_FALSE=20` lets twenty networks have false claims; `PDM_TRACE_SIM_WRITE_TABLE=1` puts the table into
 * `test/README.md`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTraceEngine } from '../../src/engine/create-trace-engine.js';
import { explainRun } from './explain-run.js';
import { generateNetwork, SCENARIO_WEIGHTS, type Scenario } from './generate-network.js';
import { INGREDIENTS, type Ingredient } from './ingredients.js';
import { OutcomeTable, TABLE_ROWS } from './outcome-table.js';
import { collectReplies, runNetwork, SIMULATED_PROTOCOLS } from './run-network.js';
import type { SimulatedProtocol } from './truth.js';

const { PDM_TRACE_SIM_NETWORKS, PDM_TRACE_SIM_SEED, PDM_TRACE_SIM_SCENARIO, PDM_TRACE_SIM_FIRST } = process.env;
const first = Number(PDM_TRACE_SIM_SEED ?? PDM_TRACE_SIM_FIRST ?? 1);
const count = PDM_TRACE_SIM_SEED === undefined ? Number(PDM_TRACE_SIM_NETWORKS ?? 300) : 1;
/** That of `run`: among so many networks a bar of 0.999 would allow some false claims. */
const confidence = Number(process.env['PDM_TRACE_SIM_CONFIDENCE'] ?? 0.9999);
const allowed = Number(process.env['PDM_TRACE_SIM_ALLOW_FALSE'] ?? 0);
const ingredients = ingredientsFrom(process.env['PDM_TRACE_SIM_INGREDIENTS']);
const only = Object.keys(SCENARIO_WEIGHTS).find((scenario) => scenario === PDM_TRACE_SIM_SCENARIO) as
  Scenario | undefined;

const README = new URL('../README.md', import.meta.url);
const TABLE_BEGIN = '<!-- table of outcomes -->';
const TABLE_END = '<!-- end of the table of outcomes -->';

function ingredientsFrom(text: string | undefined): readonly Ingredient[] | 'drawn' | undefined {
  if (text === undefined || text === 'drawn') return text;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => name !== 'none' && !INGREDIENTS.includes(name as Ingredient));
  if (unknown.length > 0)
    throw new Error(`No such ingredient: ${unknown.join(', ')}. There are ${INGREDIENTS.join(', ')}.`);
  return INGREDIENTS.filter((ingredient) => names.includes(ingredient));
}

/** By TCP as well one in three: SYNs are dear, and the others are to be seen without what its trace tells them. */
function protocolsFor(seed: number): readonly SimulatedProtocol[] {
  return seed % 3 === 0 ? ['udp', 'icmp6', 'tcp'] : SIMULATED_PROTOCOLS;
}

function writeTable(table: OutcomeTable): void {
  const text = readFileSync(README, 'utf8');
  const before = text.slice(0, text.indexOf(TABLE_BEGIN) + TABLE_BEGIN.length);
  const after = text.slice(text.indexOf(TABLE_END));
  const facts = table
    .summary()
    .split('\n')
    .map((line) => `- ${line}`)
    .join('\n');
  writeFileSync(
    README,
    `${before}\n${count} networks from seed ${first}:\n\n${table.text()}\n\n${table.againstTruth()}\n\n${facts}\n${after}`,
  );
}

describe('the table of outcomes in test/README.md', () => {
  it('has one row for every scenario and ingredient, in the order in which they are drawn', () => {
    const text = readFileSync(README, 'utf8');
    const rows = text
      .slice(text.indexOf(TABLE_BEGIN), text.indexOf(TABLE_END))
      .split('\n')
      .filter((line) => line.startsWith('| '));
    const names = rows.slice(2, 2 + TABLE_ROWS.length).map((line) => line.split('|')[1]?.trim());
    expect(names).toEqual(TABLE_ROWS);
  });
});

describe(`${count} random networks from seed ${first}`, () => {
  const table = new OutcomeTable();
  const tell = ({ seed, what, violation }: OutcomeTable['violations'][number]): string =>
    `seed ${seed}, ${what}: ${violation.kind}: ${violation.text}`;
  const ofKind = (...kinds: string[]): string[] =>
    table.falseNetworks <= allowed
      ? []
      : table.violations.filter(({ violation }) => kinds.includes(violation.kind)).map(tell);

  beforeAll(
    async () => {
      const earlier = generateNetwork(0, 'nothing happens');
      const replayPool = await collectReplies(earlier.network, 'packet-socket', createTraceEngine);
      for (let seed = first; seed < first + count; seed++) {
        const generated = generateNetwork(seed, only, ingredients);
        const lines: string[] = [];
        const log = PDM_TRACE_SIM_SEED === undefined ? {} : { log: (line: string) => void lines.push(line) };
        const protocols = protocolsFor(seed);
        const run = await runNetwork(generated, createTraceEngine, { replayPool, confidence, protocols, ...log }).catch(
          (cause: unknown) => {
            throw new Error(`seed ${seed}, ${generated.scenario}: the engine failed`, { cause });
          },
        );
        table.add(generated, run);
        if (PDM_TRACE_SIM_SEED !== undefined) console.log(explainRun(generated, run, lines));
      }
    },
    Math.max(1_800_000, count * 6_000),
  );

  afterAll(() => {
    if (process.env['PDM_TRACE_SIM_WRITE_TABLE'] === '1') writeTable(table);
    const mentioned = (title: string, items: readonly { seed: number; text: string }[]): string[] =>
      items.length === 0
        ? []
        : ['', `${title}:`, ...items.slice(0, 60).map(({ seed, text }) => `  seed ${seed}: ${text}`)];
    console.log(
      [
        `networks ${first}–${first + count - 1}; PDM_TRACE_SIM_SEED=<seed> with the same variables replays one`,
        '',
        table.text(),
        '',
        table.againstTruth(),
        '',
        table.summary(),
        ...mentioned(
          'false claims',
          table.violations.map(({ seed, what, violation }) => ({
            seed,
            text: `${what}: ${violation.kind}: ${violation.text}`,
          })),
        ),
        ...mentioned('drops not found', table.missed),
        ...mentioned('likelyUpTo wrong', table.notLikely),
      ].join('\n'),
    );
  });

  it('nobody is accused of what did not happen', () => {
    expect(ofKind('false-accusation', 'wrong-refusal')).toEqual([]);
  });

  it('every interval contains the place where packets with the option are lost', () => {
    expect(ofKind('false-interval')).toEqual([]);
  });

  it('nothing is called delivered that never arrives', () => {
    expect(ofKind('false-delivery')).toEqual([]);
  });

  it('no hop of a record is forged, or at a place where it cannot answer', () => {
    expect(ofKind('forged-hop', 'misplaced-hop', 'false-name')).toEqual([]);
  });

  it('no network is named that it cannot be', () => {
    expect(ofKind('false-network')).toEqual([]);
  });

  it('a cause is right or not named, and records are consistent', () => {
    expect(ofKind('wrong-cause', 'inconsistent')).toEqual([]);
  });

  it('at least 97 % of drops are found where the target answers', () => {
    expect(table.found).toBeGreaterThanOrEqual(0.97 * table.findable);
  });

  it('likelyUpTo is right in at least 90 % where hops report', () => {
    expect(table.likelyRight).toBeGreaterThanOrEqual(0.9 * table.likelyJudged);
  });
});
