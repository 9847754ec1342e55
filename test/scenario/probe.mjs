// @ts-check
/**
 * Hand-made probes, for the lab and the simulator: they share no code with the tool, nor with the simulator, so that a fault of
 * an encoder or a parser cannot hide in them.
 */
import { Buffer } from 'node:buffer';

/**
 * @typedef {import('./probe.mjs').Probe} Probe
 * @typedef {import('./probe.mjs').Reply} Reply
 */

const UDP = 17;
const ICMPV6 = 58;
const ECHO_ID = 0x4c41;
/** Payload of every arm but `long`. */
const PAYLOAD = 14;

/** The header between IPv6 and the upper layer. @param {Probe['arm']} arm @param {number} nextHeader @param {number} number */
function optionsHeader(arm, nextHeader, number) {
  if (arm === 'plain' || arm === 'long') return Buffer.alloc(0);
  if (arm === 'do8') return Buffer.from([nextHeader, 0, 0x1e, 4, 0, 0, 0, 0]);
  const header = Buffer.alloc(16);
  header.set([nextHeader, 1, arm === 'pdm' ? 0x0f : 0x1e, 10, 0, 0]);
  header.writeUInt16BE(number, 6);
  header.set([1, 0], 14);
  return header;
}

/** @param {Buffer} source @param {Buffer} target @param {number} protocol @param {Buffer} upper */
function checksum(source, target, protocol, upper) {
  const bytes = Buffer.concat([source, target, Buffer.from([0, 0, 0, upper.length, 0, 0, 0, protocol]), upper]);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff || 0xffff;
}

/** @param {string} text An address as layouts write it: at most one `::`. */
function addressOctets(text) {
  const [head = '', tail = ''] = text.split('::');
  const groups = (/** @type {string} */ part) =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail);
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** @param {{source: string, target: string}} ends @param {Probe} probe @param {number} number */
export function encode(ends, probe, number) {
  const source = addressOctets(ends.source);
  const target = addressOctets(ends.target);
  const protocol = probe.protocol === 'udp' ? UDP : ICMPV6;
  const upper = Buffer.alloc(8 + PAYLOAD + (probe.arm === 'long' ? 16 : 0));
  if (protocol === UDP) {
    upper.writeUInt16BE(probe.sourcePort ?? 50000, 0);
    upper.writeUInt16BE(33434, 2);
    upper.writeUInt16BE(upper.length, 4);
  } else {
    upper.set([128, 0]);
    upper.writeUInt16BE(probe.echoId ?? ECHO_ID, 4);
    upper.writeUInt16BE(probe.echoSequence ?? number, 6);
  }
  // The number at the end of the payload, all else of which is zero, is what answers and quotes are recognised by.
  upper.writeUInt16BE(number, upper.length - 2);
  upper.writeUInt16BE(checksum(source, target, protocol, upper), protocol === UDP ? 6 : 2);
  const header = optionsHeader(probe.arm, protocol, number);
  const fixed = Buffer.alloc(8);
  fixed.writeUInt32BE((6 << 28) + (probe.flowLabel ?? 0x12345), 0);
  fixed.writeUInt16BE(header.length + upper.length, 4);
  fixed[6] = header.length === 0 ? protocol : 60;
  fixed[7] = probe.hopLimit;
  return Buffer.concat([fixed, source, target, header, upper]);
}

/** @param {Uint8Array} octets An ICMPv6 message. @returns {{number: number, reply: Omit<Reply, 'from'>} | null} */
export function decode(octets) {
  const message = Buffer.from(octets);
  const type = message[0] ?? 0;
  const code = message[1] ?? 0;
  if (type === 129 && message.length >= 8 + PAYLOAD && message.subarray(8, -2).every((octet) => octet === 0)) {
    return {
      number: message.readUInt16BE(message.length - 2),
      reply: { type, code, quotedNextHeader: null, quotedOption: null },
    };
  }
  if (type >= 128 || message.length < 8 + 40 + 10) return null;
  const quote = message.subarray(8);
  const nextHeader = quote[6] ?? 0;
  return {
    number: quote.readUInt16BE(Math.min(quote.length, 40 + quote.readUInt16BE(4)) - 2),
    reply: { type, code, quotedNextHeader: nextHeader, quotedOption: nextHeader === 60 ? (quote[42] ?? null) : null },
  };
}
