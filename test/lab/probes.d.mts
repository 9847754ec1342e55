import type { Lab } from './lab-types.js';

export interface Probe {
  readonly arm: 'plain' | 'pdm' | 'do8' | 'do16' | 'long';
  readonly protocol: 'udp' | 'icmp6';
  readonly hopLimit: number;
  /** Default 50000. */
  readonly sourcePort?: number;
  /** Default 0x12345. */
  readonly flowLabel?: number;
}

/** The first answer to a probe. */
export interface Reply {
  readonly from: string;
  readonly type: number;
  readonly code: number;
  /** Next header of the quoted packet; null when nothing is quoted. */
  readonly quotedNextHeader: number | null;
  /** Option type in the quoted Destination Options header; null when there is none. */
  readonly quotedOption: number | null;
}

/** Sends probes in order from the lab's source; one reply or null each. Default: 2 ms apart, then up to 300 ms for answers. */
export function sendProbes(
  lab: Lab,
  probes: readonly Probe[],
  options?: { readonly gapMs?: number; readonly waitMs?: number },
): Promise<(Reply | null)[]>;
