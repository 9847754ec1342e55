import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { runOptions } from '../config/run-options.js';
import type { Settings } from '../config/settings.js';
import type { NewRun } from '../results/store/run-table.js';
import { createUuidV7 } from './uuid-v7.js';

/** Whoever goes on may stand in another directory. */
const FILES: readonly (keyof Settings)[] = ['targets', 'asnDb', 'ixpPrefixes', 'doNotProbe'];

/** A run as it is stored before anything is probed, with all that it takes to go on after a kill. */
export function newStoredRun(
  command: 'run' | 'trace',
  name: string,
  settings: Settings,
  toolVersion: string,
  more: Readonly<Record<string, unknown>> = {},
): NewRun {
  const options = runOptions(settings);
  for (const key of FILES) if (typeof options[key] === 'string') options[key] = resolve(options[key]);
  return {
    id: createUuidV7(Date.now, (length) => randomBytes(length))(),
    name,
    vantage: settings.vantage,
    toolVersion,
    options: { command, ...options, ...more },
    startedAtMs: Date.now(),
  };
}
