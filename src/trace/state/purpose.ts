/** Why a probe exists: which of the procedure's questions its pair answers. */
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
export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];

/** Pairs with arms that run only when there is something to explain: they decide no hop and count at no place of PDM's. */
export function isExplaining(purpose: Purpose): boolean {
  return purpose === PURPOSE.explain || purpose === PURPOSE.otherOption;
}

/** Of another protocol, to the target: whether answers that quote nothing come back. */
export function isWitness(purpose: Purpose): boolean {
  return purpose === PURPOSE.echo || purpose === PURPOSE.syn;
}

/** Two plain packets, no pair that is counted. */
export function isPlainOnly(purpose: Purpose): boolean {
  return purpose === PURPOSE.alone || purpose === PURPOSE.pace;
}
