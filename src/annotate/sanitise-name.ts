import { isIP } from 'node:net';

/** RFC 1035 §2.3.4: a name has at most 255 octets on the wire, 253 characters as text. */
export const NAME_LENGTH_LIMIT = 253;

/** Controls, format characters (bidirectional overrides, zero width, tags), separators, lone surrogates, private use. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
/** What is left and not printable ASCII: shown as `?`, so that no letter can pose as another. */
const NOT_ASCII = /[^\x20-\x7e]/gu;

/**
 * A name from the DNS, made safe to show and store: printable ASCII without spaces, at most 253 characters, no trailing
 * dot. Whoever runs a router chooses its PTR record, so it may hold anything. Null when nothing is left, or when the name
 * would pose as an IP address.
 */
export function sanitiseName(raw: string): string | null {
  const printable = raw
    .slice(0, 4 * NAME_LENGTH_LIMIT)
    .replace(INVISIBLE, '')
    .replace(NOT_ASCII, '?')
    .trim()
    .replaceAll(' ', '\\032')
    .replace(/\.+$/, '')
    .slice(0, NAME_LENGTH_LIMIT);
  return printable === '' || isIP(printable) !== 0 ? null : printable;
}

const LABEL_LENGTH_LIMIT = 120;

/** The name of an organisation from a data file: letters of any script stay, what could move a cursor or reorder text goes. */
export function sanitiseLabel(raw: string): string | null {
  const label = raw
    .slice(0, 8 * LABEL_LENGTH_LIMIT)
    .replace(INVISIBLE, '')
    .trim();
  if (label === '') return null;
  // Not in the middle of a surrogate pair.
  return label.slice(0, LABEL_LENGTH_LIMIT).replace(/[\ud800-\udbff]$/, '');
}
