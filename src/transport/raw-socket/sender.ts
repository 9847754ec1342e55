import type { EngineClock, SendOutcome } from '../probe-transport.js';
import { errnoName, socketError } from '../raw-socket-error.js';
import type { RawSocket } from './raw-socket-module.js';
import { bindToInterface, hideQueueDrops, showQueueDrops } from './options.js';

/** The module keeps its queue in an array and shifts it: it is fast only while that is short. */
const MAX_OUTSTANDING = 32;

/** One call of `send`: settles every packet once, whatever happens, then resolves. */
export class SendBatch {
  readonly packets: Buffer;
  readonly done: Promise<readonly SendOutcome[]>;
  readonly #outcomes: (SendOutcome | undefined)[];
  #remaining: number;
  #resolve: (outcomes: readonly SendOutcome[]) => void = () => undefined;

  constructor(arena: Uint8Array, count: number) {
    this.packets = Buffer.from(arena.buffer, arena.byteOffset, arena.byteLength);
    this.#outcomes = new Array<SendOutcome | undefined>(count).fill(undefined);
    this.#remaining = count;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (count === 0) this.#resolve([]);
  }

  settle(index: number, outcome: SendOutcome): void {
    if (this.#outcomes[index] !== undefined) return;
    this.#outcomes[index] = outcome;
    this.#remaining -= 1;
    if (this.#remaining === 0) this.#resolve(this.#outcomes as readonly SendOutcome[]);
  }
}

/** A packet in its batch's arena: `length` octets from `offset`; `index`: its place among the batch's outcomes. */
export interface OutgoingPacket {
  readonly batch: SendBatch;
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** Where to, as text for the module. */
  readonly destination: string;
}

/** A socket of protocol 255, which sends whole IPv6 packets as they are, and those that wait for it. */
export class RawSocketSender {
  readonly #socket: RawSocket;
  readonly #clock: EngineClock;
  readonly #waiting: OutgoingPacket[] = [];
  #next = 0;
  readonly #outstanding = new Set<OutgoingPacket>();
  #closed = false;

  constructor(socket: RawSocket, clock: EngineClock) {
    this.#socket = socket;
    this.#clock = clock;
    // The module tells of writability only when nothing can be read, and anybody may send us protocol 255.
    socket.pauseRecv();
  }

  send(packet: OutgoingPacket): void {
    if (this.#closed) {
      cancel(packet);
      return;
    }
    this.#waiting.push(packet);
    this.#fill();
  }

  /** Sends over this interface only. Throws a RawSocketError, code `ENODEV` when there is none of this name. */
  bindTo(interfaceName: string): void {
    try {
      bindToInterface(this.#socket, interfaceName);
    } catch (error) {
      throw socketError(error, `bind a socket to ${interfaceName}`, 'setsockopt');
    }
  }

  /**
   * Null when the kernel has a route from this socket to the address, else the errno's name. The kernel looks for the
   * route first and then refuses the packet, EINVAL, because it is shorter than an IPv6 header: nothing leaves.
   */
  async probeRoute(destination: string): Promise<string | null> {
    const batch = new SendBatch(new Uint8Array(1), 1);
    this.send({ batch, index: 0, offset: 0, length: 1, destination });
    const [outcome] = await batch.done;
    if (outcome === undefined || outcome.ok || outcome.code === 'EINVAL') return null;
    return outcome.code;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const packet of this.#outstanding) cancel(packet);
    this.#outstanding.clear();
    for (let i = this.#next; i < this.#waiting.length; i += 1) {
      const packet = this.#waiting[i];
      if (packet !== undefined) cancel(packet);
    }
    this.#waiting.length = 0;
    this.#next = 0;
    this.#socket.close();
  }

  #fill(): void {
    while (!this.#closed && this.#outstanding.size < MAX_OUTSTANDING) {
      const packet = this.#waiting[this.#next];
      if (packet === undefined) break;
      this.#next += 1;
      this.#hand(packet);
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#next = 0;
    } else if (this.#next >= 1024) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
  }

  #hand(packet: OutgoingPacket): void {
    const { batch, index } = packet;
    let sentAtNs = 0;
    this.#outstanding.add(packet);
    this.#socket.send(
      batch.packets,
      packet.offset,
      packet.length,
      packet.destination,
      () => {
        showQueueDrops(this.#socket);
        sentAtNs = this.#clock.nowNs();
      },
      (error) => {
        this.#outstanding.delete(packet);
        if (this.#closed) return;
        hideQueueDrops(this.#socket);
        batch.settle(index, error === null ? { ok: true, sentAtNs } : failure(error.message, packet));
        this.#fill();
      },
    );
  }
}

function cancel({ batch, index }: OutgoingPacket): void {
  batch.settle(index, {
    ok: false,
    code: 'ECANCELED',
    message: 'The transport was closed before the packet was sent.',
  });
}

function failure(text: string, { destination, length }: OutgoingPacket): SendOutcome {
  const code = errnoName(text);
  return { ok: false, code, message: `Sending ${length} octets to ${destination} failed: ${text} (${code}).` };
}
