import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { NOT_STORED } from '../config/run-options.js';
import type { Settings } from '../config/settings.js';
import type { NewRun } from '../results/run-table.js';
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
  const options = Object.entries(settings)
    .filter(([key]) => !NOT_STORED.some((other) => other === key))
    .map(([key, value]: [string, unknown]) => {
      const isFile = FILES.some((file) => file === key) && typeof value === 'string';
      return [key, isFile ? resolve(value) : value] as const;
    });
  return {
    id: createUuidV7(Date.now, (length) => randomBytes(length))(),
    name,
    vantage: settings.vantage,
    toolVersion,
    options: { command, ...Object.fromEntries(options), ...more },
    startedAtMs: Date.now(),
  };
}
