/** A value that does not fit its field, or a buffer that does not hold the packet: the caller's defect, not the network's. */
export class EmitRangeError extends RangeError {
  readonly code = 'ERR_WIRE_RANGE';
  override readonly name = 'EmitRangeError';
}

/** @throws EmitRangeError unless `length` octets fit into `into` at `offset`. */
export function requireRoom(into: Uint8Array, offset: number, length: number, what: string): void {
  if (offset >= 0 && offset + length <= into.length) return;
  throw new EmitRangeError(
    `${what} takes ${length} octets at offset ${offset}, the buffer has ${into.length}: give a larger buffer`,
  );
}

/** @throws EmitRangeError unless `value` is an integer in 0 … `max`. */
export function requireField(value: number, max: number, what: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new EmitRangeError(`${what} is ${value}: give an integer from 0 to ${max}`);
}

/** @throws EmitRangeError unless `octets` has exactly `length` octets. */
export function requireOctets(octets: Uint8Array, length: number, what: string): void {
  if (octets.length === length) return;
  throw new EmitRangeError(`${what} has ${octets.length} octets: give exactly ${length}`);
}
