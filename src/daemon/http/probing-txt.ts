import type { HttpSettings } from '../../config/http-settings.js';

const DAY_MS = 86_400_000;
/** It is made for each who asks, so it never runs out; RFC 9116 §2.5.5 wants less than a year. */
const VALID_DAYS = 90;

/** The probe description file (RFC 9511 §3; fields and format of RFC 9116 §2 and §4): UTF-8, lines end in CRLF. */
export function probingTxt(probing: NonNullable<HttpSettings['probing']>, nowMs: number): string {
  const expires = new Date(Math.ceil(nowMs / DAY_MS) * DAY_MS + VALID_DAYS * DAY_MS);
  const lines = [
    ...(probing.canonical === null ? [] : [`Canonical: ${probing.canonical}`]),
    ...probing.contact.map((uri) => `Contact: ${uri}`),
    `Expires: ${expires.toISOString().replace('.000', '')}`,
    ...(probing.languages.length === 0 ? [] : [`Preferred-Languages: ${probing.languages.join(', ')}`]),
    `Description: ${probing.description}`,
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}
