/** Source address selection for a given interface, where the kernel cannot be asked: rules 1–3 and 8 of RFC 6724 §5. */
import { readFileSync } from 'node:fs';
import { isLinkLocal, isLoopback, sameAddress } from '../../address/address.js';

const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;

/** An address of this host, and the interface that has it. */
export interface InterfaceAddress {
  readonly octets: Uint8Array;
  /** Bits of it that its link shares. */
  readonly prefixLength: number;
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly flags: number;
}

/** Every address of every interface, also of those without a carrier; empty where the kernel has no such table. */
export function interfaceAddresses(): InterfaceAddress[] {
  try {
    return [...parseInterfaceAddresses(readFileSync('/proc/net/if_inet6', 'latin1'))];
  } catch {
    return [];
  }
}

/** The best usable source on the interface (on any if null), or null when it has none. */
export function sourceOnInterface(target: Uint8Array, interfaceName: string | null): Uint8Array | null {
  let text: string;
  try {
    text = readFileSync('/proc/net/if_inet6', 'latin1');
  } catch {
    return null;
  }
  return chooseSource(text, target, interfaceName);
}

/** `table`: the text of `/proc/net/if_inet6`. */
export function chooseSource(table: string, target: Uint8Array, interfaceName: string | null): Uint8Array | null {
  let best: InterfaceAddress | null = null;
  for (const candidate of parseInterfaceAddresses(table)) {
    if (interfaceName !== null && candidate.interface !== interfaceName) continue;
    if ((candidate.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0) continue;
    if (best === null || isBetter(candidate, best, target)) best = candidate;
  }
  if (best === null || scopeOf(best.octets) < scopeOf(target)) return null; // a link-local source gets no answer from afar
  return best.octets;
}

function isBetter(candidate: InterfaceAddress, best: InterfaceAddress, target: Uint8Array): boolean {
  if (sameAddress(candidate.octets, target) !== sameAddress(best.octets, target))
    return sameAddress(candidate.octets, target);
  const scope = scopeOf(target);
  const candidateScope = scopeOf(candidate.octets);
  const bestScope = scopeOf(best.octets);
  if (candidateScope !== bestScope) return candidateScope < bestScope ? candidateScope >= scope : bestScope < scope;
  const candidateDeprecated = (candidate.flags & IFA_F_DEPRECATED) !== 0;
  if (candidateDeprecated !== ((best.flags & IFA_F_DEPRECATED) !== 0)) return !candidateDeprecated;
  return commonPrefixLength(candidate.octets, target) > commonPrefixLength(best.octets, target);
}

/** RFC 4291 §2.7's scopes, of unicast addresses. */
const SCOPE = { interfaceLocal: 0x1, linkLocal: 0x2, global: 0xe } as const;

function scopeOf(address: Uint8Array): number {
  if (isLoopback(address)) return SCOPE.interfaceLocal;
  return isLinkLocal(address) ? SCOPE.linkLocal : SCOPE.global;
}

/** Bits that two addresses have in common at their beginning. */
export function commonPrefixLength(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i += 1) {
    const difference = (a[i] ?? 0) ^ (b[i] ?? 0);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return 128;
}

function* parseInterfaceAddresses(table: string): Generator<InterfaceAddress> {
  for (const line of table.split('\n')) {
    // address, interface index, prefix length, scope, flags, interface
    const [hex, index, length, , flags, name] = line.trim().split(/\s+/);
    if (hex?.length !== 32 || length === undefined || flags === undefined || name === undefined) continue;
    yield {
      octets: new Uint8Array(Buffer.from(hex, 'hex')),
      prefixLength: Number.parseInt(length, 16),
      interface: name,
      interfaceIndex: Number.parseInt(index ?? '', 16),
      flags: Number.parseInt(flags, 16),
    };
  }
}
