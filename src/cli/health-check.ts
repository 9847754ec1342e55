/**
 * The container's HEALTHCHECK: asks the daemon's `/healthz`. Ends with 0 when it answers 200, or when no daemon is meant to
 * run in this container; else with 1 and one line on stdout, which the engine keeps.
 */
import { readFileSync } from 'node:fs';
import { daemonConfigFile, healthAddress, isAlive } from './daemon/daemon-health.js';

/** The container's first process, tini, has the daemon's arguments. */
const FIRST_PROCESS = '/proc/1/cmdline';

async function check(): Promise<string | null> {
  const file = daemonConfigFile(readFileSync(FIRST_PROCESS, 'utf8').split('\0'));
  if (file === null) return null;
  const address = healthAddress(readFileSync(file, 'utf8'));
  return address === null ? null : isAlive(address);
}

const problem = await check().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
if (problem !== null) process.stdout.write(`${problem}\n`);
process.exit(problem === null ? 0 : 1);
