import type { Description } from './description-types.js';

/** Throws `LAB_BAD_SCENARIO` with the key at fault. */
export function checkDescription(name: string, raw: unknown): Description;
export function scenarioNames(): string[];
/** Scenarios whose truth is a list of outcomes that do not wrong anybody. */
export function trapNames(): string[];
/** By a scenario's or trap's name, or by the path of a description file. */
export function readScenario(nameOrFile: string): Description;
