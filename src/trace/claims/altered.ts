/** METHOD: stripped, altered */
import { standOfChange } from './changed.js';
import type { Claim } from './claim.js';

/** Octets of the option are changed on the way. */
export const altered: Claim = {
  name: 'altered',
  stand: (trace) =>
    standOfChange(trace, {
      outcome: 'altered',
      shows: (reply) => reply.altered,
      // A short quote may not show a change.
      isIntact: (reply) => reply.intactWhole,
      words: "The option's octets were changed on the way",
    }),
};
