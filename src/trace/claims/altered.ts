/** METHOD: stripped, altered */
import { standOfChange } from './changed.js';
import type { Reason } from '../reason.js';
import type { ReplySignature, TraceState } from '../state/trace-state.js';
import { refuted } from './claim.js';
import type { Claim } from './claim.js';

/** Octets of the option are changed on the way. */
export const altered: Claim = {
  name: 'altered',
  stand(trace) {
    if (mayBeAnother(trace.state)) return refuted(ANOTHER_HEADER);
    return standOfChange(trace, {
      outcome: 'altered',
      shows: (reply) => reply.altered,
      intactWhere: ({ signatures }) => {
        // A short quote may end before data that are changed: of all that comes before them it tells as well as a whole one.
        const isOfData = signatures.some(({ altered, changes }) => altered && changes.includes(DATA_ALTERED));
        return (reply) => (isOfData ? reply.intactWhole : reply.intact === true);
      },
      words: (shown) => `The option's octets were changed on the way${partsText(shown)}`,
    });
  },
};

/**
 * METHOD: stripped, altered. Where such headers are put into packets, one of another option in the place of ours may be one of those,
 * and ours was removed.
 */
function mayBeAnother({ signatures }: TraceState): boolean {
  const isPutIn = signatures.some(({ changes }) => changes.includes(OPTIONS_INSERTED));
  return isPutIn && signatures.some((reply) => reply.altered && reply.changes.includes(TYPE_ALTERED));
}

const OPTIONS_INSERTED = 'inserted-destination-options';
const TYPE_ALTERED = 'option-type-altered';

const ANOTHER_HEADER: Reason = {
  says: 'Some quotes show another option in the place of ours, and others a header of options that was put in: the option may have been removed, and that header be another one.',
  settledBy: 'capture-at-target',
};

const DATA_ALTERED = 'option-data-altered';

const PARTS = ['header', 'type', 'length', 'data'] as const;

/** Of which parts of it, as the quotes show them. */
function partsText(shown: Iterable<ReplySignature>): string {
  const changes = new Set([...shown].flatMap((reply) => reply.changes));
  const parts = PARTS.filter((part) => changes.has(`option-${part}-altered`));
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
