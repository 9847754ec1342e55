/** Whose network may be meant, in words. */
import { ATTRIBUTION_RULES } from '../../annotate/attribution.js';
import type { Attribution, SilentStretch, TraceRecord } from '../../record/record.js';
import { asLabel, sourceText } from './record-words.js';
import { safeText } from '../../text/safe-text.js';

/** Whom an attribution leaves possible besides its candidates: `a network among the silent hops 3–5`, `an unknown network`. */
export function otherNetworks({ silent, unknown }: Pick<Attribution, 'silent' | 'unknown'>): string[] {
  const others: string[] = [];
  if (silent !== undefined && silent.length > 0) others.push(`a network ${silentText(silent)}`);
  if (unknown === true) others.push('an unknown network');
  return others;
}

function silentText(stretches: readonly SilentStretch[]): string {
  const texts = stretches.map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`));
  const [first] = stretches;
  if (stretches.length === 1 && first?.from === first?.to) return `at the silent hop ${texts.join('')}`;
  const last = texts.pop() ?? '';
  return `among the silent hops ${texts.length === 0 ? last : `${texts.join(', ')} and ${last}`}`;
}

/** The rows of METHOD's table of networks, for who has not read it. */
const RULE_WORDS: Readonly<Record<keyof typeof ATTRIBUTION_RULES, string>> = {
  inside: "All hops from the one before hop n on are in the destination's network.",
  entering: "Hop n is in another network, and all behind it are in the destination's: the border lies between them.",
  borderOfAnother:
    "Hop n+1 is in a network between that of hop n and the destination's, and may be the destination's border by its neighbour's address.",
  borderOfSame:
    "Hops n and n+1 are in one network and those behind them in the destination's: hop n+1 may be the destination's border by its neighbour's address.",
  outside: "No hop where it may be is in the destination's network.",
  atTheTarget: 'Hop n+1 is the target itself.',
  silent: 'Hop n+1 answered nobody, so no address names its network.',
  unmapped: 'The AS data know no network for the address of hop n+1.',
  noPlace: 'The address of hop n+1 may be that of several routers, or of nobody in particular, and names no network.',
  exchange: 'Hop n+1 has an address of an exchange, which is of no one network.',
  several: 'Several routers of different networks answer at hop n+1.',
  uncertain: 'Packets with the option take another way, so hop n+1 of the plain path need not be on it.',
  other: 'The networks from hop n to where packets are lost at the latest do not say whose hop n+1 is.',
  sourceSide: 'No hop saw the option, so it may be lost right behind the source.',
  refuser: 'Who refuses, and the hops next to it, are of one network.',
  refuserOrBefore:
    'Who refuses may have an address of its own network, or of the next one, and be of the network before.',
  refuserOrNext: 'Who refuses may have an address of its own network, or of the one before, and be of the next one.',
  refuserOrBeside: 'Who refuses may have an address of its own network, or of a neighbour, and be of that beside it.',
};

/** Why these networks and no others; a rule of another version as the record has it. */
export function ruleText(rule: string): string {
  const known = Object.entries(ATTRIBUTION_RULES).find(([, row]) => row === rule)?.[0];
  return known === undefined ? rule : RULE_WORDS[known as keyof typeof ATTRIBUTION_RULES];
}

/** `Attribution by origin AS of the addresses (bundled data, 2025-01-01): AS64500's egress or AS64501's ingress. …` */
export function attributionSentence(record: TraceRecord): string | null {
  const { attribution } = record.summary;
  if (attribution === null) return null;
  const how = `by origin AS of the addresses${attribution.source === null ? '' : ` (${dataText(attribution.source, attribution.date)})`}`;
  const text = readingOf(record, attribution);
  const who = [text, ...otherNetworks(attribution)].filter((one) => one !== null);
  if (who.length === 0) return null;
  // Why networks are among them in which nobody was seen to lose anything, and one may be that is not.
  const why =
    attribution.candidates.length > 1
      ? ' A border router may carry the address of the network next to it; a network between them with no other router would not be seen.'
      : '';
  return `Attribution ${how}: ${who.join(', or ')}.${why}`;
}

/** The two readings of a border where they are all there is, else every candidate; null where there is none. */
function readingOf(record: TraceRecord, { best, worst, candidates, silent, unknown }: Attribution): string | null {
  const isAll = (...named: readonly (number | null)[]): boolean => candidates.every((asn) => named.includes(asn));
  if (best !== null && worst !== null && best !== worst && isAll(best, worst)) {
    const [a, b] = [asLabel(record, worst), asLabel(record, best)];
    const isBorder = record.summary.inDestinationNetwork === 'likely';
    return isBorder ? `${a}'s egress or ${b}'s ingress` : `${a} or ${b}`;
  }
  const one = best ?? worst;
  if (one !== null && isAll(one)) return asLabel(record, one);
  const labels = candidates.map((asn) => asLabel(record, asn)).join(', ');
  if (candidates.length === 0) return null;
  const isOneOfMore = silent !== undefined || unknown === true;
  return candidates.length > 1 || !isOneOfMore ? `one of ${labels}` : labels;
}

function dataText(source: string, date: string | null): string {
  return date === null ? sourceText(source) : `${sourceText(source)}, ${safeText(date)}`;
}
