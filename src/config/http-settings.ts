import { isIP, isIPv4 } from 'node:net';
import { z } from 'zod';
import { isLoopback, parseAddress } from '../address/address.js';

/** The section `http` of the daemon's settings. A key that is left out has its default; null switches a thing off. */

const file = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes('\0'), 'must be the name of a file');
const line = z
  .string()
  .min(1)
  .max(1000)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), 'must be one line of text');
const listenAddress = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), 'must be an IPv4 or IPv6 address, e.g. 127.0.0.1 or "::"');
const hostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/,
  )
  .or(z.string().refine((text) => isIP(text) !== 0))
  .describe('name or address, without a port');
const uri = z
  .string()
  .max(1000)
  .regex(/^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/, 'must be a URI, e.g. mailto:probes@example.com');

const probing = z.strictObject({
  contact: z
    .array(uri)
    .min(1)
    .max(10)
    .describe('whom to ask about the probes, URIs in the order of preference, e.g. mailto:probes@example.com'),
  description: line.describe('what is measured and why, one line'),
  canonical: uri.nullable().default(null).describe('where this file is found, e.g. what probeUri says; null: not said'),
  languages: z
    .array(z.string().regex(/^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/))
    .max(10)
    .default([])
    .describe('preferred languages of those who write, e.g. en, fr'),
});

const tls = z.strictObject({
  certificate: file.describe('PEM file, the certificate first and its chain after it'),
  key: file.describe('PEM file, the private key'),
});

/** The section `http` of the daemon's settings file; what it describes stands in docs/http.md as well. */
export const httpSettingsSchema = z
  .strictObject({
    listen: listenAddress
      .default('127.0.0.1')
      .describe('address to listen on; any other than loopback needs tokenFile, and tls or insecureHttp'),
    port: z.int().min(0).max(65535).default(8250).describe('TCP port; 0: any that is free'),
    tokenFile: file
      .nullable()
      .default(null)
      .describe('file of mode 0600 with the token, at least 32 characters; null: no traces can be asked for over HTTP'),
    tls: tls.nullable().default(null).describe('certificate and key; null: plain HTTP'),
    insecureHttp: z
      .boolean()
      .default(false)
      .describe('allows plain HTTP on other addresses than loopback: token and results can be read on the way'),
    allowedHosts: z
      .array(hostName)
      .max(100)
      .default([])
      .describe(
        'names by which clients may ask for this server, besides localhost and the address that they connect to',
      ),
    requestsPerSecond: z
      .number()
      .min(0.1)
      .max(10_000)
      .default(20)
      .describe('of one client (an IPv4 address or an IPv6 /64); all together may do five times as many'),
    tracesPerMinute: z
      .number()
      .min(0.1)
      .max(6000)
      .default(60)
      .describe('traces that may be asked for, over all clients'),
    traceQueue: z.int().min(1).max(10_000).default(100).describe('traces that may wait or be under way'),
    connections: z.int().min(4).max(10_000).default(256).describe('open at once; one client may have half of them'),
    probing: probing
      .nullable()
      .default(null)
      .describe('probe description (RFC 9511) served at /.well-known/probing.txt; null: none'),
  })
  .superRefine((settings, context) => {
    if (isLoopbackText(settings.listen)) return;
    const say = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (settings.tokenFile === null) {
      say('tokenFile', `is needed to listen on ${settings.listen}; name a file with a token, or listen on 127.0.0.1`);
    }
    if (settings.tls === null && !settings.insecureHttp) {
      const message = `is needed to listen on ${settings.listen}; name certificate and key, or write insecureHttp: true`;
      say('tls', message);
    }
  });

/** With every default filled in. */
export type HttpSettings = Readonly<z.output<typeof httpSettingsSchema>>;

/** 127.0.0.0/8 and ::1: nobody from outside can connect there. */
export function isLoopbackText(address: string): boolean {
  if (isIPv4(address)) return address.startsWith('127.');
  const parsed = parseAddress(address);
  return parsed !== null && isLoopback(parsed.octets);
}
