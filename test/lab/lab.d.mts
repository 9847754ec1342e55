import type { Description, Lab } from './lab-types.js';

export type { Capture, Description, ExecOptions, ExecResult, Lab, Truth } from './lab-types.js';

/**
 * Builds the network of a description, a scenario's name or a description file. Rejects with `code` `LAB_NO_PRIVILEGE`,
 * `LAB_MISSING_TOOL`, `LAB_BAD_SCENARIO` or `LAB_BUILD_FAILED`; then nothing is left behind.
 */
export function createLab(
  descriptionOrName: Description | string,
  options?: {
    /** Default: root where we are root, else a user namespace. */
    readonly privilege?: 'root' | 'user-namespace';
  },
): Promise<Lab>;
