import type { NamedAddress, Outcome, TraceRecord } from '../../record/record.js';
import { drawPath } from './draw-path.js';
import { evidenceLists } from './evidence-list.js';
import { hopLadder } from './hop-ladder.js';
import { markup, type Markup } from './markup.js';
import { confidenceText } from '../words/record-words.js';
import { verdictWords } from '../words/verdict-words.js';

/** Colour and sign of an outcome; the word always stands beside it. */
const OUTCOME_LOOKS: Readonly<
  Record<Outcome, { readonly tone: 'good' | 'bad' | 'warn' | 'calm'; readonly sign: string }>
> = {
  delivered: { tone: 'good', sign: '✓' },
  dropped: { tone: 'bad', sign: '✕' },
  rejected: { tone: 'bad', sign: '⊘' },
  stripped: { tone: 'bad', sign: '−' },
  altered: { tone: 'bad', sign: '≠' },
  impaired: { tone: 'warn', sign: '≈' },
  bypassed: { tone: 'warn', sign: '↷' },
  inconclusive: { tone: 'calm', sign: '?' },
  unreachable: { tone: 'calm', sign: '∅' },
  'no-difference': { tone: 'calm', sign: '=' },
  'not-measured': { tone: 'calm', sign: '·' },
};

/** A badge whose colour and sign repeat what its word says, for those who see no colours. */
export function outcomeBadge(outcome: Outcome): Markup {
  const { tone, sign } = OUTCOME_LOOKS[outcome];
  return markup`<span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${outcome}</span>`;
}

/** One record: the fault that it shares, verdict in words, drawing, and the hops of both arms, unfolded where `open`. */
export function recordCard(record: TraceRecord, open: boolean, sharedFault: string | null = null): Markup {
  const { headline, details, reasons } = verdictWords(record);
  const path = record.hops.length === 0 && record.targetPairs === null ? null : pathSection(record, open);
  return markup`<article class="card" id="${cardId(record)}" aria-labelledby="${cardId(record)}-h">
<header><h3 id="${cardId(record)}-h">${record.target.input} <span class="protocol">${record.protocol}</span></h3>${outcomeBadge(record.verdict.outcome)}</header>
<p class="facts">${facts(record)}</p>
${sharedFault === null ? null : markup`<p class="shared">${sharedFault}</p>`}<p class="verdict">${headline}</p>
${details.length + reasons.length === 0 ? null : markup`<ul class="details">${[...details, ...reasons].map((detail) => markup`<li>${detail}</li>`)}</ul>`}
${path}
</article>
`;
}

/** Ids are UUIDs, but a record is data: only what an id may hold gets into one. */
export function cardId(record: { readonly id: string }): string {
  return `r-${record.id.replace(/[^\w-]/g, '')}`;
}

function pathSection(record: TraceRecord, open: boolean): Markup {
  const body = markup`<summary>Hops, both arms side by side</summary><div class="wide" tabindex="0" role="group" aria-label="Hops to ${record.target.input}">${hopLadder(record)}</div>`;
  return markup`<div class="wide">${drawPath(record)}</div>
${evidenceLists(record)}
${open ? markup`<details open>${body}</details>` : markup`<details>${body}</details>`}`;
}

function facts(record: TraceRecord): Markup {
  const parts = [
    record.company,
    record.target.address === null ? 'no IPv6 address' : `to ${named(record.target)}`,
    record.source.address === null ? null : `from ${record.vantage ?? named(record.source)}`,
    `${record.startedAt.slice(0, 19).replace('T', ' ')} UTC`,
    record.counters.sent === 0 ? null : `${record.counters.sent} probes`,
    record.verdict.confidence === null ? null : `confidence ${confidenceText(record.verdict.confidence)}`,
  ];
  return markup`${parts.filter((part) => part !== null).map((part) => markup`<span>${part}</span>`)}`;
}

function named({ address, name, asn, asName }: NamedAddress): string {
  const network = asn === null ? '' : `, AS${asn}${asName === null ? '' : ` ${asName}`}`;
  return `${name === null ? (address ?? '') : `${name} (${address ?? ''})`}${network}`;
}
