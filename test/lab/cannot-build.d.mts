import type { Description } from '../scenario/description-types.js';

/** Reasons why the lab cannot stand; none where it can. */
export function cannotBuild(description: Description): string[];
