/** How large probes are. Sizes are those of the `plain` probe, IPv6 header included and before it is fragmented. */
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.js';
import { cutUpperLayer, shortestFragmentedUpperLayer } from './probe-fragments.js';

/** UDP and echo alike. */
export const UPPER_HEADER_LENGTH = 8;
/** Nonce, number, complement and the octets that steer the checksum. */
export const PAYLOAD_LENGTH = 14;
/** The other arms stay within the 65,535 octets that a payload may have. */
export const LARGEST_PROBE = 65_500;
/** Four fragments. Each is reported by itself, and Linux routers report six packets in one go. */
const LARGEST_FRAGMENTED_PROBE = 4_900;
/** Two fragments, the first one nearly as long as every link takes. */
const DEFAULT_FRAGMENTED_SIZE = 1400;

/** RFC 9511: the URI, NUL-terminated, first in the payload; one more NUL keeps what follows on an even octet. */
export function probeUriPrefixLength(uri: string | null): number {
  if (uri === null) return 0;
  const length = uri.length + 1;
  return length + (length % 2);
}

/** With a URI prefix of this many octets. */
export function smallestProbe(prefixLength: number, fragment: boolean): number {
  const upper = UPPER_HEADER_LENGTH + prefixLength + PAYLOAD_LENGTH;
  return IPV6_HEADER_LENGTH + (fragment ? shortestFragmentedUpperLayer(upper) : upper);
}

/** Octets of the `plain` probe, IPv6 header included: what `--size` may ask for. */
export function largestProbe(fragment: boolean): number {
  return fragment ? LARGEST_FRAGMENTED_PROBE : LARGEST_PROBE;
}

/** Fragments that a probe of this size is cut into. */
export function fragmentsOf(size: number | null): number {
  return cutUpperLayer((size ?? DEFAULT_FRAGMENTED_SIZE) - IPV6_HEADER_LENGTH, false).count;
}

/** Without a probe description URI. */
export const SMALLEST_PROBE = smallestProbe(0, false);

/** Octets of payload behind those that every probe has. `size` null: the smallest, or two fragments. */
export function paddingFor(size: number | null, prefixLength: number, fragment: boolean): number {
  if (size === null && !fragment) return 0;
  const wanted = size ?? DEFAULT_FRAGMENTED_SIZE;
  const smallest = smallestProbe(prefixLength, fragment);
  const largest = largestProbe(fragment);
  if (wanted < smallest || wanted > largest) {
    throw new RangeError(`probe of ${wanted} octets: give ${smallest} to ${largest}`);
  }
  return wanted - smallestProbe(prefixLength, false);
}
