/** SYN-ACKs that a box before the target sends in its name (METHOD §5): what it answers says nothing of the target. */
import type { Evidence } from './evidence.js';
import type { TraceContext } from './plan.js';
import type { TraceState } from './trace-state.js';

export interface TooNear {
  /** The smallest hop limit that drew an answer in the target's name. */
  readonly answeredAt: number;
  /** A router answered for a hop limit as high as this, on the way to the same target. */
  readonly routerAt: number;
}

/**
 * On the trace's own flow a router at the answering hop already contradicts it. Traces by other protocols may be balanced
 * onto a way that is one hop longer, so theirs must have been seen beyond it.
 */
export function findTooNear(state: TraceState, evidence: Evidence, context: TraceContext): TooNear | null {
  if (state.identity.protocol !== 'tcp') return null;
  // Packets with the option may have a way of their own: its length says nothing here.
  const answeredAt = evidence.distance.plain;
  if (answeredAt === null) return null;
  if (evidence.lastPlainHop >= answeredAt) return { answeredAt, routerAt: evidence.lastPlainHop };
  const others = context.routerSeenByOthers();
  return others > answeredAt ? { answeredAt, routerAt: others } : null;
}
