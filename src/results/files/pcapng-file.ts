import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { explainOutputError, OUTPUT_ERRORS, OutputError } from '../output-error.js';
import { emitFileHeader, emitPacket, emitStatistics } from './pcapng-blocks.js';

/** What a kill may cost is this and the hold together: less than a second. */
const FLUSH_MS = 300;
/** Send times are known some milliseconds after the reply: so long packets wait, that they come out in their order. */
const HOLD_NS = 150e6;
/** Packets that wait for a slow disk; more are left out and counted. */
const MOST_WAITING_OCTETS = 64 * 1024 * 1024;
const WAITING_OVERHEAD = 256;

/** How a capture is written, and by which clock. */
export interface PcapngOptions {
  /** Replace a file that exists. */
  readonly force: boolean;
  /** Name and version of this program. */
  readonly application: string;
  /** The clock of `timeNs`. */
  readonly nowNs: () => number;
  /** What this clock's 0 is, in nanoseconds since 1970. */
  readonly epochNs: bigint;
  /** Called at most once: nothing is written any more, the file is valid up to there. `close` rejects with the same error. */
  readonly onFailure: (error: OutputError) => void;
}

/** A packet that is to be written to the capture. */
export interface WaitingPacket {
  readonly direction: 'in' | 'out';
  /** A whole IPv6 packet; owned by the file from here on. */
  readonly bytes: Uint8Array;
  /** On the clock of the options. */
  readonly timeNs: number;
  /** Asked for when the packet is written. */
  readonly comment: () => string;
}

/** A capture that is being written. What it cannot keep up with is left out and said at the end. */
export interface PcapngFile {
  /** Writes the header; an existing file is emptied now and not before. @throws OutputError */
  begin(): Promise<void>;
  /** Never waits and never throws. */
  add(packet: WaitingPacket): void;
  /** Instead of `begin`: as if it had not been opened. */
  abandon(): Promise<void>;
  /** Writes what waits. Rejects with an `OutputError` when packets are missing from the file. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a file for packets, which is all that needs permissions. Whole blocks are appended at least once a second, so
 * that the file can be read at any time and is whole up to the last second however the process ends.
 * @throws OutputError, `EOUTPUTEXISTS` without `force` when there is such a file.
 */
export async function openPcapngFile(path: string, options: PcapngOptions): Promise<PcapngFile> {
  const { handle, isNew } = await openFile(path, options.force);
  return new BufferedPcapng(path, handle, isNew, options);
}

class BufferedPcapng implements PcapngFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #isNew: boolean;
  readonly #options: PcapngOptions;
  #waiting: WaitingPacket[] = [];
  #waitingOctets = 0;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #busy = false;
  /** Octets of whole blocks in the file. */
  #size = 0;
  #seen = 0;
  #dropped = 0;
  #failure: OutputError | null = null;
  #closing: Promise<void> | null = null;

  constructor(path: string, handle: FileHandle, isNew: boolean, options: PcapngOptions) {
    this.#path = path;
    this.#handle = handle;
    this.#isNew = isNew;
    this.#options = options;
  }

  async begin(): Promise<void> {
    try {
      // A pipe has no length to cut.
      if ((await this.#handle.stat()).isFile()) await this.#handle.truncate(0);
      await this.#append(emitFileHeader(this.#options.application, DESCRIPTION));
    } catch (error) {
      throw this.#explain(error);
    }
    this.#timer = setInterval(() => {
      // A slow disk is not given more to do: what waits is written in the next turn.
      if (!this.#busy) this.#flush(false);
    }, FLUSH_MS);
    this.#timer.unref();
  }

  add(packet: WaitingPacket): void {
    if (this.#closing !== null) return;
    this.#seen += 1;
    const octets = packet.bytes.length + WAITING_OVERHEAD;
    if (this.#failure !== null || this.#waitingOctets + octets > MOST_WAITING_OCTETS) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(packet);
    this.#waitingOctets += octets;
  }

  async abandon(): Promise<void> {
    await this.#handle.close();
    if (this.#isNew) await unlink(this.#path);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#turn;
    this.#flush(true);
    await this.#turn;
    if (this.#failure === null) {
      const { nowNs, epochNs } = this.#options;
      const statistics = emitStatistics(epochNs + wholeNs(nowNs()), this.#seen, this.#dropped);
      await this.#append(statistics).catch((error: unknown) => {
        this.#fail(error);
      });
    }
    await this.#handle.close().catch((error: unknown) => {
      this.#fail(error);
    });
    if (this.#failure !== null) throw this.#failure;
    if (this.#dropped > 0) throw tooSlow(this.#path, this.#dropped);
  }

  #flush(all: boolean): void {
    const { nowNs, epochNs } = this.#options;
    const now = nowNs();
    const isDue = ({ timeNs }: WaitingPacket): boolean => all || timeNs <= now - HOLD_NS || timeNs > now;
    const due = this.#waiting.filter(isDue);
    if (due.length === 0 || this.#failure !== null) return;
    this.#waiting = this.#waiting.filter((packet) => !isDue(packet));
    due.sort((a, b) => a.timeNs - b.timeNs);
    const octets = Buffer.concat(
      due.map((packet) =>
        emitPacket({ ...packet, epochNs: epochNs + wholeNs(packet.timeNs), comment: packet.comment() }),
      ),
    );
    this.#busy = true;
    this.#turn = this.#append(octets)
      .catch((error: unknown) => {
        this.#dropped += due.length;
        this.#fail(error);
      })
      .finally(() => {
        this.#busy = false;
        for (const { bytes } of due) this.#waitingOctets -= bytes.length + WAITING_OVERHEAD;
      });
  }

  /** All or nothing: what a full disk let through is cut off again. */
  async #append(octets: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < octets.length;)
        at += (await this.#handle.write(octets, at, octets.length - at, null)).bytesWritten;
      this.#size += octets.length;
    } catch (error) {
      await this.#handle.truncate(this.#size).catch(() => undefined);
      throw error;
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = this.#explain(error);
    this.#waiting = [];
    this.#waitingOctets = 0;
    this.#options.onFailure(this.#failure);
  }

  #explain(error: unknown): OutputError {
    const known = explainOutputError(error, this.#path);
    const cause = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return new OutputError(
      known?.code ?? OUTPUT_ERRORS.io,
      this.#path,
      `the capture cannot be written [${cause}] and ends early`,
      'make room or name another file with --pcap; records are not affected',
      error,
    );
  }
}

const DESCRIPTION = 'probes and replies of pdm-trace, IPv6 packets without link layer';

/** Tried as a new file first, so that it is known whether it is one. */
async function openFile(path: string, force: boolean): Promise<{ handle: FileHandle; isNew: boolean }> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  try {
    return { handle: await open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644), isNew: true };
  } catch (error) {
    if (!isExisting(error)) throw explainOutputError(error, path) ?? error;
    if (!force)
      throw new OutputError(
        OUTPUT_ERRORS.exists,
        path,
        'exists already',
        'give --force to replace it, or name another file',
        error,
      );
  }
  try {
    return { handle: await open(path, O_WRONLY), isNew: false };
  } catch (error) {
    throw explainOutputError(error, path) ?? error;
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function tooSlow(path: string, packets: number): OutputError {
  return new OutputError(
    OUTPUT_ERRORS.spillFull,
    path,
    `the disk was too slow: ${packets} packets are missing from the capture`,
    'write to a faster disk or lower --rate; records are not affected',
  );
}

function wholeNs(timeNs: number): bigint {
  return BigInt(Math.round(timeNs));
}
