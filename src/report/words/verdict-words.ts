import type { Outcome, TraceRecord } from '../../record/record.js';
import { attributionSentence } from './attribution-words.js';
import { icmpErrorText } from './icmp-words.js';
import {
  divergenceSentence,
  insertedSentence,
  locationSentence,
  loopSentence,
  membershipOf,
  reachSentence,
  seenBeyondSentence,
  silentAboutOptionSentence,
  stopSentence,
  unreachableSentence,
} from './place-words.js';
import {
  arrivalSentence,
  causeSentence,
  confidenceSentence,
  inBrackets,
  optionSentence,
  returnPathSentence,
} from './proof-words.js';
import { placeText } from './record-words.js';
import { safeText } from '../../text/safe-text.js';
import { settlingSentence } from './settling-words.js';

/** A verdict in plain words. */
export interface VerdictWords {
  /** One sentence that says the outcome. */
  readonly headline: string;
  /** What was counted, who it may be, and what limits the claim. */
  readonly details: readonly string[];
  /** The record's own reasons, safe for a terminal. */
  readonly reasons: readonly string[];
}

/**
 * Says what a record found and no more: silence of routers only locates ("most likely"),
 * and an attribution names every reading that the addresses allow (RFC 7872 appendix B.2).
 */
export function verdictWords(record: TraceRecord): VerdictWords {
  const reasons = record.verdict.reasons.map(safeText);
  const spoken = WORDS[record.verdict.outcome](record);
  return {
    headline: spoken.headline,
    details: [...spoken.details, insertedSentence(record), loopSentence(record), sharedSentence(record)].filter(
      (detail) => detail !== null,
    ),
    reasons: spoken.saysFirstReason === true ? reasons.slice(1) : reasons,
  };
}

interface Spoken {
  readonly headline: string;
  readonly details: readonly (string | null)[];
  /** The headline holds the record's first reason: it is not repeated below. */
  readonly saysFirstReason?: boolean;
}

const WORDS: Readonly<Record<Outcome, (record: TraceRecord) => Spoken>> = {
  delivered: (record) => ({
    headline: `PDM arrives: the target answers packets with the option${howWell(record)}${inBrackets(record)}.`,
    details: [optionSentence(record), silentAboutOptionSentence(record), divergenceSentence(record)],
    saysFirstReason: true,
  }),

  dropped: (record) => ({
    headline: `${stopSentence(record, 'PDM stops')}.`,
    details: [
      seenBeyondSentence(record),
      arrivalSentence(record),
      confidenceSentence(record),
      returnPathSentence(record),
      causeSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  }),

  rejected: (record) => ({
    headline: refusalHeadline(record),
    details: [
      refuserPlaceSentence(record),
      seenBeyondSentence(record),
      arrivalSentence(record),
      confidenceSentence(record),
      causeSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  }),

  stripped: (record) => changedWords(record, 'The PDM option is removed from packets'),

  altered: (record) => changedWords(record, 'The octets of the PDM option are changed'),

  impaired: (record) => ({
    headline: impairedHeadline(record),
    details: [
      confidenceSentence(record),
      record.verdict.refusal === null ? null : refusalHeadline(record),
      locationSentence(record),
      causeSentence(record),
      divergenceSentence(record),
    ],
  }),

  bypassed: (record) => ({
    headline: `Packets with PDM arrive where plain ones do not${inBrackets(record)}: something on the way stops plain packets alone.`,
    details: [confidenceSentence(record), optionSentence(record), divergenceSentence(record)],
  }),

  inconclusive: (record) => ({
    headline: `No verdict: ${firstReason(record, 'the evidence is below the bar')}.`,
    details: [
      reachSentence(record),
      unreachableSentence(record),
      arrivalSentence(record),
      divergenceSentence(record),
      settlingSentence(record),
    ],
    saysFirstReason: true,
  }),

  unreachable: (record) =>
    record.counters.sent === 0 || record.counters.answered > 0
      ? {
          headline: `Nothing is known about PDM here: ${firstReason(record, 'no packet could be sent')}.`,
          details: [sentSentence(record)],
          saysFirstReason: true,
        }
      : {
          headline: 'Nothing answered the plain packets either, so nothing is known about PDM here.',
          details: [sentSentence(record)],
        },

  'no-difference': (record) => ({
    headline:
      'No difference seen: the target answers neither kind of packet, and PDM reaches at least as far as plain.',
    details: [reachSentence(record), unreachableSentence(record), divergenceSentence(record)],
  }),

  'not-measured': (record) => ({
    headline: `Not measured: ${firstReason(record, 'there was nothing to measure')}.`,
    details: [],
    saysFirstReason: true,
  }),
};

/** Where fewer of them are answered, by how many more would be called a loss. */
function howWell({ verdict }: TraceRecord): string {
  const { plain, pdm } = verdict.evidence.rates;
  if (plain === null || pdm === null || pdm >= plain) return ' as well as plain ones';
  return ', and no more than three in ten of them are lost on top of plain ones';
}

function changedWords(record: TraceRecord, what: string): Spoken {
  const { interval, evidence } = record.verdict;
  // Quotes can be changed on their way back.
  const byQuotes = evidence.basis === 'routers';
  const headline = byQuotes
    ? `${what}, as routers${interval === null ? '' : ` beyond hop ${interval.after}`} quote it`
    : stopSentence(record, what);
  return {
    headline: `${headline}.`,
    details: [
      'The packets themselves go on.',
      byQuotes
        ? 'The target quotes nothing and quotes can be changed on their way back, so no network is named.'
        : 'The target itself quotes them so; something that rewrites all quotes on their way back would look the same.',
      arrivalSentence(record),
      confidenceSentence(record),
      attributionSentence(record),
      divergenceSentence(record),
    ],
  };
}

function impairedHeadline(record: TraceRecord): string {
  const rates = inBrackets(record);
  if (record.verdict.refusal !== null)
    return `Packets with PDM are answered only sometimes${rates}: some of them are refused on the way.`;
  if ((record.verdict.evidence.rates.pdm ?? 0) > 0)
    return `Packets with PDM are answered less often than plain ones${rates}.`;
  return `PDM arrives on some paths only${rates}.`;
}

/** Where who speaks in the target's name stands; of a router it is known, and which network it may be in is left to say. */
function refuserPlaceSentence(record: TraceRecord): string | null {
  const { refusal } = record.verdict;
  if (refusal === null || refusal.inTargetName === true) return `${stopSentence(record, 'It stands')}.`;
  const membership = membershipOf(record);
  return membership === null ? null : `${capitalised(membership)}.`;
}

function refusalHeadline(record: TraceRecord): string {
  const { refusal } = record.verdict;
  // A reset has no words of ICMPv6, and the target's address.
  if (refusal === null) return "Packets with PDM are refused by something in the target's name: by RST.";
  const what = icmpErrorText(refusal.type, refusal.code, refusal.pointer);
  // Whose it is, its address does not tell.
  if (refusal.inTargetName === true) return `Packets with PDM are refused by something in the target's name: ${what}.`;
  const refuser =
    refuserPlace(record, refusal.address) ??
    placeText({ address: refusal.address, name: null, asn: null, asName: null });
  const where = refusal.hop === null ? '' : ` at hop ${refusal.hop}`;
  return `Packets with PDM are refused${where} by ${refuser ?? 'an unknown address'}: ${what}.`;
}

function refuserPlace(record: TraceRecord, address: string): string | null {
  const places = record.targetPairs === null ? record.hops : [...record.hops, record.targetPairs];
  for (const place of places) {
    for (const arm of Object.values(place.arms)) {
      const found = arm.responders.find((responder) => responder.address === address);
      if (found !== undefined) return placeText(found);
    }
  }
  return null;
}

function sentSentence(record: TraceRecord): string {
  const { sent, sendErrors } = record.counters;
  return `${sent} probes were sent${sendErrors === 0 ? '' : ` and ${sendErrors} could not be`}.`;
}

function firstReason(record: TraceRecord, otherwise: string): string {
  const reason = record.verdict.reasons[0];
  return reason === undefined ? otherwise : stripFullStop(safeText(reason));
}

function stripFullStop(text: string): string {
  return text.replace(/\.\s*$/, '');
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function sharedSentence({ sharedWith }: TraceRecord): string | null {
  return sharedWith === undefined
    ? null
    : `Measured once for all names of this address: the packets are those of record ${sharedWith}.`;
}
