import type { SettingKey, Settings } from './settings.js';

/** Settings that are the process's and not the run's: they are not stored with it. */
const NOT_STORED: readonly SettingKey[] = ['store', 'resume', 'dryRun', 'json', 'pcap', 'force', 'debug', 'config'];

/** What is stored with a run, so that it can be gone on with. */
export function runOptions(settings: Settings): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !NOT_STORED.some((other) => other === key)));
}
