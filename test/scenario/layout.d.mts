import type { Description, Layout } from './description-types.js';

/** AS of the source and of its first two routers. */
export const SOURCE_AS: number;
/** Pure: touches no kernel. */
export function layOut(description: Description): Layout;
