import type { Description } from './lab-types.js';

/** Throws `LAB_BAD_SCENARIO` with the key at fault. */
export function checkDescription(name: string, raw: unknown): Description;
export function scenarioNames(): string[];
/** Scenarios whose truth is a list of outcomes that do not wrong anybody. */
export function trapNames(): string[];
export function readScenario(nameOrFile: string): Description;
