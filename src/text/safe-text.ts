/** Controls, format characters (bidirectional overrides, zero width, tags), separators, lone surrogates, private use. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** Text that cannot move a cursor, change colours or reorder what is around it. Names come from strangers. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, '?');
}

/** At most `limit` characters, the last one an ellipsis where something was cut. */
export function shortened(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : `${characters.slice(0, Math.max(0, limit - 1)).join('')}…`;
}
