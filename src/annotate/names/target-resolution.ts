import { isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';
import { parseAddress } from '../../address/address.js';
import { causeText } from '../annotation-error.js';
import { NAME_LENGTH_LIMIT, sanitiseName } from '../sanitise-name.js';

/** Why a name or literal address gives no address to probe. */
export interface TargetError {
  /** `bad-name`, `no-such-name`, `ipv4-only`, `lookup-timeout` or `lookup-failed`. */
  readonly code: TargetErrorCode;
  /** One line: what failed, the value, the remedy. */
  readonly message: string;
}

/**
 * `bad-name`: no host can be called so. `no-such-name`: it does not exist, or has no address. `ipv4-only`: an IPv4 address, a
 * name that has nothing else, or one behind a NAT64. `lookup-timeout`: no name server answered in time. `lookup-failed`: one
 * failed, or the lookup was given up.
 */
export type TargetErrorCode = 'bad-name' | 'no-such-name' | 'ipv4-only' | 'lookup-timeout' | 'lookup-failed';

/** What a name or a literal address stands for. */
export interface TargetResolution {
  /** 16 octets each, in the resolver's order, without repetition; empty exactly when `error` is set. */
  readonly addresses: readonly Uint8Array[];
  /** Zone of a literal address (`fe80::1%eth0`), else null. */
  readonly zone: string | null;
  /** The names that the CNAME chain leads through, in order, sanitised; not the name asked for. */
  readonly aliases: readonly string[];
  /** The name exists and has IPv4 addresses only, or an IPv4 address was given. */
  readonly ipv4Only: boolean;
  readonly error: TargetError | null;
}

/** Codes that mean the name or the record does not exist, in the words of c-ares and getaddrinfo. */
export const NOT_THERE = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME', 'EAI_ADDRFAMILY']);
/** The code of c-ares for a name server that did not answer in time, and ours for a look-up that was given up. */
export const TIMEOUT = 'ETIMEOUT';

/**
 * Of an IPv6 address, in brackets or not and with a zone or not, or of an IPv4 address, which is an error (`ipv4-only`).
 * Null for all else: it may be a name.
 */
export function resolveLiteral(text: string): TargetResolution | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const parsed = parseAddress(bare);
  if (parsed !== null) return { ...success([parsed.octets], []), zone: parsed.zone };
  if (!isIPv4(bare)) return null;
  return { addresses: [], zone: null, aliases: [], ipv4Only: true, error: ipv4OnlyError(text) };
}

/** What is wrong with text that is neither an address nor a name that may be asked for, with the remedy, or null. */
export function badHost(text: string): string | null {
  return resolveLiteral(text) === null && asciiName(text) === null ? badNameText(text) : null;
}

/** The sentence for it, safe for a terminal: what, and the remedy. */
export function badNameText(text: string): string {
  return `"${shown(text)}" is not a host name: give a name such as www.example.com, or an IPv6 address`;
}

/** A name that may be asked for, or null. Underscores are common in practice; anything else is RFC 1123 §2.1. */
export function asciiName(name: string): string | null {
  // Only for international names: domainToASCII would turn `1.2.3` into an IPv4 address.
  const ascii = /^[\x20-\x7e]*$/.test(name) ? name : domainToASCII(name);
  const bare = ascii.replace(/\.$/, '');
  if (bare === '' || bare.length > NAME_LENGTH_LIMIT) return null;
  return bare.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label)) ? ascii.toLowerCase() : null;
}

/** Text of unknown origin made safe for a message: printable ASCII, at most 100 characters. */
export function shown(text: string): string {
  return sanitiseName(text.slice(0, 100)) ?? text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

/** `addresses`: at least one, 16 octets each. */
export function success(addresses: readonly Uint8Array[], aliases: readonly string[]): TargetResolution {
  return { addresses, zone: null, aliases, ipv4Only: false, error: null };
}

/** `message`: one line that says what failed, the value and the remedy. */
export function failure(code: TargetErrorCode, message: string): TargetResolution {
  return { addresses: [], zone: null, aliases: [], ipv4Only: false, error: { code, message } };
}

/** Of a name that has IPv4 addresses and no IPv6 one, or of an IPv4 address itself. */
export function ipv4OnlyError(name: string): TargetError {
  return {
    code: 'ipv4-only',
    message: `"${shown(name)}" has IPv4 addresses only and PDM is an IPv6 option; give a name with an AAAA record or an IPv6 address`,
  };
}

/** The option cannot pass a NAT64: the IPv6 header, and what follows it, ends there. */
export function nat64Error(name: string, address: string): TargetError {
  return {
    code: 'ipv4-only',
    message: `"${shown(name)}" has IPv4 addresses only: ${address} leads through a NAT64, and the option cannot pass a NAT64; give a name with an AAAA record or an IPv6 address`,
  };
}

/**
 * `error`: of c-ares or getaddrinfo, told apart by its code. `ownServer`: `--resolver` named the server, so the remedy does.
 */
export function describeFailure(name: string, error: unknown, ownServer: boolean): TargetResolution {
  const code = causeText(error);
  const what = `cannot look up "${shown(name)}"`;
  if (NOT_THERE.has(code))
    return failure('no-such-name', `${what}: no such name; check the spelling or give an IPv6 address`);
  const server = ownServer ? '--resolver' : '/etc/resolv.conf';
  if (code === TIMEOUT)
    return failure(
      'lookup-timeout',
      `${what}: the name server did not answer in time; check ${server} or give an IPv6 address`,
    );
  return failure('lookup-failed', `${what}: the name server failed (${code}); check ${server} or give an IPv6 address`);
}
