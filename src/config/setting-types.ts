import { isIP } from 'node:net';
import { z } from 'zod';
import { parseAddress } from '../address/address.js';

/** Commands whose settings differ in their defaults. */
export type Command = 'trace' | 'run' | 'daemon';

/** One setting: everything that the flags, the environment, the file, the schema and the documentation need to know. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  readonly default: T;
  /** What the value must be, completing "it must be …". */
  readonly expects: string;
  readonly example: string;
  /** One line for `--help` and `config/default.yaml`. */
  readonly describe: string;
  /** How text (environment, flags, target rows) is read; what cannot be read stays text for the schema to refuse. */
  readonly kind: SettingKind;
  /** The flag is `--no-…`, for settings that are on by default. */
  readonly negative?: boolean;
  /** Only given on the command line or in the environment. */
  readonly notInFile?: boolean;
  /** May differ per row of a target list. */
  readonly perTarget?: boolean;
}

/** How the text of a setting is read: see `Setting.kind`. */
export type SettingKind = 'number' | 'boolean' | 'text' | 'list';

type About<T> = Omit<Setting<T>, 'schema' | 'kind' | 'expects'>;

/** Both ends are allowed. */
export function wholeNumber(from: number, to: number, about: About<number>): Setting<number> {
  const schema = z.int().min(from).max(to);
  return { ...about, schema, kind: 'number', expects: `a whole number from ${figures(from)} to ${figures(to)}` };
}

/** Both ends are allowed, and null. */
export function optionalWholeNumber(from: number, to: number, about: About<number | null>): Setting<number | null> {
  const schema = z.int().min(from).max(to).nullable();
  return { ...about, schema, kind: 'number', expects: `a whole number from ${figures(from)} to ${figures(to)}` };
}

/** Neither end is allowed; null is. */
export function optionalShare(above: number, below: number, about: About<number | null>): Setting<number | null> {
  const schema = z.number().gt(above).lt(below).nullable();
  return { ...about, schema, kind: 'number', expects: `a number above ${above} and below ${below}` };
}

/** With `negative` the flag that turns it off is `--no-…`. */
export function yesOrNo(about: About<boolean>): Setting<boolean> {
  return { ...about, schema: z.boolean(), kind: 'boolean', expects: 'true or false' };
}

/** Exactly one of `values`, spelt as they are. */
export function choice<const T extends string>(values: readonly [T, ...T[]], about: About<T>): Setting<T> {
  return { ...about, schema: z.enum(values), kind: 'text', expects: oneOf(values) };
}

/** One of `values` at least, none twice, in the order that the user gives. */
export function choices<const T extends string>(
  values: readonly [T, ...T[]],
  about: About<readonly T[]>,
): Setting<readonly T[]> {
  const schema = z
    .array(z.enum(values))
    .min(1)
    .max(values.length)
    .refine((list) => new Set(list).size === list.length)
    .meta({ uniqueItems: true });
  return { ...about, schema, kind: 'list', expects: `a list, each once, of ${values.join(', ')}` };
}

/** Text that `accepts` says yes to. */
export function textThat(expects: string, accepts: (text: string) => boolean, about: About<string>): Setting<string> {
  return { ...about, schema: z.string().max(TEXT_LIMIT).refine(accepts), kind: 'text', expects };
}

const TEXT_LIMIT = 200;

/** Text for people, one line. (Not every reader of JSON Schema knows `\P{C}`, so it is no pattern there.) */
export function optionalText(about: About<string | null>): Setting<string | null> {
  const schema = z
    .string()
    .min(1)
    .max(TEXT_LIMIT)
    .refine((text) => !/\p{C}/u.test(text))
    .nullable();
  return {
    ...about,
    schema,
    kind: 'text',
    expects: `text of 1 to ${TEXT_LIMIT} characters without control characters`,
  };
}

/** A file's name; relative ones are meant from the working directory. */
export function optionalFile(about: About<string | null>): Setting<string | null> {
  const schema = z
    .string()
    .min(1)
    .max(4096)
    .refine((text) => !text.includes('\0'))
    .nullable();
  return { ...about, schema, kind: 'text', expects: 'the name of a file' };
}

/** Text that `parseAddress` reads, kept as it was written; or null. */
export function optionalAddress(about: About<string | null>): Setting<string | null> {
  const schema = z
    .string()
    .refine((text) => parseAddress(text) !== null)
    .nullable();
  return { ...about, schema, kind: 'text', expects: 'an IPv6 address' };
}

/** Linux: IFNAMSIZ 16, with the NUL; no slash, no space. */
export function optionalInterface(about: About<string | null>): Setting<string | null> {
  const schema = z
    .string()
    .regex(/^[^\s/:]{1,15}$/)
    .nullable();
  return { ...about, schema, kind: 'text', expects: 'the name of a network interface (1 to 15 characters)' };
}

/** IPv4 or IPv6, with a port or without (IPv6 then in brackets), kept as it was written; or null. */
export function optionalServer(about: About<string | null>): Setting<string | null> {
  const schema = z.string().refine(isServer).nullable();
  return { ...about, schema, kind: 'text', expects: 'an address, address:port or [address]:port' };
}

/** RFC 9511 §2.1.1: the URI goes into every probe; METHOD: Flow and identity allows it 36 octets. */
export function optionalProbeUri(about: About<string | null>): Setting<string | null> {
  const schema = z
    .string()
    .max(36)
    .regex(/^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/)
    .nullable();
  return { ...about, schema, kind: 'text', expects: 'a URI of at most 36 ASCII characters' };
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const match = /^(?:\[([^[\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return false;
  const [, six, four, port] = match;
  const portFits = port === undefined || (Number(port) >= 1 && Number(port) <= 65535);
  return portFits && (six === undefined ? isIP(four ?? '') === 4 : isIP(six) === 6);
}

function figures(value: number): string {
  return value.toLocaleString('en');
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`;
}
