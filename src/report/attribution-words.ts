/** Whose network may be meant, in words. */
import type { Attribution, SilentStretch, TraceRecord } from '../trace/record.js';
import { asLabel, sourceText } from './record-words.js';
import { safeText } from './safe-text.js';

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

/** `Attribution by origin AS of the addresses (bundled data, 2025-01-01): AS64500's egress or AS64501's ingress.` */
export function attributionSentence(record: TraceRecord): string | null {
  const { attribution } = record.summary;
  if (attribution === null) return null;
  const how = `by origin AS of the addresses${attribution.source === null ? '' : ` (${dataText(attribution.source, attribution.date)})`}`;
  const { text, isList } = readingOf(record, attribution);
  const who = [text, ...otherNetworks(attribution)].filter((one) => one !== null);
  if (who.length === 0) return null;
  // Why networks are among them in which nobody was seen to lose anything.
  const why = isList ? ' A border router may carry the address of the network next to it.' : '';
  return `Attribution ${how}: ${who.join(', or ')}.${why}`;
}

/** The two readings of a border where they are all there is, else every candidate; null where there is none. */
function readingOf(
  record: TraceRecord,
  { best, worst, candidates, silent, unknown }: Attribution,
): { readonly text: string | null; readonly isList: boolean } {
  const isAll = (...named: readonly (number | null)[]): boolean => candidates.every((asn) => named.includes(asn));
  if (best !== null && worst !== null && best !== worst && isAll(best, worst)) {
    const [a, b] = [asLabel(record, worst), asLabel(record, best)];
    const isBorder = record.summary.inDestinationNetwork === 'likely';
    return { text: isBorder ? `${a}'s egress or ${b}'s ingress` : `${a} or ${b}`, isList: false };
  }
  const one = best ?? worst;
  if (one !== null && isAll(one)) return { text: asLabel(record, one), isList: false };
  const labels = candidates.map((asn) => asLabel(record, asn)).join(', ');
  if (candidates.length === 0) return { text: null, isList: false };
  const isOneOfMore = silent !== undefined || unknown === true;
  const isList = candidates.length > 1 || !isOneOfMore;
  return { text: isList ? `one of ${labels}` : labels, isList };
}

function dataText(source: string, date: string | null): string {
  return date === null ? sourceText(source) : `${sourceText(source)}, ${safeText(date)}`;
}
