/** METHOD: stripped, altered */
import { standOfChange } from './changed.js';
import type { ReplySignature } from '../state/trace-state.js';
import type { Claim } from './claim.js';

/** Octets of the option are changed on the way. */
export const altered: Claim = {
  name: 'altered',
  stand: (trace) =>
    standOfChange(trace, {
      outcome: 'altered',
      shows: (reply) => reply.altered,
      intactWhere: ({ signatures }) => {
        // A short quote may end before data that are changed: of all that comes before them it tells as well as a whole one.
        const isOfData = signatures.some(({ altered, changes }) => altered && changes.includes(DATA_ALTERED));
        return (reply) => (isOfData ? reply.intactWhole : reply.intact === true);
      },
      words: (shown) => `The option's octets were changed on the way${partsText(shown)}`,
    }),
};

const DATA_ALTERED = 'option-data-altered';

const PARTS = ['header', 'type', 'length', 'data'] as const;

/** Of which parts of it, as the quotes show them. */
function partsText(shown: Iterable<ReplySignature>): string {
  const changes = new Set([...shown].flatMap((reply) => reply.changes));
  const parts = PARTS.filter((part) => changes.has(`option-${part}-altered`));
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
