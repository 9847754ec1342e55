import type { AddressNames } from '../annotate/annotate-record.js';
import type { AsFields, TraceRecord } from '../record/record.js';

interface Known {
  readonly name: string | null;
  readonly fields: AsFields;
}

/**
 * Names and ASes met so far, by address. The engine's snapshots have none: the live view learns them from records that
 * were annotated, and from addresses that were looked up as soon as they answered, and writes them into the next snapshot, without waiting.
 */
export class NameBook {
  readonly #known = new Map<string, Known>();

  /** Takes every name and AS of an annotated record. */
  learn(record: TraceRecord): void {
    for (const place of placesOf(record)) {
      if (place.address === null || (place.name === null && place.asn === null)) continue;
      const { name, asn, asName } = place;
      this.#known.set(place.address, { name, fields: { asn, asName } });
    }
  }

  /** Takes name and AS of one address. */
  learnOne(address: string, { name, asn, asName }: AddressNames): void {
    if (name !== null || asn !== null) this.#known.set(address, { name, fields: { asn, asName } });
  }

  /** Fills the names that are still null, in place. */
  apply(record: TraceRecord): void {
    for (const place of placesOf(record)) {
      const known = place.address === null ? undefined : this.#known.get(place.address);
      if (known === undefined) continue;
      place.name ??= known.name;
      place.asn ??= known.fields.asn;
      place.asName ??= known.fields.asName;
    }
  }
}

type Place = AsFields & { address: string | null; name: string | null };

function placesOf(record: TraceRecord): Place[] {
  const { lastPdmHop, lastPlainHop, nextHop } = record.summary;
  const places: Place[] = [record.source, record.target];
  for (const hop of [lastPdmHop, lastPlainHop, nextHop]) if (hop !== null) places.push(hop);
  const answered = record.targetPairs === null ? record.hops : [...record.hops, record.targetPairs];
  for (const { arms } of answered) for (const arm of Object.values(arms)) places.push(...arm.responders);
  return places;
}
