/**
 * One finding feeds everything: the outputs of a record of each outcome are read back and held against each other. Each output
 * states things (`n`, `in its network`, `with`: 8 of 27 …); what two of them state of the same thing has to be the same, and
 * outcomes that name nobody are stated without a network in all of them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { recordText } from '../../src/cli/trace/record-text.js';
import { createStyle } from '../../src/cli/terminal/style.js';
import { formatTable } from '../../src/report/table/format-table.js';
import { htmlPage } from '../../src/report/page/html-page.js';
import { confidenceText, shareText } from '../../src/report/words/record-words.js';
import { summaryTable } from '../../src/report/table/table.js';
import { atlasResults } from '../../src/report/formats/atlas-json.js';
import { scamperTraces } from '../../src/report/formats/scamper-json.js';
import { recordCsvLine, SUMMARY_CSV_COLUMNS } from '../../src/results/summary-csv.js';
import { summariseRecord } from '../../src/record/summary-row.js';
import { TARGET_HOP_LIMIT } from '../../src/trace/numbers.js';
import { OUTCOMES, type TraceRecord } from '../../src/record/record.js';
import { companyOf, everyOutcome, type OutcomeCase } from './every-outcome.js';

/** What an output says of a thing. */
interface Statement {
  readonly of: string;
  readonly says: string;
}

type Json = Record<string, unknown>;
type Reader = (record: TraceRecord) => Statement[];

function state(of: string, says: string | number | null | undefined): Statement[] {
  return says === null || says === undefined || says === '' ? [] : [{ of, says: String(says) }];
}

/** Statements of each match of `pattern` in prose. */
function find(text: string, pattern: RegExp, make: (found: string[]) => Statement[]): Statement[] {
  return [...text.matchAll(pattern)].flatMap((found) =>
    make(Array.from(found, (part: string | undefined) => part ?? '')),
  );
}

/** The target has a hop number only where its distance is known: outputs say either. */
function placeName(record: TraceRecord, hop: number | string | null): string | null {
  if (hop === null || hop === 'the target') return hop;
  const distance = record.targetPairs?.distance.plain ?? null;
  return Number(hop) >= (distance ?? TARGET_HOP_LIMIT) ? 'the target' : String(hop);
}

function named(hop: { hop: number; address: string | null } | null, of: string): Statement[] {
  return hop === null ? [] : [...state(of, hop.hop), ...state(`address of ${of}`, hop.address ?? 'silent')];
}

const fromRecord: Reader = (record) => {
  const { summary, verdict } = record;
  const { evidence, interval, refusal } = verdict;
  const { attribution } = summary;
  const counted = (share: number | null): string | null =>
    share === null || isUncounted(record) ? null : `${Math.round(share * evidence.pairs)} of ${evidence.pairs}`;
  return [
    ...state('outcome', verdict.outcome),
    ...state('confidence', verdict.confidence === null ? null : confidenceText(verdict.confidence)),
    ...named(summary.lastPdmHop, 'n'),
    ...named(summary.lastPlainHop, 'last plain hop'),
    ...named(summary.nextHop, 'n+1'),
    ...state('n+1 in its network', summary.inDestinationNetwork),
    ...(interval === null
      ? []
      : [
          ...state('lost after', interval.after),
          ...state('lost up to', placeName(record, interval.upTo)),
          ...(interval.likelyUpTo < interval.upTo
            ? state('most likely up to', placeName(record, interval.likelyUpTo))
            : []),
        ]),
    ...state('refused with', refusal === null ? null : `${refusal.type}/${refusal.code}`),
    ...state('refuser', refusal === null || refusal.inTargetName === true ? null : refusal.address),
    ...state('hop of the refuser', refusal?.hop),
    ...state('with', counted(evidence.rates.pdm)),
    ...state('without', counted(evidence.rates.plain)),
    ...state('paths differ from', verdict.pathsDiverge),
    ...state('option seen up to', verdict.optionSeenUpTo),
    ...state('cause', verdict.cause),
    ...state('witness', record.protocol === 'icmp6' ? null : evidence.witness),
    ...record.hops.flatMap(({ hop, arms }) =>
      state(
        `inserted at hop ${hop}`,
        arms.pdm.responders[0]?.quotes[0]?.changes.find((one) => one.startsWith('inserted-'))?.slice(9),
      ),
    ),
    ...(attribution === null
      ? []
      : [
          ...state('networks', asList(attribution.candidates)),
          ...state('silent stretches', (attribution.silent ?? []).map(({ from, to }) => `${from}–${to}`).join()),
          ...state('unknown network', attribution.unknown === true ? 'yes' : 'no'),
        ]),
  ];
};

/** Who refuses before a silent target is counted by what is refused: its record has the target's rates, of which nobody speaks. */
function isUncounted(record: TraceRecord): boolean {
  return isOfRouters(record) && record.verdict.outcome === 'rejected';
}

/** Rates of a silent target are those of a router. */
function isOfRouters({ verdict }: TraceRecord): boolean {
  return verdict.evidence.basis === 'routers' && ['dropped', 'rejected'].includes(verdict.outcome);
}

function asList(asns: readonly number[]): string {
  return [...new Set(asns)].sort((a, b) => a - b).join(' ');
}

const MEMBERSHIPS: readonly (readonly [RegExp, string])[] = [
  [/[Hh]op (\d+) is already in /g, 'yes'],
  [/[Hh]op (\d+) is likely already in /g, 'likely'],
  [/[Hh]op (\d+) may be in /g, 'ambiguous'],
  [/[Hh]op (\d+) is not yet in /g, 'no'],
  [/[Ww]hether hop (\d+) is in /g, 'unknown'],
];
const PLACE = '\\((?:on the plain path )?([0-9a-f:]+)(?:, AS\\d+[^)]*)?\\)';

/** Sentences of the verdict, wherever they stand. */
function fromProse(text: string, record: TraceRecord): Statement[] {
  const pairs = (of: string, a: string, b: string): Statement[] => state(of, `${a} of ${b}`);
  return [
    ...MEMBERSHIPS.flatMap(([pattern, says]) =>
      find(text, pattern, ([, hop]) => [...state('n+1', hop), ...state('n+1 in its network', says)]),
    ),
    ...find(
      text,
      new RegExp(`between hop (\\d+) ${PLACE} and (the target|hop (\\d+))`, 'g'),
      ([, after, , to, hop]) => [
        ...state('lost after', after),
        ...state('lost up to', placeName(record, hop === '' ? (to ?? '') : (hop ?? ''))),
      ],
    ),
    ...find(text, /most likely before hop (\d+)/g, ([, hop]) =>
      state('most likely up to', placeName(record, hop ?? '')),
    ),
    ...find(text, /as routers beyond hop (\d+) quote/g, ([, hop]) => state('lost after', hop)),
    ...find(text, new RegExp(`seen as far as hop (\\d+) ${PLACE}`, 'g'), ([, hop, address]) => [
      ...state('n', hop),
      ...state('address of n', address),
    ]),
    ...find(text, new RegExp(`PDM was seen up to hop (\\d+) ${PLACE}`, 'g'), ([, hop, address]) => [
      ...state('n', hop),
      ...state('address of n', address),
    ]),
    ...find(text, new RegExp(`plain packets up to hop (\\d+) ${PLACE}`, 'g'), ([, hop, address]) => [
      ...state('last plain hop', hop),
      ...state('address of last plain hop', address),
    ]),
    ...find(text, /(\d+) of (\d+) with, (\d+) of (\d+) without/g, ([, a, b, c, d]) => [
      ...pairs('with', a ?? '', b ?? ''),
      ...pairs('without', c ?? '', d ?? ''),
    ]),
    ...find(text, /refused(?: at hop (\d+))? by ([0-9a-f:]+)[^:]*: [^(]*\(ICMPv6 (\d+\/\d+)/g, ([, hop, who, what]) => [
      ...state('hop of the refuser', hop),
      ...state('refuser', who),
      ...state('refused with', what),
    ]),
    ...find(text, /in the target's name: [^(]*\(ICMPv6 (\d+\/\d+)/g, ([, what]) => state('refused with', what)),
    ...find(text, /take another path than plain ones from hop (\d+) on/g, ([, hop]) => state('paths differ from', hop)),
    ...find(text, /take different ways from hop (\d+) on/g, ([, hop]) => state('paths differ from', hop)),
    ...find(text, /last seen intact at hop (\d+)/g, ([, hop]) => state('option seen up to', hop)),
    ...find(text, /put in were seen in packets: ([^.]*)\./g, ([, list]) =>
      find(list ?? '', /([a-z-]+) at hop (\d+)/g, ([, kind, hop]) => state(`inserted at hop ${hop ?? ''}`, kind)),
    ),
    ...find(text, /Echo requests with PDM stay unanswered/g, () => state('witness', 'echo')),
    ...find(text, /The target's answers quote nothing/g, () => state('witness', 'answers')),
    ...find(text, /The target itself quotes the option intact/g, () => state('option seen up to', 'target')),
    ...find(text, /Confidence (over )?([\d.]+ %)/g, ([, over, share]) => state('confidence', `${over}${share}`)),
    ...find(text, /Attribution by origin AS of the addresses[^:]*: ([^.]*)\./g, ([, who]) => fromNetworks(who ?? '')),
  ];
}

/** `one of AS2 …, AS3 …, or a network among the silent hops 5–6, or an unknown network`. */
function fromNetworks(text: string): Statement[] {
  const silent = /silent hops? ([\d–, and]+)/.exec(text)?.[1] ?? '';
  return [
    ...state('networks', asList([...text.matchAll(/AS(\d+)/g)].map(([, asn]) => Number(asn)))),
    ...state('silent stretches', silent.replace(/ and |, /g, ',').replace(/[\s,]+$/, '')),
    ...state('unknown network', text.includes('an unknown network') ? 'yes' : 'no'),
  ];
}

const PLAIN = createStyle(false, true);

/** On one line, so that no sentence is broken. */
function verdictText(record: TraceRecord): string {
  const text = recordText(record, { columns: null, style: PLAIN });
  const start = text.indexOf('\n\n', text.indexOf('\n\n') + 2);
  const from = record.hops.length === 0 ? text.indexOf('\n\n') : start;
  return text.slice(from, text.indexOf('\nCompany ')).replace(/\s+/g, ' ');
}

const fromTerminal: Reader = (record) => {
  const text = recordText(record, { columns: null, style: PLAIN });
  const line = (label: string): string => new RegExp(`^${label} +(.*)$`, 'm').exec(text)?.[1] ?? '-';
  const hopOf = (label: string, of: string): Statement[] => {
    const [, hop, address] = /^(\d+) +(\S+)/.exec(line(label)) ?? [];
    return [...state(of, hop), ...state(`address of ${of}`, address)];
  };
  const [, outcome, confidence] = /^(\S+)(?: \(confidence (.*)\))?$/.exec(line('Outcome')) ?? [];
  const membership = line('In destination network');
  const ruled = /^ *(\d+) .*\n-+ (PDM seen up to here|PDM is lost from here on) -+$/m.exec(text);
  const target = /^dst .*$/m.exec(text)?.[0] ?? '';
  const lost = [...target.matchAll(/ (\d+)%/g)].map(([, share]) => `${100 - Number(share)} %`);
  return [
    ...fromProse(verdictText(record), record),
    ...hopOf('Last hop with PDM(?: \\(n\\))?', 'n'),
    ...hopOf('Last hop without PDM', 'last plain hop'),
    ...hopOf('Next hop \\((?:n\\+1|after hop \\d+)\\)', 'n+1'),
    ...state('n+1 in its network', membership === '-' ? null : membership),
    ...state('outcome', outcome),
    ...state('confidence', confidence),
    ...state('lost after', ruled?.[1]),
    ...(ruled?.[2] === 'PDM seen up to here' && record.verdict.outcome !== 'rejected' ? state('n', ruled[1]) : []),
    ...(isOfRouters(record) || record.verdict.evidence.rates.pdm === null
      ? []
      : [...state('share without', lost[0]), ...state('share with', lost[1])]),
  ];
};

/** Networks that may be meant, and headers that the way put in, as tables have them. */
function fromColumns(
  candidates: string | null,
  silent: string | null,
  unknown: string | null,
  inserted: string | null,
): Statement[] {
  const listed = (text: string | null): string[] => (text ?? '').split(' ').filter((part) => part !== '');
  return [
    ...state('networks', asList(listed(candidates).map(Number))),
    ...state('silent stretches', listed(silent).join().replaceAll('..', '–')),
    ...state('unknown network', unknown),
    ...listed(inserted).flatMap((one) => {
      const [kind, hop = ''] = one.split('@');
      return state(`inserted at hop ${hop}`, kind);
    }),
  ];
}

function fromCells(cells: ReadonlyMap<string, string>): Statement[] {
  const cell = (name: string): string => cells.get(name) ?? '';
  const hop = (column: string, of: string): Statement[] =>
    cell(column) === ''
      ? []
      : [...state(of, cell(column)), ...state(`address of ${of}`, cell(`${column.replace('_hop', '')}_name`) || null)];
  const confidence = cell('confidence');
  return [
    ...hop('last_pdm_hop', 'n'),
    ...hop('last_plain_hop', 'last plain hop'),
    ...state('n+1', cell('next_hop')),
    ...state('address of n+1', cell('next_hop_name') || null),
    ...state('n+1 in its network', cell('next_hop_in_destination_network')),
    ...fromColumns(
      cell('attribution_candidates'),
      cell('attribution_silent'),
      cell('attribution_unknown'),
      cell('inserted_headers'),
    ),
    ...state('outcome', cell('outcome')),
    ...state('confidence', confidence === '' ? null : confidenceText(Number(confidence))),
  ];
}

const fromCsv: Reader = (record) => {
  const cells = recordCsvLine(record).trimEnd().split(',');
  return fromCells(new Map(SUMMARY_CSV_COLUMNS.map((name, index) => [name, cells[index] ?? ''])));
};

const fromJsonTable: Reader = (record) => {
  const text = [...formatTable(summaryTable([summariseRecord(record)]), 'json')].join('');
  const [row] = JSON.parse(text) as Record<string, string | number | null>[];
  return fromCells(
    new Map(Object.entries(row ?? {}).map(([name, value]) => [name, value === null ? '' : String(value)])),
  );
};

const fromMarkdown: Reader = (record) => {
  const lines = [...formatTable(summaryTable([summariseRecord(record)]), 'markdown')].join('').trim().split('\n');
  const cells = (lines[2] ?? '').slice(2, -2).split(' | ');
  return fromCells(
    new Map(SUMMARY_CSV_COLUMNS.map((name, index) => [name, (cells[index] ?? '').trim().replace(/\\(.)/g, '$1')])),
  );
};

/** What the store keeps beside the record for its queries. */
const fromSummaryRow: Reader = (record) => {
  const row = summariseRecord(record);
  return [
    ...state('outcome', row.outcome),
    ...state('n', row.lastPdmHop),
    ...state('address of n', row.lastPdmAddress),
    ...state('n+1', row.nextHop),
    ...state('address of n+1', row.nextHopAddress),
    ...state('n+1 in its network', row.nextHopInDestinationNetwork),
    ...state('lost after', row.intervalAfter),
    ...state('lost up to', placeName(record, row.intervalUpTo)),
    ...state('option seen up to', row.optionSeenUpTo),
    ...state('cause', row.cause),
    ...fromColumns(row.attributionCandidates, row.attributionSilent, row.attributionUnknown, row.insertedHeaders),
  ];
};

function htmlOf(record: TraceRecord): string {
  return [
    ...htmlPage({
      title: 'report',
      generatedAt: '2025-01-01T00:00:00Z',
      records: () => [record],
      counts: [{ protocol: record.protocol, outcome: record.verdict.outcome, count: 1 }],
    }),
  ].join('');
}

function plainText(html: string): string {
  const text = html.replace(/<(?!br)[^>]*>/g, '').replace(/<br>/g, ' ');
  return text
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');
}

function partsOf(html: string, pattern: RegExp): string[] {
  return [...html.matchAll(pattern)].map(([, part]) => plainText(part ?? ''));
}

const fromPage: Reader = (record) => {
  const html = htmlOf(record);
  const prose = partsOf(html, /<(?:p class="verdict"|li)>([^]*?)<\/(?:p|li)>/g).join(' ');
  const [outcome] = partsOf(html, /<span class="badge \w+"><span aria-hidden="true">.<\/span> ([^<]*)</g);
  const ladder = /<table class="ladder">[^]*?<\/table>/.exec(html)?.[0] ?? '';
  const ruled = partsOf(ladder, /<tr class="rule">([^]*?)<\/tr>/g).join('; ');
  const drawn = partsOf(html, /<title>(target, [^<]*)</g).join('; ');
  const row = /<section aria-labelledby="summary">[^]*?<tbody>([^]*?)<\/tbody>/.exec(html)?.[1] ?? '';
  const cells = [...row.matchAll(/<td[^>]*>([^]*?)<\/td>/g)].map(([, cell]) => cell ?? '');
  const hopCell = (index: number, of: string): Statement[] => {
    const [, hop, address] = /^(\d+)[^]*<span class="sub" title="[^"]*">([^<]*)</.exec(cells[index] ?? '') ?? [];
    return [...state(of, hop), ...state(`address of ${of}`, address)];
  };
  return [
    ...fromProse(prose, record),
    ...fromEvidence(html, record),
    ...state('outcome', outcome),
    ...hopCell(3, 'n'),
    ...hopCell(4, 'n+1'),
    ...hopCell(5, 'last plain hop'),
    ...state('n+1 in its network', plainText(cells[6] ?? '')),
    ...state('confidence', plainText(cells[7] ?? '')),
    ...find(ruled, /between (?:hop (\d+)|the source) and (?:hop (\d+)|(the target))/g, ([, a, b, c]) => [
      ...state('lost after', a === '' ? '0' : a),
      ...state('lost up to', placeName(record, b === '' ? (c ?? '') : (b ?? ''))),
    ]),
    ...find(ruled, /most likely before hop (\d+)/g, ([, hop]) =>
      state('most likely up to', placeName(record, hop ?? '')),
    ),
    ...find(ladder, /<tr class="last"><th scope="row" class="hop">(\d+)/g, ([, hop]) => state('n', hop)),
    ...(isOfRouters(record) || record.verdict.evidence.rates.pdm === null
      ? []
      : [
          ...find(drawn, /plain: (\d+ of \d+)/g, ([, count]) => state('without', count)),
          ...find(drawn, /with PDM: (\d+ of \d+)/g, ([, count]) => state('with', count)),
          ...find(
            ladder,
            /class="target"[^]*?class="count[^"]*">(\d+)\/(\d+)<[^]*?class="count[^"]*">(\d+)\/(\d+)</g,
            (found) => [
              ...state('without', `${found[1]} of ${found[2]}`),
              ...state('with', `${found[3]} of ${found[4]}`),
            ],
          ),
        ]),
  ];
};

function fromEvidence(html: string, record: TraceRecord): Statement[] {
  const entries = [...html.matchAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g)].map(
    ([, term, value]) => [plainText(term ?? ''), plainText(value ?? '')] as const,
  );
  const list = new Map(entries);
  const hopEntry = (mark: string, of: string): Statement[] =>
    entries.flatMap(([term, value]) => {
      const hop = new RegExp(`^Hop (\\d+) \\(${mark}\\)$`).exec(term)?.[1];
      const address = /^([0-9a-f:]+|silent)/.exec(value)?.[1];
      return hop === undefined ? [] : [...state(of, hop), ...state(`address of ${of}`, address)];
    });
  const rate = (term: string, of: string): Statement[] => {
    const [, count, share] = /^(\d+ of \d+) \((\d+ %)\)(?: at the router)?$/.exec(list.get(term) ?? '') ?? [];
    return [...state(of, count), ...state(`share ${of}`, share)];
  };
  const lost = list.get('Lost') ?? list.get('Changed') ?? list.get('Refused') ?? '';
  const networks = [list.get('Attribution'), list.get('Kindest to transit'), list.get('Harshest to transit')]
    .filter((text) => text !== undefined)
    .join(', ');
  const seen = list.get('Option seen intact');
  return [
    ...hopEntry('(?:n|last with PDM)', 'n'),
    ...hopEntry('(?:n\\+1|after hop \\d+)', 'n+1'),
    ...state('n+1 in its network', list.get('Next hop in it')),
    ...rate('Plain answered', 'without'),
    ...rate('PDM answered', 'with'),
    ...find(lost, /after hop (\d+), at (?:hop (\d+)|(the target)) at the latest/g, ([, a, b, c]) => [
      ...state('lost after', a),
      ...state('lost up to', placeName(record, b === '' ? (c ?? '') : (b ?? ''))),
    ]),
    ...find(lost, /most likely before hop (\d+)/g, ([, hop]) =>
      state('most likely up to', placeName(record, hop ?? '')),
    ),
    ...find(list.get('Refused by') ?? '', /([0-9a-f:]{3,})(?: at hop (\d+))?: [^(]*\(ICMPv6 (\d+\/\d+)/g, (found) => [
      ...(list.get('Refused by')?.startsWith('something') === true ? [] : state('refuser', found[1])),
      ...state('hop of the refuser', found[2]),
      ...state('refused with', found[3]),
    ]),
    ...find(list.get('Paths differ') ?? '', /from hop (\d+) on/g, ([, hop]) => state('paths differ from', hop)),
    ...(seen === undefined || seen === 'nowhere'
      ? []
      : state('option seen up to', seen === 'at the target' ? 'target' : seen.replace('up to hop ', ''))),
    ...find(list.get('Confidence') ?? '', /^(.*), bar /g, ([, share]) => state('confidence', share)),
    ...find(list.get('Plain seen') ?? '', /up to hop (\d+)/g, ([, hop]) => state('last plain hop', hop)),
    ...(networks === '' && !list.has('Or') ? [] : fromNetworks(`${networks}, ${list.get('Or') ?? ''}`)),
  ];
}

/** Whether packets of an arm came to the target at all, as far as the verdict counts it. */
function arrives(record: TraceRecord, arm: 'plain' | 'pdm'): string | null {
  const share = record.verdict.evidence.rates[arm];
  return share === null || isOfRouters(record) ? null : share > 0 ? 'yes' : 'no';
}

/** The object that Atlas results and scamper traces have beside what their readers know. */
function fromOwnObject(own: Json): Statement[] {
  const inserted = (own['inserted'] ?? []) as { readonly hop: number; readonly headers: readonly string[] }[];
  const silent = (own['silent'] ?? []) as { readonly from: number; readonly to: number }[];
  const candidates = own['candidates'] as readonly number[] | undefined;
  return [
    ...(candidates === undefined
      ? []
      : [
          ...state('networks', asList(candidates)),
          ...state('silent stretches', silent.map(({ from, to }) => `${from}–${to}`).join()),
          ...state('unknown network', own['unknown'] === true ? 'yes' : 'no'),
          ...state('n+1 in its network', own['in_destination_network'] as string | null),
        ]),
    ...inserted.flatMap(({ hop, headers }) => state(`inserted at hop ${hop}`, headers.join())),
    ...state('outcome', own['outcome'] as string),
    ...state('n', own['last_pdm_hop'] as number | null),
  ];
}

const fromAtlas: Reader = (record) =>
  atlasResults(record).flatMap((result) => fromOwnObject(result['pdm_trace'] as Json));

const fromScamper: Reader = (record) =>
  scamperTraces(record).flatMap((trace) => {
    const arm = trace['userid'] === 0 ? 'plain' : trace['userid'] === 1 ? 'pdm' : null;
    const own = fromOwnObject(trace['pdm_trace'] as Json);
    if (arm === null || arrives(record, arm) === null) return own;
    return [...own, ...state(`${arm} arrives`, trace['stop_reason'] === 'COMPLETED' ? 'yes' : 'no')];
  });

const arrivalsOfRecord: Reader = (record) =>
  (['plain', 'pdm'] as const).flatMap((arm) => state(`${arm} arrives`, arrives(record, arm)));

/** Shares belong to the counts beside them. */
const sharesOfRecord: Reader = (record) => {
  const { rates } = record.verdict.evidence;
  const share = (rate: number | null): string | null => (rate === null || isUncounted(record) ? null : shareText(rate));
  return [...state('share with', share(rates.pdm)), ...state('share without', share(rates.plain))];
};

const READERS: readonly (readonly [output: string, reader: Reader])[] = [
  ['record', fromRecord],
  ['record', arrivalsOfRecord],
  ['record', sharesOfRecord],
  ['terminal', fromTerminal],
  ['page', fromPage],
  ['csv', fromCsv],
  ['json table', fromJsonTable],
  ['markdown', fromMarkdown],
  ['summary row', fromSummaryRow],
  ['atlas', fromAtlas],
  ['scamper', fromScamper],
];

const EVERYWHERE = new Set(READERS.map(([output]) => output));

/** Of each thing: what is said of it, and by whom. */
function heldTogether(record: TraceRecord): Map<string, Map<string, string[]>> {
  const things = new Map<string, Map<string, string[]>>();
  for (const [output, reader] of READERS) {
    for (const { of, says } of reader(record)) {
      const said = things.get(of) ?? new Map<string, string[]>();
      said.set(says, [...(said.get(says) ?? []), output]);
      things.set(of, said);
    }
  }
  return things;
}

/** Things of which two outputs say different things. */
function denied(record: TraceRecord): string[] {
  return [...heldTogether(record)].flatMap(([of, said]) =>
    said.size === 1
      ? []
      : [`${of}: ${[...said].map(([says, outputs]) => `${says} (${[...new Set(outputs)].join(', ')})`).join(' / ')}`],
  );
}

const NAMES_NOBODY: ReadonlySet<string> = new Set([
  ...['impaired', 'bypassed', 'inconclusive', 'unreachable', 'no-difference', 'not-measured', 'delivered'],
]);

function namesNobody({ verdict }: TraceRecord): boolean {
  if (NAMES_NOBODY.has(verdict.outcome) || verdict.refusal?.inTargetName === true) return true;
  return ['stripped', 'altered'].includes(verdict.outcome) && verdict.evidence.basis !== 'target';
}

/** All outputs as a reader sees them. */
function everyText(record: TraceRecord): readonly (readonly [output: string, text: string])[] {
  return [
    ['terminal', recordText(record, { columns: null, style: PLAIN })],
    ['page', plainText(htmlOf(record))],
    ['csv', recordCsvLine(record)],
    ['markdown', [...formatTable(summaryTable([summariseRecord(record)]), 'markdown')].join('')],
    ['atlas', JSON.stringify(atlasResults(record))],
    ['scamper', JSON.stringify(scamperTraces(record))],
  ];
}

describe('the outputs of one record', () => {
  let cases: OutcomeCase[] = [];
  const withOutcomes = (...outcomes: string[]): OutcomeCase[] =>
    cases.filter(({ record }) => outcomes.includes(record.verdict.outcome));

  beforeAll(async () => {
    cases = await everyOutcome();
  }, 120_000);

  it('are those of each outcome, as the engine finds it', () => {
    expect(cases.map(({ name, record }) => [name, record.verdict.outcome])).toEqual(
      cases.map(({ name, outcome }) => [name, outcome]),
    );
    expect(new Set(cases.map(({ outcome }) => outcome))).toEqual(new Set(OUTCOMES));
  });

  it('deny nothing that another says: no hop, address, network, rate, refusal or membership', () => {
    expect(cases.flatMap(({ name, record }) => denied(record).map((what) => `${name}: ${what}`))).toEqual([]);
  });

  it('say the same thing in several places, so that there is something to hold against each other', () => {
    const outputs = (record: TraceRecord, of: string): Set<string> =>
      new Set([...(heldTogether(record).get(of)?.values() ?? [])].flat());
    for (const { record } of withOutcomes('dropped')) {
      expect(outputs(record, 'n')).toEqual(EVERYWHERE);
      for (const of of ['n+1 in its network', 'networks', 'unknown network'])
        expect([of, outputs(record, of)]).toEqual([of, EVERYWHERE]);
      // A table has the target's shares alone.
      const ofTarget = isOfRouters(record) ? [] : ['share with'];
      for (const of of ['lost after', 'lost up to', 'with', 'without', ...ofTarget, 'networks', 'unknown network'])
        expect([of, [...outputs(record, of)]]).toEqual([of, expect.arrayContaining(['record', 'terminal', 'page'])]);
    }
    for (const { record } of withOutcomes('rejected'))
      expect([...outputs(record, 'refused with')]).toEqual(expect.arrayContaining(['record', 'terminal', 'page']));
    for (const { record } of withOutcomes('impaired', 'bypassed', 'delivered'))
      expect([...outputs(record, 'with')]).toEqual(expect.arrayContaining(['record', 'terminal', 'page']));
    for (const { record } of withOutcomes('dropped', 'rejected', 'impaired', 'delivered'))
      if (!isOfRouters(record)) expect([...outputs(record, 'pdm arrives')]).toEqual(['record', 'scamper']);
    const inserted = cases.find(({ name }) => name.includes('inserted'))!;
    for (const hop of [5, 6]) expect(outputs(inserted.record, `inserted at hop ${hop}`)).toEqual(EVERYWHERE);
    const silent = cases.find(({ name }) => name === 'dropped, with silent hops')!;
    expect(outputs(silent.record, 'silent stretches')).toEqual(EVERYWHERE);
  });

  it('say what stayed away that quotes nothing by what was sent: no echo where none was asked', () => {
    const witnesses = withOutcomes('dropped').map(({ name, record }) => {
      const said = [...(heldTogether(record).get('witness') ?? [])].map(([says, outputs]) => [says, new Set(outputs)]);
      return [name, record.protocol, said];
    });
    const everywhere = new Set(['record', 'terminal', 'page']);
    expect(witnesses.filter(([, protocol]) => protocol !== 'icmp6')).toEqual([
      ['dropped', 'udp', [['echo', everywhere]]],
      ['dropped, TCP', 'tcp', [['answers', everywhere]]],
      ['dropped before a UDP service', 'udp', [['answers', everywhere]]],
      ['dropped before a silent target', 'udp', []],
    ]);
    for (const { name, record } of cases.filter(({ record: one }) => one.protocol === 'tcp'))
      for (const [output, text] of everyText(record))
        expect([name, output, /[Ee]cho (?:request|pair)s?/.exec(text)?.[0]]).toEqual([name, output, undefined]);
  });

  it('say where a loss is most likely in one way: before a hop', () => {
    for (const { name, record } of withOutcomes('dropped'))
      for (const [output, text] of everyText(record))
        expect([name, output, /most likely (?!before|are|here)\w+/.exec(text)?.[0]]).toEqual([name, output, undefined]);
    const nearer = withOutcomes('dropped').filter(
      ({ record: { verdict } }) => verdict.interval!.likelyUpTo < verdict.interval!.upTo,
    );
    expect(nearer.length).toBeGreaterThan(3);
    for (const { record } of nearer)
      expect([...(heldTogether(record).get('most likely up to')?.values() ?? [])].flat()).toEqual(
        expect.arrayContaining(['record', 'terminal', 'page']),
      );
  });

  it('name no network where the outcome names nobody', () => {
    const nobody = cases.filter(({ record }) => namesNobody(record));
    expect(nobody.length).toBeGreaterThan(10);
    for (const { name, record } of nobody) {
      const { attribution, inDestinationNetwork } = record.summary;
      const row = summariseRecord(record);
      expect([name, attribution, inDestinationNetwork]).toEqual([name, null, null]);
      expect([name, row.attributionBest, row.attributionWorst, row.nextHopInDestinationNetwork]).toEqual([
        ...[name, null, null, null],
      ]);
      for (const [output, text] of everyText(record)) {
        const accusing =
          /"candidates"|Attribution by|Attribution\s*AS|Kindest to transit|Harshest to transit|'s egress|'s ingress/;
        expect([name, output, accusing.exec(text)?.[0]]).toEqual([name, output, undefined]);
        const lost = /(?:stops|refused|removed|changed|lost) [^.]*\bAS\d+/;
        expect([name, output, lost.exec(verdictText(record))?.[0]]).toEqual([name, output, undefined]);
      }
      expect(heldTogether(record).has('networks')).toBe(false);
      expect(heldTogether(record).has('n+1 in its network')).toBe(false);
    }
  });

  it('call the last hop with the option n only where packets stop behind it', () => {
    const marked = (name: string): boolean[] => {
      const { record } = cases.find((one) => one.name === name)!;
      const text = recordText(record, { columns: null, style: PLAIN });
      return [
        /^Last hop with PDM \(n\) /m.test(text),
        /^Next hop \(n\+1\) /m.test(text),
        /^Next hop \(after hop \d+\) /m.test(text),
      ];
    };
    expect(marked('dropped, echo')).toEqual([true, true, false]);
    expect(marked('dropped, and seen beyond where it is lost')).toEqual([false, false, true]);
  });

  it('call these two hops the same on the terminal and on the page', () => {
    const terms = withOutcomes('dropped', 'rejected', 'altered').flatMap(({ name, record }) => {
      if (record.summary.nextHop === null) return [];
      const next = /^Next hop \((.*?)\) /m.exec(recordText(record, { columns: null, style: PLAIN }))?.[1];
      const onPage = /<dt>Hop \d+ \((n\+1|after [^)]*)\)</.exec(htmlOf(record))?.[1];
      expect([name, onPage]).toEqual([name, next]);
      return [next];
    });
    expect(new Set(terms).size).toBeGreaterThan(1);
  });

  it('mark whoever answers beside a target none of whose probes are answered', () => {
    let marked = 0;
    for (const { name, record } of cases) {
      const row = /^dst .*$/m.exec(recordText(record, { columns: null, style: PLAIN }))?.[0] ?? '';
      for (const cell of row.slice(3).split('|')) {
        if (!/ 100%/.test(cell) || /^ *\* /.test(cell)) continue;
        expect([name, cell]).toEqual([name, expect.stringMatching(/ ![A-Z?0-9]/)]);
        marked += 1;
      }
    }
    expect(marked).toBeGreaterThan(2);
  });

  it('say what would settle a verdict that is open', () => {
    const settled = withOutcomes('inconclusive').map(({ name, record }) => [
      name,
      /(?:settle it|Trace it again)[^.]*/.exec(verdictText(record))?.[0],
    ]);
    expect(settled).toEqual([
      [
        'lost before the first hop',
        'settle it to trace from another network, behind another firewall; `pdm-trace doctor` looks at the first hops here',
      ],
      ['inconclusive', 'settle it'],
      [
        'behind a proxy that answers for the target',
        'settle it, which nothing on the way answers in place of the target',
      ],
      ['interrupted', 'Trace it again, to the end'],
    ]);
    for (const { record } of withOutcomes('inconclusive')) {
      const [, says] = /(settle it[^.]*|Trace it again[^.]*)\./.exec(verdictText(record)) ?? [];
      expect(plainText(htmlOf(record))).toContain(says);
    }
  });

  it('name a company by its own number alone, and no address or company that the record does not have', () => {
    for (const { name, record } of cases) {
      const known = JSON.stringify(record);
      for (const [output, text] of everyText(record)) {
        for (const [, asn, company] of text.matchAll(/\bAS(\d+) (Carrier \w+ Ltd)/g))
          expect([name, output, asn, company]).toEqual([name, output, asn, companyOf(Number(asn))]);
        for (const [company] of text.matchAll(/Carrier \w+ Ltd/g))
          expect([name, output, known.includes(company)]).toEqual([name, output, true]);
        for (const [address] of text.matchAll(/\b2001:db8:[0-9a-f:]*[0-9a-f]/g))
          expect([name, output, address, known.includes(`"${address}"`)]).toEqual([name, output, address, true]);
      }
    }
  });

  it("give no network to whoever refuses in the target's name", () => {
    for (const { name, record } of cases.filter(({ record: one }) => one.verdict.refusal?.inTargetName === true)) {
      const table = recordText(record, { columns: null, style: PLAIN }).split('\n');
      const [, withOption] = /^dst (.*) \| (.*)$/m.exec(table.join('\n'))?.slice(1) ?? [];
      expect([name, withOption]).toEqual([name, expect.stringMatching(/^2001:db8:ff00::50 !\S+ +100% +[\d.]+$/)]);
      const ladder = /<table class="ladder">[^]*?<\/table>/.exec(htmlOf(record))?.[0] ?? '';
      const [, plain, pdm] =
        /class="target">[^]*?<td class="who">([^]*?)<\/td>[^]*?<td class="who">([^]*?)<\/td>/.exec(ladder) ?? [];
      expect(plainText(plain ?? '')).toContain('AS4095');
      expect(plainText(pdm ?? '')).toContain("in the target's name");
      expect(plainText(pdm ?? '')).not.toContain('AS4095');
    }
  });

  it('show an address at no other hop than the record does', () => {
    for (const { name, record } of cases) {
      const places = new Map<number, Set<string | null>>();
      const add = (hop: number, address: string | null): void => {
        places.set(hop, (places.get(hop) ?? new Set()).add(address));
      };
      for (const { hop, arms } of record.hops)
        for (const { responders } of Object.values(arms)) for (const { address } of responders) add(hop, address);
      const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
      for (const one of [lastPdmHop, lastPlainHop, nextHop]) if (one !== null) add(one.hop, one.address);
      for (const [output, text] of everyText(record))
        for (const [, hop, address] of text.matchAll(new RegExp(`hop (\\d+) ${PLACE}`, 'g')))
          expect([name, output, hop, address, places.get(Number(hop))?.has(address ?? null)]).toEqual([
            ...[name, output, hop, address, true],
          ]);
    }
  });

  it('would be found out: a changed hop, rate, refuser or network is denied by the outputs that have the right one', () => {
    const of = (name: string): TraceRecord => cases.find((one) => one.name === name)!.record;
    expect(denied(of('dropped'))).toEqual([]);
    const readers = READERS as (readonly [string, Reader])[];
    const lie = (statement: Statement, record: TraceRecord): string[] => {
      readers.push(['liar', () => [statement]]);
      const found = denied(record);
      readers.pop();
      return found;
    };
    for (const of_ of [
      'n',
      'n+1',
      'address of n',
      'lost after',
      'lost up to',
      'with',
      'share without',
      'networks',
      'n+1 in its network',
    ])
      expect(lie({ of: of_, says: 'something else' }, of('dropped'))).toHaveLength(1);
    expect(lie({ of: 'refuser', says: '2001:db8::bad' }, of('rejected'))).toHaveLength(1);
    expect(lie({ of: 'with', says: '1 of 2' }, of('impaired'))).toHaveLength(1);
  });
});
