import { safeText } from '../../text/safe-text.js';

/** Text that is markup already. Only `markup` makes it, so that everything else is escaped where it is put in. */
export interface Markup {
  readonly markup: string;
}

type Part = string | number | Markup | null | readonly Markup[];

/**
 * HTML and SVG in which every value is escaped, for text and for attributes in double quotes. Null leaves nothing.
 *
 *     markup`<td title="${name}">${address}</td>`
 */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let whole = texts[0] ?? '';
  for (const [index, part] of parts.entries()) whole += partText(part) + (texts[index + 1] ?? '');
  return { markup: whole };
}

function partText(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string') return escapeMarkup(part);
  if (typeof part === 'number') return String(part);
  if ('markup' in part) return part.markup;
  return part.map((one) => one.markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeMarkup(text: string): string {
  return safeText(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
