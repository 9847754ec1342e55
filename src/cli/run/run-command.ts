import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { DEFAULT_STORE, type Settings } from '../../config/settings.js';
import type { StoredRun } from '../../results/store/run-table.js';
import { openSqliteStore, type SqliteStore } from '../../results/store/sqlite-store.js';
import { CliError, usageError } from '../cli-error.js';
import { dryRun, dryRunOfRest } from './dry-run.js';
import { EXIT } from '../exit-codes.js';
import { RunSession, type RunContext } from './run-session.js';
import { newStoredRun } from '../../runs/new-stored-run.js';

/** What the command `run` has of the process that it is in. */
export interface RunCommandContext extends RunContext {
  /** Settings with those stored for a run in place of the defaults, the file and the environment. */
  readonly settingsOfRun: (stored: Readonly<Record<string, unknown>>) => Settings;
}

/** Traces a list once, or goes on with one, and resolves with the exit code. */
export async function runTargets(settings: Settings, context: RunCommandContext): Promise<number> {
  if (settings.targets === null && !settings.resume)
    throw usageError('no list given; name one with --targets FILE, or go on with the last one with --resume');
  if (settings.dryRun && !settings.resume) return dryRun(settings, context.terminal);
  const path = settings.store ?? DEFAULT_STORE;
  if (settings.resume && !existsSync(path))
    throw new CliError(
      'ENOSTORE',
      EXIT.noInput,
      `there is no store "${path}" to go on with; name the one with --store FILE, or begin a run with --targets FILE`,
    );
  context.becomeFileOwner();
  const store = openSqliteStore(path, settings.dryRun ? { readOnly: true } : {});
  try {
    const run = settings.resume ? findRun(store, settings) : createRun(store, settings, context);
    const ownSettings = context.settingsOfRun(run.options);
    if (settings.dryRun) return await dryRunOfRest(store, run, ownSettings, context.terminal);
    const claim = store.claimRun(run.id);
    try {
      return await new RunSession(store, run, ownSettings, context).run();
    } finally {
      claim.release();
    }
  } finally {
    store.close();
  }
}

/** The newest of this command that something is left of; jobs of a daemon are the daemon's. */
function findRun(store: SqliteStore, { targets }: Settings): StoredRun {
  const path = targets === null ? null : resolve(targets);
  const unfinished = store.runs.unfinished().filter(({ options }) => options.command === COMMAND);
  const run = unfinished.find(({ options }) => path === null || options.targets === path);
  if (run !== undefined) return run;
  const other = unfinished[0];
  if (path === null || other === undefined) {
    throw usageError(
      `no run${path === null ? '' : ` of "${path}"`} in ${store.path} is unfinished; leave --resume out and name the list with --targets to begin one`,
    );
  }
  throw usageError(
    `no run of "${path}" in ${store.path} is unfinished; the one that is has the list "${String(other.options.targets)}": go on with it by --resume alone, or leave --resume out to begin a new one`,
  );
}

/** Everything that it takes to go on after a kill is stored before the first target. */
function createRun(store: SqliteStore, settings: Settings, context: RunContext): StoredRun {
  const { targets } = settings;
  if (targets === null) throw usageError('no list given; name one with --targets FILE');
  const seed = settings.seed ?? randomInt(2 ** 32);
  const run = newStoredRun(COMMAND, basename(targets), { ...settings, seed }, context.toolVersion);
  store.runs.create(run);
  return { ...run, state: 'loading', endedAtMs: null };
}

const COMMAND = 'run';
