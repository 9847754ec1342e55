/** What a parser says of octets it cannot make sense of. Bytes from the network are data: parsers never throw. */
export interface ParseFailure {
  readonly ok: false;
  /** A stable kebab-case word, e.g. `truncated`, `bad-length`. */
  readonly reason: string;
  /** Octets from the start of the parsed buffer to where it went wrong. */
  readonly offset: number;
}

/** What a parser made of the octets. */
export interface ParseSuccess<T> {
  readonly ok: true;
  readonly value: T;
}

/** What every parser of octets gives back; none throws. */
export type ParseResult<T> = ParseSuccess<T> | ParseFailure;

/** What a parser gives back of octets that it could make sense of. */
export function parsed<T>(value: T): ParseSuccess<T> {
  return { ok: true, value };
}

/** `reason`: see `ParseFailure`. `offset`: where in the buffer it stopped. */
export function failed(reason: string, offset: number): ParseFailure {
  return { ok: false, reason, offset };
}
