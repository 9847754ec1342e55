import type { Description, Layout } from './description-types.js';

/** AS of the source and of its first two routers. */
export const SOURCE_AS: number;
/** AS of the target and of the two routers before it. */
export const TARGET_AS: number;
/** The target's address in each of its networks, and whose it is; none where it has one network. */
export function targetNetworks(description: Description): { readonly address: string; readonly asn: number }[];
/** Pure: touches no kernel. */
export function layOut(description: Description): Layout;
