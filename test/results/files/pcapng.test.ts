import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OUTPUT_ERRORS, type OutputError } from '../../../src/results/output-error.js';
import { openPcapngFile, type PcapngFile, type PcapngOptions } from '../../../src/results/files/pcapng-file.js';
import { wholePacket } from '../../../src/results/files/pcapng-packet.js';

const EPOCH_NS = 1_700_000_000_123_456_789n;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pdm-trace-pcapng-'));
  file = join(folder, 'evidence.pcapng');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function openFile(path = file, options: Partial<PcapngOptions> = {}): Promise<PcapngFile> {
  const defaults = { force: false, application: 'pdm-trace 0', nowNs: () => 0, epochNs: EPOCH_NS };
  return openPcapngFile(path, { ...defaults, onFailure: () => undefined, ...options });
}

/** An IPv6 packet without a next header, with a payload of so many octets. */
function packet(payload: number): Uint8Array {
  const bytes = new Uint8Array(40 + payload);
  bytes.set([0x60, 0, 0, 0, payload >> 8, payload & 0xff, 59, 7]);
  return bytes;
}

/** The octets of a file as blocks; throws where their lengths do not fit together. */
function blockTypes(octets: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < octets.length;) {
    const length = octets.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(octets.readUInt32LE(at + length - 4)).toBe(length);
    types.push(octets.readUInt32LE(at));
    at += length;
  }
  return types;
}

function tshark(path: string, fields: readonly string[]): string[][] {
  const argv = ['-n', '-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const text = execFileSync('tshark', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

describe('a pcapng file', () => {
  it('gives tshark each packet with its nanosecond, direction and comment, in the order of their times', async () => {
    const pcapng = await openFile();
    await pcapng.begin();
    pcapng.add({ direction: 'in', bytes: packet(3), timeNs: 2_000_000_001, comment: () => 'zweitens — ✓' });
    pcapng.add({ direction: 'out', bytes: packet(0), timeNs: 1, comment: () => 'first' });
    await pcapng.close();
    const fields = ['frame.time_epoch', 'frame.packet_flags_direction', 'frame.comment', 'frame.len', 'ipv6.hlim'];
    const frames = tshark(file, fields).map(([time, direction, ...rest]) => [time, Number(direction), ...rest]);
    expect(frames).toEqual([
      ['1700000000.123456790', 2, 'first', '40', '7'],
      ['1700000002.123456790', 1, 'zweitens — ✓', '43', '7'],
    ]);
  });

  it('asks for a comment only when it is written, so that it says what is known by then', async () => {
    const pcapng = await openFile();
    await pcapng.begin();
    let text = 'not yet';
    pcapng.add({ direction: 'in', bytes: packet(0), timeNs: 1, comment: () => text });
    text = 'known';
    await pcapng.close();
    expect(tshark(file, ['frame.comment'])).toEqual([['known']]);
  });

  it('has whole blocks at any time, soon after a packet came', async () => {
    let nowNs = 0;
    const pcapng = await openFile(file, { nowNs: () => nowNs });
    await pcapng.begin();
    const empty = statSync(file).size;
    expect(blockTypes(readFileSync(file))).toEqual([0x0a0d0d0a, 1]);
    pcapng.add({ direction: 'out', bytes: packet(5), timeNs: 1, comment: () => 'probe' });
    nowNs = 1e9;
    while (statSync(file).size === empty) await sleep(10);
    expect(blockTypes(readFileSync(file))).toEqual([0x0a0d0d0a, 1, 6]);
    await pcapng.close();
    expect(blockTypes(readFileSync(file))).toEqual([0x0a0d0d0a, 1, 6, 5]);
  });

  it('is not opened over a file that exists, unless forced, and then empties it only when it begins', async () => {
    writeFileSync(file, 'precious '.repeat(1000));
    await expect(openFile()).rejects.toMatchObject({ code: OUTPUT_ERRORS.exists, exitCode: 73 });
    const abandoned = await openFile(file, { force: true });
    await abandoned.abandon();
    expect(readFileSync(file, 'utf8')).toMatch(/^precious/);
    const forced = await openFile(file, { force: true });
    await forced.begin();
    await forced.close();
    expect(blockTypes(readFileSync(file))).toEqual([0x0a0d0d0a, 1, 5]);
  });

  it('is gone again when it was new and nothing came of it', async () => {
    const pcapng = await openFile();
    expect(existsSync(file)).toBe(true);
    await pcapng.abandon();
    expect(existsSync(file)).toBe(false);
  });

  it('says where it cannot be opened or written, with exit code 73', async () => {
    const missing = join(folder, 'no', 'evidence.pcapng');
    await expect(openFile(missing)).rejects.toMatchObject({ code: OUTPUT_ERRORS.missing, exitCode: 73 });
    const full = await openFile('/dev/full', { force: true });
    await expect(full.begin()).rejects.toMatchObject({ code: OUTPUT_ERRORS.full, exitCode: 73, path: '/dev/full' });
    await full.abandon();
  });

  it('counts the packets that a slow disk leaves no room for, and says so at the end', async () => {
    const failures: OutputError[] = [];
    const pcapng = await openFile(file, { onFailure: (error) => failures.push(error) });
    await pcapng.begin();
    const large = packet(60_000);
    for (let i = 0; i < 2000; i += 1) pcapng.add({ direction: 'in', bytes: large, timeNs: i, comment: () => 'large' });
    await expect(pcapng.close()).rejects.toMatchObject({ code: OUTPUT_ERRORS.spillFull, exitCode: 73 });
    const written = blockTypes(readFileSync(file)).filter((type) => type === 6).length;
    expect(written).toBeGreaterThan(1000);
    expect(written).toBeLessThan(2000);
    expect(failures).toEqual([]);
  });
});

describe('a received packet in a capture', () => {
  const source = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  const destination = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
  const common = { direction: 'in', source, hopLimit: null, timeNs: 0 } as const;

  it('is copied as it is when it was received whole', () => {
    const bytes = packet(9);
    const whole = wholePacket({ ...common, layer: 'ipv6', bytes }, destination);
    expect(whole).toEqual({ bytes: packet(9), reconstruction: null });
    bytes.fill(0);
    expect(whole.bytes).toEqual(packet(9));
  });

  it.each([
    ['icmpv6', 58],
    ['udp', 17],
    ['tcp', 6],
  ] as const)('of which %s alone was received gets a header from what is known, and says so', (layer, nextHeader) => {
    const upper = Uint8Array.of(1, 2, 3, 4);
    const { bytes, reconstruction } = wholePacket({ ...common, layer, bytes: upper }, destination);
    expect([...bytes.subarray(0, 8)]).toEqual([0x60, 0, 0, 0, 0, 4, nextHeader, 0]);
    expect(bytes.subarray(8, 24)).toEqual(source);
    expect(bytes.subarray(24, 40)).toEqual(destination);
    expect(bytes.subarray(40)).toEqual(upper);
    expect(reconstruction).toMatch(/reconstructed.*hop limit are not known/);
    const known = wholePacket({ ...common, layer, bytes: upper, hopLimit: 61 }, destination);
    expect(known.bytes[7]).toBe(61);
    expect(known.reconstruction).not.toMatch(/hop limit/);
  });
});
