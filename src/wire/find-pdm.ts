/** Where in a packet, or in a quote of one, the PDM option is. */
import { readU8 } from './big-endian.js';
import { findOption, OPTIONS_OFFSET } from './destination-options.js';
import { walkExtensionChain } from './extension-chain.js';
import { NEXT_HEADER } from './ipv6.js';
import { parsePdm, PDM_OFFSET, PDM_OPTION_TYPE, PDMV2_OPTION_LENGTHS, type PdmOption } from './pdm-option.js';

/** Of a draft's shape only its option length is known, which tells them apart. */
export type FoundPdm =
  | { readonly version: 'rfc8250'; readonly pdm: PdmOption }
  | { readonly version: 'pdmv2-draft'; readonly length: number };

/**
 * Walks the chain that starts at `offset` with a header of kind `firstNextHeader` and gives the first PDM option of its
 * Destination Options headers. Null where there is none, or none that is whole (PDMv2: whose length is there).
 */
export function findPdm(bytes: Uint8Array, offset: number, end: number, firstNextHeader: number): FoundPdm | null {
  for (const header of walkExtensionChain(bytes, firstNextHeader, offset, end).headers) {
    if (header.kind !== NEXT_HEADER.destinationOptions) continue;
    const limit = Math.min(end, header.offset + header.length);
    const at = findOption(bytes, header.offset + OPTIONS_OFFSET.options, limit, PDM_OPTION_TYPE);
    if (at < 0) continue;
    const option = parsePdm(bytes, at, limit);
    if (option.ok) return { version: 'rfc8250', pdm: option.value };
    if (at + PDM_OFFSET.length >= limit) return null;
    const length = readU8(bytes, at + PDM_OFFSET.length);
    return PDMV2_OPTION_LENGTHS.includes(length) ? { version: 'pdmv2-draft', length } : null;
  }
  return null;
}
