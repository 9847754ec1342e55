import type { Description } from './lab-types.js';

/** Throws `LAB_BAD_SCENARIO` with the key at fault. */
export function checkDescription(name: string, raw: unknown): Description;
export function scenarioNames(): string[];
export function readScenario(nameOrFile: string): Description;
