/** What a list found by network, while it runs: records that accuse, by the networks that may be meant. */
import { asLabel } from '../../report/words/record-words.js';
import { figures } from '../../text/counted.js';
import { sanitizeForTerminal } from '../../text/terminal-text.js';
import type { TraceRecord } from '../../record/record.js';

/** Sets of networks that are told apart; of more only their number is known. */
const MOST_SETS = 10_000;
/** Shown, those with the most records first. */
const SHOWN = 3;

/** A record names all networks that may be meant, and counts once. */
export class NetworksFound {
  readonly #sets = new Map<string, { readonly text: string; records: number }>();
  #others = 0;
  /** Kept until a record is added: it is drawn four times a second. */
  #text: string | null = null;

  add(record: TraceRecord): void {
    const { attribution } = record.summary;
    if (attribution === null) return;
    this.#text = null;
    const { candidates, silent = [], unknown = false } = attribution;
    const key = `${[...candidates].sort((a, b) => a - b).join(' ')} ${silent.length > 0} ${unknown}`;
    const known = this.#sets.get(key);
    if (known !== undefined) known.records += 1;
    else if (this.#sets.size >= MOST_SETS) this.#others += 1;
    else {
      const names = candidates.map((asn) => sanitizeForTerminal(asLabel(record, asn)));
      const isOpen = silent.length > 0 || unknown;
      this.#sets.set(key, { text: [...names, ...(isOpen ? ['an unknown network'] : [])].join(' or '), records: 1 });
    }
  }

  /** `networks that may be meant: AS64500 Transit Ltd 12, AS64500 Transit Ltd or AS64501 4, 7 in others`; null where none is. */
  text(): string | null {
    if (this.#sets.size === 0) return null;
    return (this.#text ??= this.#write());
  }

  #write(): string {
    const sets = [...this.#sets.values()].sort((a, b) => b.records - a.records);
    const others = sets.slice(SHOWN).reduce((sum, { records }) => sum + records, this.#others);
    const parts = sets.slice(0, SHOWN).map(({ text, records }) => `${text} ${figures(records)}`);
    if (others > 0) parts.push(`${figures(others)} in others`);
    return `networks that may be meant: ${parts.join(', ')}`;
  }
}
