/**
 * Text for a terminal. Names come from PTR records and databases, that is from strangers: what could move the cursor,
 * change colours or reorder text (Trojan Source) never gets through, whatever the earlier rooms did.
 */

/**
 * Controls (C0, DEL, C1), format characters (bidirectional overrides, zero-width, tags), line and paragraph separators,
 * surrogates that stand alone, private use.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** The same text with every unsafe character shown as `?`. */
export function sanitizeForTerminal(text: string): string {
  return text.replace(UNSAFE, '?');
}

/** Beyond this the rest of a value says nothing more. */
const SHOWN_CHARACTERS = 80;

/** What somebody gave, as it is shown in a message. */
export function shown(given: string): string {
  return sanitizeForTerminal(given.slice(0, SHOWN_CHARACTERS));
}

const COMBINING = /^[\p{Mn}\p{Me}]$/u;
/** East Asian wide and full-width forms, and emoji, which terminals draw two columns wide. */
const WIDE =
  /^[\u{1100}-\u{115f}\u{231a}\u{231b}\u{2e80}-\u{303e}\u{3041}-\u{33ff}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{a000}-\u{a4cf}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

function characterWidth(character: string): number {
  const codePoint = character.codePointAt(0) ?? 0;
  if (codePoint >= 0x20 && codePoint < 0x7f) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns that `text` (without escape sequences) takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** At most `columns` wide; what is cut off is marked with `ellipsis`. */
export function truncate(text: string, columns: number, ellipsis: string): string {
  if (displayWidth(text) <= columns) return text;
  const room = columns - displayWidth(ellipsis);
  if (room < 0) return ellipsis.slice(0, Math.max(0, columns));
  let width = 0;
  let kept = '';
  for (const character of text) {
    const next = characterWidth(character);
    if (width + next > room) break;
    width += next;
    kept += character;
  }
  return kept + ellipsis;
}

/** To so many columns of a terminal; wider text stays as it is. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
}

/** The same, with the spaces in front. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text;
}

/**
 * Breaks at spaces so that no line is wider than `columns` (a longer word stands alone). The first line begins with
 * `start`, the others with `indent`. A number and its per cent sign stay together.
 */
export function wrap(text: string, columns: number, indent = '', start = ''): string[] {
  const lines: string[] = [];
  let line = start;
  let empty = true;
  for (const word of text.split(/ (?!%)/)) {
    if (!empty && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}
