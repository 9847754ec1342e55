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
} as const;
export type Purpose = (typeof PURPOSE)[keyof typeof PURPOSE];
