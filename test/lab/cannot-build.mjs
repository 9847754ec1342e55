// @ts-check
/** Which described features the kernel does not have. */
import { layOut } from '../scenario/layout.mjs';

/** @param {import('../scenario/description-types.js').Description} description @returns {string[]} Reasons; none where the lab can stand. */
export function cannotBuild(description) {
  return layOut(description).nodes.flatMap(({ key, features: { filters = [], quotes } }) => [
    ...filters.flatMap(({ action }) => {
      if (action === 'strip-header') return [`${key}: nft takes no header out of packets`];
      return action === 'reject'
        ? [`${key}: nft refuses with its own codes of type 1 alone, and points at nothing`]
        : [];
    }),
    ...(quotes?.as === undefined ? [] : [`${key}: Linux quotes packets as they came`]),
  ]);
}
