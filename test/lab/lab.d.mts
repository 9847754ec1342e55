import type { Description } from '../scenario/description-types.js';
import type { Lab } from './lab-types.js';

export type { Capture, ExecOptions, ExecResult, Lab } from './lab-types.js';

/**
 * Builds the network of a description, a scenario's name or a description file. Rejects with `code` `LAB_NO_PRIVILEGE`,
 * `LAB_MISSING_TOOL`, `LAB_BAD_SCENARIO`, `LAB_CANNOT_BUILD` or `LAB_BUILD_FAILED`; then nothing is left behind.
 */
export function createLab(
  descriptionOrName: Description | string,
  options?: {
    /** Default: root where we are root, else a user namespace. */
    readonly privilege?: 'root' | 'user-namespace';
  },
): Promise<Lab>;
