/**
 * The extension structure behind the quote of an ICMP error (RFC 4884 §7, §8).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------+-----------------------+-------------------------------+
 *   0 |Ver. 2 |       Reserved        |           Checksum            |
 *     +-------+-----------------------+---------------+---------------+
 *   4 |  Length of object (octets)    |   Class-Num   |    C-Type     |
 *     +-------------------------------+---------------+---------------+
 *   8 |                 payload of the object, further objects        |
 *     +---------------------------------------------------------------+
 */
import { readU16, readU32, readU8, writeU16, writeU32 } from './big-endian.js';
import { finishChecksum, foldSum, onesComplementSum } from './checksum.js';
import { requireField, requireRoom } from './emit-check.js';
import {
  emitInterfaceInformation,
  interfaceCType,
  interfaceInformationLength,
  parseInterfaceInformation,
  type InterfaceInformation,
} from './interface-information.js';
import { failed, parsed, type ParseResult } from './result.js';

/** RFC 4884 §7. */
export const EXTENSION_HEADER_LENGTH = 4;
/** RFC 4884 §8. An object's own length includes it. */
export const EXTENSION_OBJECT_HEADER_LENGTH = 4;
const VERSION = 2;
/** Bound of what is kept of one message; the largest structure on record has a handful. */
const MAX_OBJECTS = 32;

const OBJECT_OFFSET = { length: 0, classNumber: 2, cType: 3, payload: 4 } as const;

const EXTENSION_CLASS = {
  /** RFC 4950, C-Type 1. */
  mplsStack: 1,
  /** RFC 5837; the C-Type says which fields are there. */
  interfaceInformation: 2,
  /** RFC 8883 §3, C-Type 1: pointer. */
  extendedInformation: 4,
} as const;

/** RFC 4950: one entry of the label stack of the packet as it was received. */
export interface MplsLabel {
  /** 20 bits. */
  readonly label: number;
  /** 3 bits, once "experimental". */
  readonly trafficClass: number;
  readonly bottomOfStack: boolean;
  readonly ttl: number;
}

/** An object as it stands there. Unknown classes and malformed payloads survive as these octets. */
export interface ExtensionObject {
  readonly classNumber: number;
  readonly cType: number;
  /** Without the object header. A copy: it outlives the receive buffer. */
  readonly payload: Uint8Array;
}

/** RFC 4884 §7: one structure behind a quote. */
export interface IcmpExtensions {
  /** False where the structure says that it carries none (0): accepted only where RFC 4884's length points to it. */
  readonly checksumVerified: boolean;
  /** All objects, in order, those decoded below included. */
  readonly objects: readonly ExtensionObject[];
  /** Of these, the ones that nothing below tells of: Node IDs (class 5), unknown classes, malformed interfaces. */
  readonly undecoded: readonly ExtensionObject[];
  readonly mpls: readonly MplsLabel[];
  readonly interfaces: readonly InterfaceInformation[];
  /** RFC 8883: octet of the invoking packet where the limit was passed. */
  readonly pointer: number | null;
}

/**
 * Parses the structure in [offset, end), which must fill it. Fails with `truncated`, `bad-version`, `bad-checksum`,
 * `bad-length` (an object shorter than its header or past the end), `too-many-objects` and
 * `duplicate-role` (RFC 5837 §4.5).
 */
export function parseIcmpExtensions(bytes: Uint8Array, offset = 0, end = bytes.length): ParseResult<IcmpExtensions> {
  if (end - offset < EXTENSION_HEADER_LENGTH) return failed('truncated', end);
  if (readU8(bytes, offset) >>> 4 !== VERSION) return failed('bad-version', offset);
  const checksumVerified = readU16(bytes, offset + 2) !== 0;
  if (checksumVerified && foldSum(onesComplementSum(bytes, offset, end - offset)) !== 0xffff) {
    return failed('bad-checksum', offset + 2);
  }
  const objects: ExtensionObject[] = [];
  const undecoded: ExtensionObject[] = [];
  const mpls: MplsLabel[] = [];
  const interfaces: InterfaceInformation[] = [];
  let pointer: number | null = null;
  let at = offset + EXTENSION_HEADER_LENGTH;
  while (at < end) {
    if (objects.length === MAX_OBJECTS) return failed('too-many-objects', at);
    if (end - at < EXTENSION_OBJECT_HEADER_LENGTH) return failed('truncated', end);
    const length = readU16(bytes, at + OBJECT_OFFSET.length);
    if (length < EXTENSION_OBJECT_HEADER_LENGTH || at + length > end) return failed('bad-length', at);
    const classNumber = readU8(bytes, at + OBJECT_OFFSET.classNumber);
    const cType = readU8(bytes, at + OBJECT_OFFSET.cType);
    const payload = at + OBJECT_OFFSET.payload;
    const object = { classNumber, cType, payload: Uint8Array.prototype.slice.call(bytes, payload, at + length) };
    objects.push(object);
    if (classNumber === EXTENSION_CLASS.mplsStack && cType === 1) {
      parseMplsStack(bytes, payload, at + length, mpls);
    } else if (classNumber === EXTENSION_CLASS.interfaceInformation) {
      const information = parseInterfaceInformation(cType, bytes, payload, at + length);
      if (information.ok) {
        // RFC 5837 §4.5: no role twice; what breaks this is discarded.
        const { role } = information.value;
        if (interfaces.some((other) => other.role === role)) return failed('duplicate-role', at);
        interfaces.push(information.value);
      } else undecoded.push(object);
    } else if (classNumber === EXTENSION_CLASS.extendedInformation && cType === 1 && length >= 8) {
      pointer ??= readU32(bytes, payload);
    } else undecoded.push(object);
    at += length;
  }
  return parsed({ checksumVerified, objects, undecoded, mpls, interfaces, pointer });
}

/** Whole entries of 4 octets: label 20, traffic class 3, bottom of stack 1, TTL 8 bits (RFC 3032 §2.1). */
function parseMplsStack(bytes: Uint8Array, offset: number, end: number, into: MplsLabel[]): void {
  for (let at = offset; at + 4 <= end && into.length < MAX_OBJECTS; at += 4) {
    const entry = readU32(bytes, at);
    into.push({
      label: entry >>> 12,
      trafficClass: (entry >>> 9) & 7,
      bottomOfStack: (entry & 0x100) !== 0,
      ttl: entry & 0xff,
    });
  }
}

/** What to emit: decoded objects, or any other as octets. */
export type ExtensionObjectToEmit =
  | { readonly kind: 'mpls'; readonly labels: readonly MplsLabel[] }
  | { readonly kind: 'interface'; readonly information: InterfaceInformation }
  | { readonly kind: 'pointer'; readonly pointer: number }
  | ({ readonly kind: 'other' } & ExtensionObject);

function payloadLength(object: ExtensionObjectToEmit): number {
  switch (object.kind) {
    case 'mpls':
      return object.labels.length * 4;
    case 'interface':
      return interfaceInformationLength(object.information);
    case 'pointer':
      return 4;
    case 'other':
      return object.payload.length;
  }
}

/** Octets that `emitIcmpExtensions` writes. */
export function icmpExtensionsLength(objects: readonly ExtensionObjectToEmit[]): number {
  let length = EXTENSION_HEADER_LENGTH;
  for (const object of objects) length += EXTENSION_OBJECT_HEADER_LENGTH + payloadLength(object);
  return length;
}

/** Writes header, checksum and objects. For simulated routers and tests: this program sends no errors. */
export function emitIcmpExtensions(
  objects: readonly ExtensionObjectToEmit[],
  into: Uint8Array,
  offset: number,
): number {
  const total = icmpExtensionsLength(objects);
  requireRoom(into, offset, total, 'ICMP extension structure');
  writeU32(VERSION << 28, into, offset);
  let at = offset + EXTENSION_HEADER_LENGTH;
  for (const object of objects) {
    const length = EXTENSION_OBJECT_HEADER_LENGTH + payloadLength(object);
    requireField(length, 0xffff, 'length of an extension object');
    writeU16(length, into, at + OBJECT_OFFSET.length);
    emitObject(object, into, at);
    at += length;
  }
  writeU16(finishChecksum(onesComplementSum(into, offset, total)), into, offset + 2);
  return total;
}

function emitObject(object: ExtensionObjectToEmit, into: Uint8Array, at: number): void {
  const payload = at + OBJECT_OFFSET.payload;
  switch (object.kind) {
    case 'mpls':
      emitClass(EXTENSION_CLASS.mplsStack, 1, into, at);
      object.labels.forEach((label, index) => {
        emitMplsLabel(label, into, payload + 4 * index);
      });
      return;
    case 'interface':
      emitClass(EXTENSION_CLASS.interfaceInformation, interfaceCType(object.information), into, at);
      emitInterfaceInformation(object.information, into, payload);
      return;
    case 'pointer':
      emitClass(EXTENSION_CLASS.extendedInformation, 1, into, at);
      requireField(object.pointer, 0xffffffff, 'pointer');
      writeU32(object.pointer, into, payload);
      return;
    case 'other':
      emitClass(object.classNumber, object.cType, into, at);
      into.set(object.payload, payload);
  }
}

function emitClass(classNumber: number, cType: number, into: Uint8Array, at: number): void {
  requireField(classNumber, 0xff, 'Class-Num');
  requireField(cType, 0xff, 'C-Type');
  into[at + OBJECT_OFFSET.classNumber] = classNumber;
  into[at + OBJECT_OFFSET.cType] = cType;
}

function emitMplsLabel(label: MplsLabel, into: Uint8Array, at: number): void {
  requireField(label.label, 0xfffff, 'MPLS label');
  requireField(label.trafficClass, 7, 'MPLS traffic class');
  requireField(label.ttl, 0xff, 'MPLS TTL');
  const bottom = label.bottomOfStack ? 0x100 : 0;
  writeU32((label.label << 12) | (label.trafficClass << 9) | bottom | label.ttl, into, at);
}
