/** Why a probe exists: which of the procedure's questions its pair answers. */
import type { Protocol } from '../../record/record.js';

/** Codes of a probe's row: one octet for each of many million probes. */
export const PURPOSE = {
  explore: 0,
  target: 1,
  repeat: 2,
  beyond: 3,
  echo: 4,
  /** The first packets, all plain. */
  alone: 5,
  explain: 6,
  /** To a router itself. */
  reference: 7,
  /** Another option at a hop beyond n, where only ours is lost. */
  otherOption: 8,
  /** Plain packets to the target beyond its budget: whether there is a limit (METHOD: Pairs, Rhythm). */
  pace: 9,
  /** Once more at the target's distance, while an accusation is confirmed. */
  distance: 10,
  /** SYNs in place of echo requests (METHOD: dropped, the way back). */
  syn: 11,
} as const;
/** Why a probe is sent: one of `PURPOSE`. */
export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

/** Pairs with arms that run only when there is something to explain: they decide no hop and count at no place of PDM's. */
export function isExplaining(purpose: Purpose): boolean {
  return purpose === PURPOSE.explain || purpose === PURPOSE.otherOption;
}

/** Protocols whose answers quote nothing (METHOD: dropped, the way back). */
export type WitnessProtocol = Exclude<Protocol, 'udp'>;

/** Of which other protocol a pair to the target is that asks whether answers that quote nothing come back; null for all others. */
export function witnessOf(purpose: Purpose): WitnessProtocol | null {
  if (purpose === PURPOSE.echo) return 'icmp6';
  return purpose === PURPOSE.syn ? 'tcp' : null;
}

/** Two plain packets, no pair that is counted. */
export function isPlainOnly(purpose: Purpose): boolean {
  return purpose === PURPOSE.alone || purpose === PURPOSE.pace;
}
