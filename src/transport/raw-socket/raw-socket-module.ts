/**
 * The part of the npm module raw-socket 1.8.1 that the adapter uses. It ships no types; `raw-socket.d.ts` ties this
 * description to the module's name.
 */

/** One raw socket of the module: with IPPROTO_RAW it sends whole IPv6 packets, and what it receives has no IPv6 header. */
export interface RawSocket {
  /** `message`: one datagram without its IPv6 header; the buffer is reused for the next. `source`: text, no zone. */
  on(event: 'message', listener: (buffer: Buffer, source: string) => void): this;
  /** After a failed receive, or, with a negative errno as the message, after a failed poll (then it closes itself). */
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'close', listener: () => void): this;
  /**
   * Queues one packet until the socket is writable. Before, system call and after happen in one turn of the event loop.
   * `error.message` is the text of strerror(3): the module gives no errno.
   */
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    before: () => void,
    after: (error: Error | null, octets: number) => void,
  ): this;
  /** Throws an Error whose message is the text of strerror(3). */
  setOption(level: number, option: number, value: number): void;
  setOption(level: number, option: number, value: Buffer, length: number): void;
  getOption(level: number, option: number, value: Buffer, length: number): number;
  pauseRecv(): this;
  close(): this;
}

/** What is used of the npm module `raw-socket`, which has no types of its own. */
export interface RawSocketModule {
  /** Throws an Error whose message is the text of strerror(3). */
  createSocket(options: {
    readonly protocol: number;
    readonly addressFamily: number;
    /** Octets; longer datagrams are cut. */
    readonly bufferSize: number;
  }): RawSocket;
  readonly AddressFamily: { readonly IPv6: number };
}
