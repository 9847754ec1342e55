/** Numbers of the procedure (METHOD §6), in one place, each with the step it comes from. */

/** §6.1 */
export const WINDOW = 8;
export const PAIRS_PER_HOP = 3;
/** §6.1: hops beyond the target's distance as other traces met it, where a silent target is looked for. */
export const HOPS_BEYOND_TARGET = 2;
/** §6.1: how many `plain` probes a target may leave unanswered before it counts as silent. */
export const SILENT_TARGET_PAIRS = 10;
/** Pairs at the target that stay on the trace's own flow; later ones each take a fresh one (§6.4). */
export const TARGET_PAIRS_ON_BASE_FLOW = 3;
/** Pairs at the target before the tool gives up reaching the bar. */
export const TARGET_PAIR_CAP = 60;
/** §6.10 */
export const LOOKS = [10, 20, 30] as const;
/**
 * Eight pairs of eight that both arms crossed end a trace early: a path that loses half of the packets with the option
 * would show that less often than once in 250 traces.
 */
export const CLEAN_PAIRS = 8;
/** The looks and the retest of single flows share 1 − P: three looks and one family of retests, a quarter each. */
export const ERROR_SHARES = 4;
export const RETESTED_FLOWS = 2;
/** p below which losses at hops call for all looks at the target. */
export const SUGGESTIVE_P = 0.05;
/** §6.6 and §6.9 */
export const LOCATING_PAIRS = 7;
export const LOCATING_PAIR_CAP = 18;
/** §6.4: five fresh flows besides the trace's own make six. */
export const FRESH_FLOWS_BEYOND = 5;
/**
 * Of the pairs lost at the target, how many must have been sent after packets with the option were seen at hop n: both
 * facts must hold at the same time, or a drop that ended in between would be placed beyond the hop seen after it.
 */
export const LOST_SINCE_SEEN = 3;
/** p below which hop n itself loses packets with the option, so that it does not bound where they are lost. */
export const LOSSY_HOP_P = 0.01;
/** p below which the hops up to n are taken to lose some packets with the option, so that (n, u] starts before them. */
export const MIXED_HOPS_P = 0.1;
/** Hops before them that may have answered all of their three packets by luck. */
export const MIXED_HOPS_MARGIN = 3;
/** Quotes that fit but for their flow label, from which on somebody clears labels rather than guesses at PSNTP. */
export const RELABELLED_DOUBT = 3;
/** §6.7 */
export const REPEATS = 3;
export const REPEAT_CAP = 16;
/** Repeats at n in which only `plain` was answered before it counts as fallen silent. */
export const SILENT_REPEATS = 10;
/** Repeats before other responders than before count as another path: a router may answer from several addresses. */
export const DIFFERING_REPEATS = 8;
/** Quotes of packets with the option that make an address a reporter, and how many it may have missed for each. */
export const REPORTER_QUOTES = 6;
export const REPORTER_MISSES_PER_QUOTE = 0.2;
/** §6.8 */
export const ECHO_PAIRS = 12;
/** §6.1: the spacing once plain replies thin out. */
export const THIN_SPACING_MS = 1000;
/** Unanswered `plain` probes in a row, where the place has answered before, that count as thinning out. */
export const THIN_AFTER = 2;
/** §6.12 */
export const EXPLAINING_ARMS = ['long', 'do8', 'do16'] as const;
export const EXPLAINING_PAIR_CAP = 16;
/** Packets of an explaining arm that must pass, and not fewer than are lost: one may slip through a filter that leaks. */
export const PASSES_TO_BELIEVE = 2;
/**
 * Of eight octets where all sixteen were lost seven times: another loser that takes a part of both arms' packets, whatever
 * the part, would show that less often than three times in 10,000. With two it is nearly once in 100.
 */
export const PASSES_FOR_SIZE = 5;
/** Pairs with PDM after explaining arms of which one with an option passed: the loss must still be there. */
export const LOST_AT_THE_END = 6;
/** … and of which none did: that they were lost shows it too. */
export const LOST_AT_THE_END_ALIKE = 3;
/** §6.5: pairs at a reporter beyond n when the target is silent. */
export const REPORTER_PAIR_CAP = 40;
/** §9: at most 8 SYNs per 10 s, two for each pair. */
export const SYN_SPACING_MS = 2500;
