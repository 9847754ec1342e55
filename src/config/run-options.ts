import type { SettingKey } from './settings.js';

/** Settings that are the process's and not the run's: they are not stored with it. */
export const NOT_STORED: readonly SettingKey[] = [
  'store',
  'resume',
  'dryRun',
  'json',
  'pcap',
  'force',
  'debug',
  'config',
];
