/** METHOD: Replies. What an address tells by itself of whether it names a place. */
import { parseAddress, sharesSite } from '../../address/address.js';
import type { TraceState } from '../state/trace-state.js';

/** By its text it may name one place: it is global, or of the source's own network. */
export function isPlacesName(address: string, state: TraceState): boolean {
  return isGlobalUnicast(address) || sharesPrefix(address, state);
}

/** 2000::/3, by its text. */
function isGlobalUnicast(address: string): boolean {
  return /^[23][0-9a-f]{3}:/.test(address);
}

/** The source's own /48. */
export function sharesPrefix(address: string, { identity }: TraceState): boolean {
  const octets = parseAddress(address)?.octets;
  return octets !== undefined && sharesSite(octets, identity.source);
}
