import { PROCESS_TIME } from '../results/store/record-writer.js';
import type { Clock } from '../measure/clock.js';

/** The process's own. */
export const SYSTEM_CLOCK: Clock = { ...PROCESS_TIME, wallMs: () => Date.now() };
