import type { Attribution, SilentStretch } from '../trace/record.js';

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
