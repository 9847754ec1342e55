import type { Settings } from '../config/settings.js';
import type { MeasureOptions } from './target-measurer.js';

/** The part of the settings that every target of a run shares. */
export function measureOptions(settings: Settings, seed: number): MeasureOptions {
  const { confidence, maxHops, timeout, hopInterval, gapLimit, explain, flowLabel, probeUri, size, fragment } =
    settings;
  const { source, reference, interface: interfaceName, addresses, vantage } = settings;
  return {
    ...{ confidence, maxHops, timeout, hopInterval, gapLimit, explain, seed, flowLabel, probeUri, size, fragment },
    ...{ source, reference, interface: interfaceName, addresses, vantage },
  };
}

/** Packets that a record takes on a path of about twelve hops, the target's pairs included. */
export const TYPICAL_PACKETS = 110;

/**
 * What one trace makes use of: about 60 to 100 packets in some eight seconds. More traces than the rate feeds only make each
 * of them last longer, and a kill costs more.
 */
const PACKETS_PER_SECOND_PER_TRACE = 8;
const FEWEST_TRACES = 16;
/** What 256 MB hold. */
const MOST_TRACES = 25_000;

/** Traces in flight that make full use of a rate (packets per second). */
export function tracesInFlight(rate: number): number {
  return Math.min(MOST_TRACES, Math.max(FEWEST_TRACES, Math.ceil(rate / PACKETS_PER_SECOND_PER_TRACE)));
}

/** Targets given out at once: besides those being traced as many, at least 64, whose names are being looked up. */
export function targetsOutstanding(slots: number): number {
  return slots + Math.max(64, Math.min(slots, 2000));
}
