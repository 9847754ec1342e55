import { readFile, stat } from 'node:fs/promises';
import { parsePrefixList, type PrefixSet } from '../address/prefix.js';
import { AnnotationError, causeText } from './annotation-error.js';

const SIZE_LIMIT = 64 << 20;

/**
 * Reads a file of prefixes, one a line, `#` comments (`--do-not-probe`, `--ixp-prefixes`). A line that cannot be understood
 * refuses the whole file: a network that asked not to be probed must not be lost to a typing error.
 * Throws AnnotationError `prefix-file-unreadable` or `prefix-file-malformed`.
 */
export async function readPrefixFile(path: string, setting: string): Promise<PrefixSet> {
  return (await readChecked(path, setting)).set;
}

/** The same file as text, for a process that parses it itself. */
export async function readPrefixText(path: string, setting: string): Promise<string> {
  return (await readChecked(path, setting)).text;
}

async function readChecked(path: string, setting: string): Promise<{ readonly set: PrefixSet; readonly text: string }> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > SIZE_LIMIT) throw new Error(`${size} octets, more than ${SIZE_LIMIT}`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    const message = `${setting}: cannot read "${path}" (${causeText(error)}); give a readable file with one prefix a line`;
    throw new AnnotationError('prefix-file-unreadable', 66, message, { cause: error });
  }
  const { set, errors } = parsePrefixList(text);
  const first = errors[0];
  if (first === undefined) return { set, text };
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more lines)` : '';
  throw new AnnotationError(
    'prefix-file-malformed',
    66,
    `${setting}: line ${first.line} of "${path}" is not an IPv6 prefix: "${first.text.slice(0, 80)}"${more}; write it as 2001:db8::/32 or comment it out with #`,
  );
}
