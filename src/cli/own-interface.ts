import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';

/**
 * An error where this host has no interface of the name, else null: what `/proc/net/dev` says, and nothing where it cannot be
 * read. Asked first, so that no transport is blamed for a name that is misspelt.
 */
export function refuseInterface(name: string | null, devices: string | null): CliError | null {
  if (name === null || devices === null) return null;
  const known = devices.split('\n').flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
  if (known.includes(name)) return null;
  const message = `--interface ${name} is no interface of this host; give one that \`ip link\` lists: ${known.join(', ')}`;
  return new CliError('ENODEV', EXIT.unavailable, message);
}
