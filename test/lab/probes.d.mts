import type { Probe, Reply } from '../scenario/probe.mjs';
import type { Lab } from './lab-types.js';

/** Sends probes in order from the lab's source; one reply or null each. Default: 2 ms apart, then up to 300 ms for answers. */
export function sendProbes(
  lab: Lab,
  probes: readonly Probe[],
  options?: { readonly gapMs?: number; readonly waitMs?: number },
): Promise<(Reply | null)[]>;
