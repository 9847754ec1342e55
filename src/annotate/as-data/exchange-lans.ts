import { parsePrefix, PrefixSet } from '../../address/prefix.js';

/**
 * Blocks from which the registries number exchange LANs. Whoever originates such a prefix, if anybody does, is the exchange or
 * one of its members: it says nothing about whose router has the address. Parts of the blocks are used otherwise (AFRINIC
 * numbers end sites from 2001:43f8::/29); there the answer is "unknown" too, which costs a name and accuses nobody.
 */
const BLOCKS = [
  '2001:7f8::/32', // RIPE NCC, ripe-451 and its address space list: internet exchange points
  '2001:7fa::/32', // APNIC: assignments to internet exchange points
  '2001:504::/30', // ARIN NRPM 6.10.1: micro-allocations to exchange points
  '2001:478::/32', // EP.NET, under ARIN: exchange points
  '2001:12f8::/32', // LACNIC: IX.br and other exchanges
  '2001:43f8::/32', // AFRINIC: exchange points and critical infrastructure
] as const;

/** Exchange LANs that are known without a file (`--ixp-prefixes` adds to them). */
export const EXCHANGE_LANS = new PrefixSet(BLOCKS.map(parsePrefix).filter((prefix) => prefix !== null));
