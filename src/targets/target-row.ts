import type { Protocol } from '../record/record.js';

/** What a list can say of a target. Cells that a row leaves out have the list's defaults. */
export interface TargetRow {
  readonly kind: 'target';
  /** 1 for the first line of the file. */
  readonly line: number;
  /** As the user wrote it, brackets around an address and spaces aside. */
  readonly host: string;
  /** The same for every spelling of one host: RFC 5952 address, or the name in lower case without a final dot. */
  readonly hostKey: string;
  readonly company: string | null;
  readonly protocols: readonly Protocol[];
  /** Null: the protocol's default. */
  readonly dport: number | null;
  readonly tags: readonly string[];
  readonly spread: SpreadKeys;
}

/** A row that is skipped. Never silent: the caller reports and counts it. */
export interface BadRow {
  readonly kind: 'bad';
  readonly line: number;
  /** The line, at most 200 characters, control characters shown as `?`. */
  readonly text: string;
  /** What is wrong and how to write it. */
  readonly reason: string;
}

/** Something about the list as a whole that the user should know, such as a column that is ignored. */
export interface ListNote {
  readonly kind: 'note';
  readonly line: number;
  readonly text: string;
}

/** Two numbers (32 bits) that are equal for targets likely to share routers; `narrow` only means something inside `wide`. */
export interface SpreadKeys {
  /** The /32 of an address, the registered domain (last two labels) of a name. */
  readonly wide: number;
  /** The /48 of an address, the domain above the host of a name. */
  readonly narrow: number;
}

/** What holds for rows that do not say it themselves. */
export interface TargetDefaults {
  readonly protocols: readonly Protocol[];
  readonly dport: number | null;
  readonly company: string | null;
  /** Mixed into the spread keys: another seed, another order. */
  readonly seed: number;
}

/** The list as a whole cannot be used. */
export class TargetListError extends Error {
  override readonly name = 'TargetListError';
  /** EX_NOINPUT of sysexits.h: an input file cannot be read. */
  readonly exitCode = 66;
  readonly code: 'ETARGETLISTREAD' | 'ETARGETLISTHEADER';

  constructor(code: TargetListError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
