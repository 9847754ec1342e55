export interface TunNetwork {
  /** The command as it is run inside. */
  command(argv: readonly string[]): string[];
  /** Packets since the last call (or the start), by `<destination> <protocol>`. */
  packets(): Promise<Map<string, number>>;
  close(): void;
}

/** `counted`: see `packets`; false where there are more than some 60,000 targets. Default true. */
export function openTunNetwork(options?: { readonly counted?: boolean }): Promise<TunNetwork>;
/** RFC 5952 text. The first 32,768 targets are each in a /48 of its own. `filterAfter`: the last hop before the filter, 5 by default. */
export function targetAddress(
  number: number,
  kind: 'answers' | 'filtered' | 'silent' | 'near',
  filterAfter?: number,
): string;
