/** Sentences about what a verdict rests on: what was counted, what shows that it is no loss of answers, what the cause is. */
import type { TraceRecord } from '../../record/record.js';
import {
  atMostText,
  confidenceText,
  hopText,
  plainHop,
  ratesText,
  restsOnRouters,
  routerArrivals,
  targetArrivals,
} from './record-words.js';

/**
 * `Probes that the target answered: 0 of 12 with, 12 of 12 without; at most 44 % of those with the option arrive (99.9 %).`
 */
export function arrivalSentence(record: TraceRecord): string | null {
  const { evidence, outcome } = record.verdict;
  const arriving =
    evidence.passRateUpper === null
      ? '.'
      : `; at most ${atMostText(evidence.passRateUpper)} of those with the option arrive (${confidenceText(record.parameters.confidence)}).`;
  if (restsOnRouters(record)) {
    if (outcome === 'rejected')
      return `The target is silent, so this rests on hops behind the refuser: plain probes get there.`;
    return `The target is silent, so this rests on a router that has reported such packets in this run. Probes that it answered: ${ratesText(routerArrivals(record))}${arriving}`;
  }
  const arrivals = targetArrivals(record);
  if (arrivals === null) return null;
  if (arrivals.plain === 0 && arrivals.pdm === 0) return null;
  return `Probes that the target answered: ${ratesText(arrivals)}${arriving}`;
}

/** ` (10 of 10 with, 10 of 10 without)`, for a headline; empty where none were counted. */
export function inBrackets(record: TraceRecord): string {
  const arrivals = targetArrivals(record);
  return arrivals === null ? '' : ` (${ratesText(arrivals)})`;
}

/** `Confidence 99.97 %.` */
export function confidenceSentence(record: TraceRecord): string | null {
  const { confidence } = record.verdict;
  return confidence === null ? null : `Confidence ${confidenceText(confidence)}.`;
}

/** Whether it can be the answers that are lost, and what shows that it is not. */
export function returnPathSentence(record: TraceRecord): string | null {
  switch (record.verdict.evidence.returnPath) {
    case 'excluded':
      // An echo reply quotes nothing: that it stays away is not the way back refusing quotes.
      if (record.protocol === 'icmp6') return null;
      return WITNESS_WORDS[witnessOf(record)];
    case 'not excluded':
      return 'Only routers show it, by errors that quote packets, so a filter on the way back that drops errors quoting the option is not excluded.';
    case null:
      return null;
  }
}

type Witness = 'answers' | 'echo' | 'tcp' | 'unsaid';

const WITNESS_WORDS: Readonly<Record<Witness, string>> = {
  answers: "The target's answers quote nothing, so no filter on quoted options is what keeps them away.",
  echo: 'Echo requests with PDM stay unanswered too, so no filter on quoted options is what takes the answers.',
  tcp: 'SYNs with PDM stay unanswered too, so no filter on quoted options is what takes the answers.',
  unsaid: 'Answers that quote nothing stay away too, so no filter on quoted options is what takes them.',
};

/** Older records do not say it; of TCP none but its own answers can be the witness. */
function witnessOf({ protocol, verdict }: TraceRecord): Witness {
  return verdict.evidence.witness ?? (protocol === 'tcp' ? 'answers' : 'unsaid');
}

/** What it is about the packets that is refused, or lost without a word. */
export function causeSentence(record: TraceRecord): string | null {
  const verb = record.verdict.outcome === 'rejected' ? 'refused' : 'lost';
  switch (record.verdict.cause) {
    case 'option':
      return `Only the PDM option is ${verb}: another destination option of the same size passes.`;
    case 'size':
      return `A destination options header of 16 octets is ${verb} whatever is in it; one of 8 octets passes.`;
    case 'destination-options':
      return `Any destination options header is ${verb}, not PDM alone.`;
    case 'length':
      return `A plain packet of the same length is ${verb} too, so it is the length and not the option.`;
    case null:
      return null;
  }
}

/** Where the option itself was last seen. */
export function optionSentence(record: TraceRecord): string {
  const { optionSeenUpTo } = record.verdict;
  if (optionSeenUpTo === 'target') return 'The target itself quotes the option intact.';
  if (optionSeenUpTo === null) return 'No hop quoted the option, so whether it was still in the packets is not known.';
  const last = record.summary.lastPdmHop;
  const hop = last !== null && last.hop === optionSeenUpTo ? hopText(last) : hopText(plainHop(record, optionSeenUpTo));
  return `The option itself was last seen intact at ${hop}; beyond it only the arrival of the packets is known.`;
}
