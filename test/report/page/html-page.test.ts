import { ATTRIBUTION_RULES } from '../../../src/annotate/attribution.js';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { htmlPage, type HtmlPage } from '../../../src/report/page/html-page.js';
import { pathColumns, pdmReaches, stopOf } from '../../../src/report/page/path-columns.js';
import { recordCard } from '../../../src/report/page/record-card.js';
import { summariseRecord } from '../../../src/record/summary-row.js';
import { OUTCOMES, type TraceRecord } from '../../../src/record/record.js';
import { buildRecord, START_MS } from '../../results/record-builder.js';

function page(records: readonly TraceRecord[], over: Partial<HtmlPage> = {}): string {
  return [
    ...htmlPage({
      title: 'PDM from Toronto',
      generatedAt: '2026-11-24T09:00:00Z',
      records: () => records,
      counts: [{ protocol: 'udp', outcome: 'dropped', count: records.length }],
      ...over,
    }),
  ].join('');
}

const VOID = new Set(['meta', 'br']);

/** Tags that are not closed, or closed without being open. Attributes may hold no `>`: they are escaped. */
function unbalanced(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, closing, name = '', selfClosing] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (VOID.has(name) || selfClosing === '/') continue;
    if (closing === '') open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}

/** Fields of few possible values, which are ours. */
const CHOICES = [
  'startedAt',
  'endedAt',
  'outcome',
  'protocol',
  'inDestinationNetwork',
  'cause',
  'basis',
  'returnPath',
  'witness',
];

const everyOutcome = OUTCOMES.map((outcome, index) => buildRecord({ number: index + 1, outcome, distance: 6 + index }));

describe('the page', () => {
  it('is well-formed for every outcome, for records without hops and without address', () => {
    const empty = buildRecord({ outcome: 'not-measured' });
    const unresolved = {
      ...empty,
      hops: [],
      targetPairs: null,
      target: { ...empty.target, address: null, name: null },
    };
    expect(unbalanced(page([...everyOutcome, unresolved]))).toEqual([]);
  });

  it('needs nothing from elsewhere: no script, no request, no style but the one that its policy names', () => {
    const html = page(everyOutcome);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|<object|<form|@import|url\(/i);
    expect(html).not.toMatch(/\s(?:src|style|on\w+|srcset|action)=/i);
    for (const [, target] of html.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^#r-/);
    const style = /<style>([^]*)<\/style>/.exec(html)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]?.replaceAll('&#39;', "'");
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`);
  });

  it('escapes every value wherever a record holds text', () => {
    const payload = `"'><svg onload=alert(1)>&\u202e`;
    const hostile = JSON.parse(JSON.stringify(buildRecord({ distance: 6 })), (key, value: unknown) =>
      typeof value === 'string' && !CHOICES.includes(key) ? payload : value,
    ) as TraceRecord;
    const now = summariseRecord(hostile);
    const html = page([hostile], {
      title: payload,
      changes: [{ now, change: 'outcome', previous: { startedAtMs: 0, outcome: 'delivered', lastPdmHop: 1 } }],
    });
    expect(html).not.toContain('<svg onload');
    expect(html).not.toContain('\u202e');
    expect(html).toContain('&quot;&#39;&gt;&lt;svg onload=alert(1)&gt;&amp;?');
    // The verdict's own reasons and the names in its words.
    expect(html).toContain('<li>&quot;&#39;&gt;&lt;svg onload=alert(1)&gt;&amp;?</li>');
    expect(unbalanced(html)).toEqual([]);
  });

  it('stays well-formed with arbitrary names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        const record = buildRecord({ distance: 4, lastPdmHop: 2 });
        record.target.input = text;
        for (const hop of record.hops) for (const one of hop.arms.plain.responders) one.name = text;
        expect(unbalanced(recordCard(record, true).markup)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('says the verdict in words, and links each row of the summary to its record', () => {
    const record = buildRecord({ number: 1 });
    const html = page([record]);
    expect(html).toContain(
      '<p class="verdict">PDM stops between hop 8 (ae-8.r1.transit0.example.net, AS65002 Transit 0',
    );
    expect(html).toContain(
      '<li>Probes that the target answered: 0 of 12 with, 12 of 12 without; at most 44 % of those with the option arrive (99.9 %).</li>',
    );
    expect(html).toContain(`href="#r-${record.id}"`);
    expect(html).toContain(`<article class="card" id="r-${record.id}" aria-labelledby="r-${record.id}-h">`);
  });

  it('shows both arms of every hop, and the rule where PDM stops between hop n and hop n+1', () => {
    const html = page([buildRecord({ distance: 6, lastPdmHop: 3, silentHops: [] })]);
    const ladder = /<table class="ladder">[^]*?<\/table>/.exec(html)?.[0] ?? '';
    const order = [...ladder.matchAll(/class="hop">([^<]+)<|class="rule"><td colspan="7"><span>([^<]+)</g)].map(
      (found) => found[1] ?? found[2],
    );
    expect(order.slice(1)).toEqual([
      ...[
        '1',
        '2',
        '3',
        'PDM stops, most likely here: between hop 3 and the target, most likely before hop 4',
        '4',
        '5',
      ],
      'target · 6',
    ]);
    expect(ladder.match(/class="same"/g)).toHaveLength(3);
    expect(ladder.match(/class="count worse">0\/3</g)).toHaveLength(2);
    expect(ladder).toContain('class="count worse">0/12<');
  });

  it('unfolds the hops of the first accusations only', () => {
    expect(page(everyOutcome, { unfolded: 2 }).match(/<details open>/g)).toHaveLength(2);
  });

  it('has what each accusation rests on, value by value, and whose network it may be by which data', () => {
    const record = buildRecord({ number: 1 });
    const { attribution } = record.summary;
    if (attribution !== null)
      Object.assign(attribution, { source: '/home/somebody/asn.csv', silent: [{ from: 9, to: 11 }], unknown: true });
    const list = new Map(
      [...page([record]).matchAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g)].map(([, term, value]) => [term, value]),
    );
    expect(Object.fromEntries(list)).toMatchObject({
      'Pairs at the target': '0 both answered, 12 plain alone, 0 PDM alone, 0 neither',
      'Plain answered': '12 of 12 (100 %)',
      'PDM answered': '0 of 12 (0 %)',
      'PDM that may still pass': 'at most 44 % (99.9 %)',
      Confidence: '99.97 %, bar 99.9 %',
      'Rests on': 'the target&#39;s own answers',
      'Way back': 'that a filter on what answers quote takes them is excluded',
      Lost: 'after hop 8, at the target at the latest, most likely before hop 9',
      Cause: 'the PDM option; another of its size passes',
      'Option seen intact': 'up to hop 8',
      Attribution: 'AS65002 Transit 0 Communications',
      Or: 'a network among the silent hops 9–11, or an unknown network',
      'Why these': 'x, y, y',
      'AS data': 'asn.csv, 2026-11-01',
      Record: record.id,
      'Flow label': '0x12345',
    });
  });

  it('says by a sentence why these networks are named, not by the name of a rule', () => {
    const record = buildRecord({ outcome: 'dropped', distance: 12, lastPdmHop: 8 });
    for (const rule of Object.values(ATTRIBUTION_RULES)) {
      const attribution = { ...record.summary.attribution!, rule };
      const html = page([{ ...record, summary: { ...record.summary, attribution } }]);
      expect(/<dt>Why these<\/dt><dd>([^<]*)<\/dd>/.exec(html)?.[1]).toMatch(/^[A-Z].{25,}\.$/);
      expect(html).not.toContain(`<dd>${rule}</dd>`);
    }
  });

  it('names the refuser and its error, and no other reading of the border', () => {
    const html = page([buildRecord({ outcome: 'rejected', distance: 6, lastPdmHop: 3 })]);
    expect(html).toContain(
      '<dt>Refused by</dt><dd>2001:db8:4:1::1 at hop 4: administratively prohibited (ICMPv6 1/1)</dd>',
    );
    expect(html).not.toContain('Harshest to transit');
  });

  it('says what placebo pairs and neighbours of the target showed, where there are some', () => {
    const record = buildRecord({ number: 1 });
    expect(page([record])).not.toMatch(/Placebo pairs|Neighbours/);
    Object.assign(record.verdict.evidence, {
      placebo: { pairs: 6, both: 5 },
      neighbours: { asked: 8, same: 7, differ: 1 },
    });
    const html = page([record]);
    expect(html).toContain('<dt>Placebo pairs</dt><dd>5 of 6 with two packets of one kind arrived whole</dd>');
    expect(html).toContain('of 8 addresses beside the target 7 lose the option as well, 1 do not');
    Object.assign(record.verdict.evidence, { placebo: { pairs: 0, both: 0 }, neighbours: null });
    expect(page([record])).not.toMatch(/Placebo pairs|Neighbours/);
  });

  it('says of a refusal in the name of the target that it is something else', () => {
    const record = buildRecord({ outcome: 'rejected', distance: 6, lastPdmHop: 3 });
    Object.assign(record.verdict.refusal ?? {}, { hop: null, inTargetName: true });
    expect(page([record])).toContain('<dt>Refused by</dt><dd>something in the target&#39;s name, 2001:db8:');
  });

  it('says how many of its accusations are expected to be false: 1 − P for each record that loses packets', () => {
    const records = [
      buildRecord({ number: 1 }),
      buildRecord({ number: 2, outcome: 'inconclusive' }),
      buildRecord({ number: 3, outcome: 'delivered' }),
    ];
    expect(page(records)).toContain(
      'One record on this page claims such a thing; 0.002 or fewer are expected to be false.',
    );
    expect(page(records.slice(2))).not.toContain('expected to be false');
  });

  it('says so when nothing changed, and has no such section when it is not asked for', () => {
    expect(page([], { changes: [] })).toContain('Nothing changed.');
    expect(page([])).not.toContain('Changed since');
    const now = summariseRecord(buildRecord({ number: 1 }));
    const changed = page([], {
      changes: [{ now, change: 'outcome', previous: { startedAtMs: START_MS, outcome: 'delivered', lastPdmHop: 11 } }],
    });
    expect(changed).toContain('2026-11-24 08:00');
  });
});

describe('the drawn path', () => {
  it('has a place for each hop and one for the target, whose own pairs count there', () => {
    const columns = pathColumns(buildRecord({ distance: 6, lastPdmHop: 3, silentHops: [2] }));
    expect(columns.map((column) => [column.hop, column.plain.state, column.pdm.state])).toEqual([
      [1, 'answered', 'answered'],
      [2, 'silent', 'silent'],
      [3, 'answered', 'answered'],
      [4, 'answered', 'silent'],
      [5, 'answered', 'silent'],
      [6, 'answered', 'silent'],
    ]);
    expect(columns.at(-1)).toMatchObject({ isTarget: true, plain: { sent: 12 }, pdm: { sent: 12, answered: 0 } });
  });

  it('ends with a target of unknown distance when it was never seen', () => {
    const record = buildRecord({ distance: 6, lastPdmHop: 3 });
    record.hops.pop();
    if (record.targetPairs !== null) {
      record.targetPairs.distance = { plain: null, pdm: null };
      record.targetPairs.arms.plain = { sent: 10, answered: 0, responders: [] };
      Object.assign(record.targetPairs.pairs, { plainOnly: 0, neither: 12 });
    }
    expect(pathColumns(record).at(-1)).toMatchObject({ hop: null, isTarget: true, plain: { state: 'silent' } });
    expect(unbalanced(page([record]))).toEqual([]);
  });

  it('marks where packets are lost, refused or changed, and nothing where that is not known', () => {
    const stop = (record: TraceRecord): unknown => stopOf(record);
    expect(stop(buildRecord({ distance: 9, lastPdmHop: 0 }))).toMatchObject({ after: 0, upTo: 9, likelyUpTo: 1 });
    expect(stop(buildRecord({ outcome: 'rejected', lastPdmHop: 4 }))).toMatchObject({ after: 4, upTo: 5 });
    for (const outcome of ['delivered', 'impaired', 'inconclusive', 'unreachable', 'no-difference'] as const)
      expect(stop(buildRecord({ outcome }))).toBeNull();
  });

  it('does not take a refusal from a hop before for an arrival', () => {
    const record = buildRecord({ outcome: 'rejected', distance: 5, lastPdmHop: 2, silentHops: [] });
    const refuser = record.hops[1]?.arms.plain.responders[0];
    if (refuser === undefined) throw new Error('the builder made no responder');
    const refusal = { ...refuser, icmp: [{ type: 1, code: 1, pointer: null, count: 3 }] };
    const places = [...record.hops.slice(2), ...(record.targetPairs === null ? [] : [record.targetPairs])];
    for (const { arms } of places) arms.pdm = { ...arms.pdm, answered: 3, responders: [refusal] };
    const columns = pathColumns(record);
    expect(columns.map((column) => column.pdm.state)).toEqual([
      'answered',
      'answered',
      'refused',
      'refused',
      'refused',
    ]);
    expect(columns.map((column) => pdmReaches(record, column))).toEqual([true, true, false, false, false]);
    expect(page([record])).toContain('administratively prohibited (ICMPv6 1/1)');
  });

  it('marks a hop that was measured once for all targets behind it', () => {
    const record = buildRecord({ distance: 5, lastPdmHop: 3 });
    if (record.hops[0] !== undefined) record.hops[0].sharedFrom = 'another-record';
    expect(page([record]).match(/measured once for all targets behind it, by record another-record/g)).toHaveLength(1);
  });

  it('lets the PDM lane end at n, and go to the target when that answered', () => {
    const reached = (record: TraceRecord): boolean[] => pathColumns(record).map((column) => pdmReaches(record, column));
    expect(reached(buildRecord({ distance: 5, lastPdmHop: 2 }))).toEqual([true, true, false, false, false]);
    expect(reached(buildRecord({ distance: 4, outcome: 'delivered' }))).toEqual([true, true, true, true]);
  });
});
