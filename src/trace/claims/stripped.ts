/** METHOD: stripped, altered */
import { standOfChange } from './changed.js';
import type { Claim } from './claim.js';

/** The option is taken out of packets on their way, which go on without it. */
export const stripped: Claim = {
  name: 'stripped',
  stand: (trace) =>
    standOfChange(trace, {
      outcome: 'stripped',
      shows: (reply) => reply.stripped,
      intactWhere: () => (reply) => reply.intact === true,
      words: () => 'The option was removed on the way',
    }),
};
