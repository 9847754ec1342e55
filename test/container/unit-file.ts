/** What `config/pdm-trace.service` says. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './build-image.js';

export const UNIT_FILE = path.join(ROOT, 'config/pdm-trace.service');
const lines = readFileSync(UNIT_FILE, 'utf8').split('\n');

/** Every value of a key, in the file's order. */
export function unitValues(key: string): readonly string[] {
  return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

/** Rejects where a key is missing or said twice. */
export function unitValue(key: string): string {
  const [value, ...more] = unitValues(key);
  if (value === undefined || more.length > 0) throw new Error(`the unit has ${more.length + 1} lines ${key}=`);
  return value;
}
