import yargs from 'yargs';
import { closestName } from '../../config/closest-name.js';
import { usageError } from '../cli-error.js';
import { COMMANDS, flagText, flagsOf, type CommandName, type Flag } from './flags.js';
import { sanitizeForTerminal, shown } from '../../text/terminal-text.js';

/** A command line taken apart: its flags exist and have a value where they need one; what that is, is not yet checked. */
export interface ParsedArguments {
  readonly command: CommandName;
  /** What follows the command: hosts. */
  readonly operands: readonly string[];
  /** By key of the flag, as text or switch, not yet checked; absent where not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly help: boolean;
  readonly version: boolean;
}

/**
 * Takes the command line apart. yargs only tokenises: values stay text for the settings to check, and a flag that does
 * not exist, has no value or is not one of the command's ends in a `CliError` of exit code 64.
 */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const tokens = argv.map((token) => (token === '-h' ? '--help' : token));
  rejectSingleDash(tokens);
  const all = uniqueFlags(COMMANDS.flatMap(flagsOf));
  const parsed = tokenise(tokens, all);
  // `pdm-trace help run`, as in other programs; no host has that name alone.
  const asksForHelp = parsed.operands[0] === HELP;
  const operands = asksForHelp ? parsed.operands.slice(1) : parsed.operands;
  const [first, ...rest] = operands;
  const named = COMMANDS.find((command) => command === first);
  if (asksForHelp && named === undefined && first !== undefined && first !== HELP) throw unknownCommand(first);
  const command = named ?? 'trace';
  const own = flagsOf(command);
  const flags: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed.values)) {
    const flag = own.find((candidate) => candidate.name === name);
    if (flag === undefined) throw unknownFlag(name, value, command);
    flags[flag.key] = checkedShape(flag, value);
  }
  return {
    command,
    operands: named === undefined ? operands : rest,
    flags,
    help: asksForHelp || flags.help === true,
    version: flags.version === true,
  };
}

const HELP = 'help';

function unknownCommand(given: string): Error {
  const meant = closestName(given, COMMANDS);
  const remedy = meant === null ? `the commands are ${COMMANDS.join(', ')}` : `did you mean ${meant}?`;
  return usageError(`there is no command "${shown(given)}"; ${remedy}`);
}

/** The command that a word was most likely meant to be, or null: none has dots, colons or digits. */
export function commandMeantBy(word: string): CommandName | null {
  const near = /^[a-z]+$/i.test(word) ? closestName(word, COMMANDS) : null;
  return COMMANDS.find((command) => command === near) ?? null;
}

interface Tokens {
  readonly operands: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
}

function tokenise(tokens: readonly string[], flags: readonly Flag[]): Tokens {
  const parser = yargs([]).help(false).version(false).exitProcess(false).parserConfiguration({
    'camel-case-expansion': false,
    'dot-notation': false,
    'duplicate-arguments-array': true,
    'flatten-duplicate-arrays': true,
    'parse-numbers': false,
    'parse-positional-numbers': false,
    'short-option-groups': false,
  });
  for (const flag of flags) parser.option(flag.name, { type: flag.value === null ? 'boolean' : 'string' });
  const parsed: Readonly<Record<string, unknown>> = parser.parseSync([...tokens]);
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (name !== '_' && name !== '$0' && value !== undefined) values[name] = value;
  }
  const operands: unknown = parsed._;
  return { operands: Array.isArray(operands) ? operands.map(String) : [], values };
}

/** `-json` would be read as `--json` or as four letters: neither is what the user can be sure of. */
function rejectSingleDash(tokens: readonly string[]): void {
  for (const token of tokens) {
    if (token === '--') return;
    if (!/^-[^-\d]/.test(token)) continue;
    throw notThere(token, COMMANDS.flatMap(flagsOf), 'trace');
  }
}

function unknownFlag(name: string, value: unknown, command: CommandName): Error {
  const elsewhere = COMMANDS.find((other) => flagsOf(other).some((flag) => flag.name === name));
  if (elsewhere !== undefined)
    return usageError(
      `--${name} is a flag of ${elsewhere}, not of ${command}; leave it out or use pdm-trace ${elsewhere}`,
    );
  return notThere(`--${value === false ? 'no-' : ''}${name}`, flagsOf(command), command);
}

function notThere(given: string, flags: readonly Flag[], command: CommandName): Error {
  const known = flags.map(flagText);
  const bare = given.replace(/^-+/, '');
  const begun = bare.length >= 3 ? known.filter((flag) => flag.startsWith(`--${bare}`)) : [];
  const meant = begun.length === 1 ? (begun[0] ?? null) : closestName(given, known);
  const remedy = meant === null ? `pdm-trace ${command} --help lists all flags` : `did you mean ${meant}?`;
  return usageError(`there is no flag ${sanitizeForTerminal(given)}; ${remedy}`);
}

function checkedShape(flag: Flag, value: unknown): unknown {
  const text = flagText(flag);
  if (flag.value === null) {
    // `--json --no-json`: the last one counts, as with values.
    const last: unknown = Array.isArray(value) ? value.at(-1) : value;
    if (flag.negative && last === true) throw usageError(`there is no flag --${flag.name}; did you mean ${text}?`);
    return last;
  }
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (values.some((item) => typeof item !== 'string')) throw notThere(`--no-${flag.name}`, [flag], 'trace');
  if (values.includes('')) throw usageError(`${text} needs a value; give it one, for example ${text} ${flag.example}`);
  // Lists add up, of anything else the last one counts.
  return flag.value === 'LIST' ? values.join(',') : values.at(-1);
}

function uniqueFlags(flags: readonly Flag[]): Flag[] {
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}
