import { Reader, type Response } from 'mmdb-lib';
import { formatAddress } from '../../address/address.js';
import type { AsOrigin } from './as-table.js';
import { sanitiseLabel } from '../sanitise-name.js';

/** An MMDB file (MaxMind DB format 2.0) that maps addresses to origin ASes. */
export interface MmdbTable {
  lookup(octets: Uint8Array): AsOrigin | null;
  readonly builtAt: Date;
  readonly databaseType: string;
}

/** Database records that could not be read, kept so that they are not tried again. */
const CACHE_LIMIT = 200_000;

/**
 * mmdb-lib reads the metadata and the records, but takes text and decodes each time (2 µs and more); so the search tree is
 * walked here, over octets, and every record is decoded once. Throws what mmdb-lib throws for a file that is none, and
 * Error for one without IPv6.
 */
export function openMmdb(bytes: Buffer): MmdbTable {
  const reader = new Reader<Response>(bytes);
  const { nodeCount, recordSize, nodeByteSize, ipVersion, searchTreeSize, buildEpoch, databaseType } = reader.metadata;
  if (ipVersion !== 6) throw new Error('it holds IPv4 addresses only');
  if (![24, 28, 32].includes(recordSize) || searchTreeSize > bytes.length)
    throw new Error('its search tree is damaged');
  const origins = new Map<number, AsOrigin | null>();

  /** Format 2.0, "Binary Search Tree Section": the record of one side of a node. */
  const child = (node: number, right: boolean): number => {
    const at = node * nodeByteSize;
    switch (recordSize) {
      case 24:
        return bytes.readUIntBE(at + (right ? 3 : 0), 3);
      case 28: {
        const middle = bytes[at + 3] ?? 0;
        return right
          ? ((middle & 15) << 24) | bytes.readUIntBE(at + 4, 3)
          : ((middle >> 4) << 24) | bytes.readUIntBE(at, 3);
      }
      default:
        return bytes.readUInt32BE(at + (right ? 4 : 0));
    }
  };

  const decode = (octets: Uint8Array): AsOrigin | null => {
    try {
      return toOrigin(reader.get(formatAddress(octets)));
    } catch {
      // A damaged record says nothing about this address and nothing against the others.
      return null;
    }
  };

  return {
    builtAt: buildEpoch,
    databaseType,
    lookup(octets) {
      let node = 0;
      for (let bit = 0; bit < 128 && node < nodeCount; bit += 1)
        node = child(node, (((octets[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1);
      if (node <= nodeCount) return null;
      let origin = origins.get(node);
      if (origin === undefined) {
        if (origins.size >= CACHE_LIMIT) origins.clear();
        origin = decode(octets);
        origins.set(node, origin);
      }
      return origin;
    },
  };
}

/** Field names of MaxMind, DB-IP and ip-location-db (`autonomous_system_number`), and of IPinfo (`asn`, `as_name`). */
function toOrigin(record: unknown): AsOrigin | null {
  if (typeof record !== 'object' || record === null) return null;
  const fields = new Map<string, unknown>(Object.entries(record));
  const asn = toAsn(fields.get('autonomous_system_number') ?? fields.get('asn'));
  if (asn === null) return null;
  const name = fields.get('autonomous_system_organization') ?? fields.get('as_name') ?? fields.get('name');
  return { asn, name: typeof name === 'string' ? sanitiseLabel(name) : null };
}

function toAsn(value: unknown): number | null {
  const asn = typeof value === 'string' ? Number(value.replace(/^AS/i, '') || Number.NaN) : value;
  return typeof asn === 'number' && Number.isInteger(asn) && asn > 0 && asn <= 0xffffffff ? asn : null;
}
