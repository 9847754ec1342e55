export interface TunNetwork {
  /** The command as it is run inside. */
  command(argv: readonly string[]): string[];
  /** Packets since the last call (or the start), by `<destination> <protocol>`. */
  packets(): Promise<Map<string, number>>;
  close(): void;
}

export function openTunNetwork(): Promise<TunNetwork>;
/** RFC 5952 text. Up to 32,768 targets, each in a /48 of its own. */
export function targetAddress(number: number, kind: 'answers' | 'filtered' | 'silent' | 'near'): string;
