/** What traces of several protocols to one target tell each other. */
import type { Cause } from '../record/record.js';

/** What the echo trace to the same target knows of why (METHOD: cause); a trace that loses the option after the same hop takes it. */
export interface EchoCause {
  /** n of the echo trace. */
  readonly after: number;
  /** It is still asking. */
  readonly isOpen: boolean;
  readonly cause: Cause | null;
}

/** What the trace of another protocol to the same target has found (METHOD: dropped, the way back). */
export interface Sibling {
  readonly plainArrivals: number;
  readonly pdmArrivals: number;
  /** Loss of packets with the option is shown there, placebos included. */
  readonly lossShown: boolean;
  /** Its counts show loss, whatever its answers quote: it will not turn out whole. */
  readonly isLosing?: boolean;
  /** It will not find out more. */
  readonly settled: boolean;
  /** No loss of packets with the option that matters is shown there. */
  readonly isWhole?: boolean;
  /** Packets with the option that were refused in the target's name by words of a closed port, as datagrams draw from it. */
  readonly refusedAsClosed?: number;
  /** Answers to `plain` that quote nothing and are no resets: of a TCP trace, that its SYNs are acknowledged. */
  readonly besidesResets?: number;
  /** Routers that its answers to `plain` came back by, at least; null or absent where that is not seen. */
  readonly comesFrom?: number | null;
  /** Packets with the option that drew other answers than `plain` does: refused, or from another distance. */
  readonly otherwise?: number;
  /**
   * The farthest router up to n that answered packets with the option itself, the last of them sent at `lastNs`; absent where
   * none was asked, or did.
   */
  readonly answeredAt?: { readonly hop: number; readonly address: string; readonly lastNs: number } | null;
  /** The target answered packets with another option. */
  readonly othersAnswered?: boolean;
  /** Of an echo trace; null or absent where it loses no packets with the option. */
  readonly cause?: EchoCause | null;
}
