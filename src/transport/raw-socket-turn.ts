let scheduled = false;

/**
 * To be called in every callback of the module: it calls us without the scope in which Node runs promise reactions
 * afterwards, so that they would wait for some other event. An immediate is one, and comes right after the poll phase.
 */
export function drainMicrotasksSoon(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
  });
}
