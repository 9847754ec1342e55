/** Every constant of METHOD with its heading there. `npm run check` fails where a number stands elsewhere in trace. */

// METHOD: Arms
/** Room that any probe fits in that was not asked to be larger: packets stay within so many octets. */
export const MAX_PROBE_LENGTH = 128;

// METHOD: Replies
/** Answers to `plain` by which another address is the end of the path; more of them show no more. */
export const TERMINAL_ANSWERS = 2;

// METHOD: Flow and identity
/** Apart by so much, `ACCUSATION_PROBE_CAP` Sequence Numbers fit into 16 bits, and no flipped bit makes one of another: 37 divides no 2ⁿ, nor 2¹⁶ ± 2ⁿ. */
export const ECHO_SPACING = 37;
/**
 * … and those of SYNs: stacks acknowledge seq, seq + 1 or seq + 2, each of which names one probe. A multiple of 64, from a start that is none,
 * so that a last octet that was not quoted, but filled with zero, makes none of another either.
 */
export const TCP_SPACING = 320;
/** … of fragments' Identification. */
export const FRAGMENT_SPACING = 37;
/** … and so far beyond a SYN's own number an acknowledgement may lie to be one of it. */
export const FARTHEST_ACKNOWLEDGEMENT = 2;

// METHOD: Pairs
/** The largest share of losses that is still called none, and what is staked on it. */
export const TOLERATED_LOSS = 0.3;
/** λ, over which the evidence against such a loss is averaged. */
export const STAKES = [0.3, 0.6, 0.9, 1] as const;
/** Of a stake: all of it would end the game with one loss. */
export const NEARLY_ALL = 0.999;
/** Evidence from which on a loss of packets with the option beyond that share is excluded: "no loss that matters". */
export const NO_LOSS_E = 20;
/** … and from which on such a loss of the packets without it, which nobody is told of, is no likelier than none. */
export const NO_PLAIN_LOSS_E = 1;
/** … and where hops lose packets with the option more often than chance has it, or echo requests to the same target do. */
export const NO_LOSS_E_IN_DOUBT = 400;
/** The p by which answers to the option then come from nearer, and by which a few more that were lost with it are worth a word. */
export const SUGGESTIVE_P = 0.05;
/** … and where fewer of the plain packets are answered, by answers that are no errors. */
export const LEAST_ANSWERED_SHARE = 0.6;
/** … and by this p where counts that were given up lost more with the option than without, nothing is called delivered. */
export const LOST_BEFORE_P = 0.01;
/** … and by this p where answers to the option come from nearer: half of `plain` gone that way too, eleven pairs seldom show it. */
export const NEARER_DOUBT_P = 0.26;
/** … and by this one where hops lose packets with the option: three, and none of the others. */
export const HOPS_DOUBT_P = 0.13;
/** Treated pairs before which none of these bars counts as reached. */
export const NO_LOSS_PAIRS = 8;
/** Placebo pairs that a claim of loss needs beside it. */
export const LEAST_PLACEBOS = 5;
/** Of the error that 1 − P allows, the part that the comparison with placebos may use. */
export const PLACEBO_SHARE = 5;
/** One pair in so many is a placebo, once a packet is missing. */
export const PLACEBO_EVERY = 3;
/** Pairs at the target in one count, placebos among them. */
export const TARGET_PAIR_CAP = 200;
/** Treated pairs from which on no more are sent where neither bar would be reached by then. */
export const PAIRS_TO_FORESEE = 40;
/** … though the rest came better for it by so many standard errors. */
export const LUCK_OF_THE_REST = 3;
/**
 * A pair that lacks an answer is counted after the grace: the largest of this, so many of the largest round trip and so many
 * of the largest difference between the arms, but never longer than `LONGEST_GRACE_NS`.
 */
export const SHORTEST_GRACE_NS = 1.5e9;
/** See `SHORTEST_GRACE_NS`. */
export const LONGEST_GRACE_NS = 10e9;
/** See `SHORTEST_GRACE_NS`. */
export const GRACE_ROUND_TRIPS = 4;
/** See `SHORTEST_GRACE_NS`. */
export const GRACE_ARM_DIFFERENCES = 10;
/** Without an answer for so long, or for as many round trips as above, a pair looks lost, and no loss is shown by that. */
export const LOOKS_LOST_NS = 150e6;
/** Pairs from which on packets with the option look lost, where none arrived. */
export const PAIRS_TO_LOOK_LOST = 3;
/** "None arrive" may be said when the bound on those that may is no higher. */
export const NONE_AT_MOST = 0.3;

// METHOD: Pairs, Rhythm at a responder
/** Answers that a responder is taken to give at once, until learned otherwise. */
export const BURST = 6;
/** Of it, what is kept for packets that get there a little sooner than others. */
export const BURST_MARGIN = 0.25;
/** Bursts of common limits of ten errors a second (Linux, Cisco IOS): who answers two more than each has no such limit. */
export const TESTED_BURSTS = [BURST, 10] as const;
/** A test leaves when so little is left of the budget, with what is kept of it less than one answer. */
export const TEST_BELOW = 0.5;
/** Pairs at a hop of which nothing of the option came back before no error about it is expected. */
export const PAIRS_TO_EXPECT = 2;
/** The longest interval between pairs. */
export const SLOWEST_INTERVAL_NS = 2e9;
/** Incomplete pairs since the last change without which the interval does not grow. */
export const HARD_MISSES = 3;
/** Share of incomplete pairs from which on it grows by `HARDER`, and is remembered as bad. */
export const HARD_MISS_SHARE = 0.6;
/** Factor. */
export const HARDER = 2;
/** Share of incomplete pairs from which on it grows by `SOFTER`. */
export const SOFT_MISS_SHARE = 0.4;
/** Factor. */
export const SOFTER = 1.4;
/** Pairs since the last change after which it may become shorter. */
export const CALM_PAIRS = 12;
/** Share of incomplete pairs up to which it becomes shorter, by `FASTER`. */
export const CALM_MISS_SHARE = 0.25;
/** Factor. */
export const FASTER = 0.75;
/** It stays by this factor above the longest one that was remembered as bad. */
export const ABOVE_WORST = 1.3;
/** Pairs after which a longer interval is held against the one before, where at least this share of packets is answered: */
export const PAIRS_TO_COMPARE = 8;
/** See `PAIRS_TO_COMPARE`. */
export const LOSSY_SHARE = 0.5;
/** … and at most this: with more the longer interval has helped. */
export const WHOLE_SHARE = 0.95;
/** and where it became longer by so much. */
export const LONGER = 1.3;
/** Of the last pair in the share of those just before. */
export const RECENT_WEIGHT = 0.25;
/** Of the share that is answered at any pace, how much makes it the same. */
export const LOSSY_AS_KNOWN = 0.75;
/** Answers rested after slowing down. */
export const REST_ANSWERS = 2;
/** Placebos, and how many of four must have lost a packet, until two packets at once are too many. */
export const PLACEBOS_TO_PART = 6;
/** See `PLACEBOS_TO_PART`. */
export const PARTED_SHARE = 0.75;
/** Rests between the packets of a pair in the second count and in the third. */
export const PART_RESTS_NS = [null, 120e6, 1100e6] as const;
/** The rest where answers name no probe: in it a copy of an answer comes back before there is another packet to ascribe it to. */
export const SERVICE_REST_NS = 500e6;

// METHOD: Exploring
/** Hop limit of the pairs that are meant to reach the target. */
export const TARGET_HOP_LIMIT = 64;
/** The highest that hops are looked for at (METHOD: Good citizen): a packet with one more is one of those. */
export const HIGHEST_HOP_LIMIT = TARGET_HOP_LIMIT - 1;
/** Unanswered plain packets in a row at a hop that has answered before, and the spacing from then on: its limit is small. */
export const THIN_AFTER = 2;
/** See `THIN_AFTER`. */
export const THIN_SPACING_MS = 1000;
/** Hop limits that are open at the same time; by TCP only one is. */
export const WINDOW = 8;
/** Pairs that a hop is owed where nothing says that fewer will do. */
export const PAIRS_PER_HOP = 3;
/** Of a hop in a trace by itself that came whole, before n, where the option is lost farther on. */
export const PAIRS_BEFORE_N = 2;
/** Where the target's own quote says that it is, until it is heard there. */
export const HINTED_PAIRS = 8;
/** The shortest wait for a hop's answer, and how many of the largest round trip make one once the path is known. */
export const SHORTEST_WAIT_NS = 300e6;
/** See `SHORTEST_WAIT_NS`. */
export const ROUND_TRIPS_PER_WAIT = 4;
/** How far before the target a trace of a list begins: n, n + 1 and n + 2 of a path that is clear. */
export const HOPS_BEFORE_TARGET = 2;
/** n + 1 and n + 2 of a silent target's path get all pairs, what lies farther so many. */
export const HOPS_BEHIND_LAST = 2;
/** See `HOPS_BEHIND_LAST`. */
export const PAIRS_IN_GAP = 2;
/** Target pairs whose end is waited for in a list, since the target's quote tells how far it is. */
export const PAIRS_BEFORE_EXPLORING = 2;
/** Hops beyond the target's distance as other traces met it, where a silent target is looked for. */
export const HOPS_BEYOND_TARGET = 2;
/** How long the first packets, all plain, are waited for before an option is sent. */
export const ALONE_NS = 300e6;
/** Pairs unanswered in both arms, after plain was answered, that make a fall into silence. */
export const SILENCE_PAIRS = 20;
/** … and where plain had arrived more often than this in the first count. */
export const SILENCE_PAIRS_AFTER_MORE = 40;
/** See `SILENCE_PAIRS_AFTER_MORE`. */
export const HARDLY_ARRIVED = 2;
/** Pairs with the option answered at a hop where the interval may begin, and how many more may have lost it than the other. */
export const INTERVAL_PAIRS = 5;
/** See `INTERVAL_PAIRS`. */
export const INTERVAL_MARGIN = 1;
/** Pairs after which such a hop is taken as not showing it, and a nearer one is asked. */
export const INTERVAL_PAIR_CAP = 20;

// METHOD: Claims
/** Refusals that make a drop wait for who refuses. */
export const REFUSALS_TO_WAIT_FOR = 2;
/** How long a trace of which nothing is out waits for what others to the same target find. */
export const PATIENCE_NS = 600e9;

// METHOD: unreachable
/** Sends that this host refuses before it is said. */
export const REFUSED_SENDS = 3;

// METHOD: dropped
/** `plain` probes that a target may leave unanswered before it counts as silent. */
export const SILENT_TARGET_PAIRS = 10;
/** Pairs lost at the target after n was last seen anew: the two facts must hold at the same time. */
export const LOST_SINCE_SEEN = 3;
/** Pairs lost of those sent lately: while hops were asked the loss may have ended. Lately is the longest of these. */
export const LOST_LATELY = 3;
/** See `LOST_LATELY`. */
export const LATELY_NS = 8e9;
/** See `LOST_LATELY`. */
export const LATELY_GRACES = 2;
/** See `LOST_LATELY`. Of the target's intervals, and of the rests between a pair's packets. */
export const LATELY_INTERVALS = 8;
/** Pairs at a reporter beyond n when the target is silent. */
export const REPORTER_PAIR_CAP = 60;
/** Pairs at a hop whose end is waited for before more are asked for. */
export const MOST_PENDING = 2;
/** Routers asked for an unquoted answer to a packet with the option, and pairs for each. */
export const REFERENCES = 3;
/** See `REFERENCES`. */
export const REFERENCE_PAIRS = 3;
/** … and for one that answers some of them, until it does so more often than the target by more than chance has it. */
export const REFERENCE_PAIR_CAP = 24;
/** Nearer routers may stand within the source's network, whatever their prefix. */
export const NEAREST_REFERENCE = 3;
/** Where only some are lost: pairs for one, which must lose fewer of the option's packets than the target, by Fisher's test, */
export const PARTIAL_REFERENCE_PAIRS = 40;
/** … from so many on; what 1 − P allows is shared by as many looks as those after them are worth, at each router. */
export const FIRST_REFERENCE_LOOK = 10;
/** See `FIRST_REFERENCE_LOOK`. */
export const REFERENCE_LOOKS = 10;
/** … and pairs after which one that loses half as many or more gives way to one nearer. */
export const ALIKE_PAIRS = 12;
/** Pairs with another option at a hop beyond n, where the option alone is lost. */
export const OTHER_OPTION_PAIR_CAP = 16;
/** While a trace waits for what the echo trace to the same target finds, it looks again this often. */
export const SIBLING_POLL_NS = 50e6;
/** Pairs of a UDP trace's own witness, echo requests or SYNs. */
export const WITNESS_PAIR_CAP = 60;
/** … and those in which not even `plain` was answered before no more are sent: echo requests, and SYNs at each port. */
export const SILENT_WITNESS_PAIRS = 6;
/** See `SILENT_WITNESS_PAIRS`. */
export const SILENT_SYN_PAIRS = 3;
/** Pairs of SYNs that lose the option beside echo requests that do: a burst of eight. One answered denies it. */
export const LOST_SYNS = 4;
/** … and the chance that one rate of answers gives these and those of a router asked by SYNs itself, which all must be told from. */
export const FEW_SYNS_P = 0.01;
/** Ports that SYNs ask after that of the datagrams, one after the other, until one is closed. */
export const WITNESS_PORTS = [443, 80] as const;

// METHOD: where
/** Pairs lost at a hop from which on the loss is "most likely" before it. */
export const LIKELY_PAIRS = 7;
/** Pairs at a hop beyond n, where not more are needed to see all of its ways (METHOD: Exploring, 4). */
export const LIKELY_PAIR_CAP = 18;

// METHOD: same path
/** Pairs that may be lost at the target after the option was last seen at n: with more n is asked again. */
export const LOST_AFTER_SEEN = 6;
/** Pairs sent to n once more while an accusation is confirmed. */
export const REPEATS = 3;
/** … and at most. */
export const REPEAT_CAP = 16;
/** Pairs sent again at the target's distance until one of `plain` is answered. */
export const DISTANCE_REPEATS = 3;
/** Below this share of flows that the target answers, hops asked on one that it never answers say nothing of the others. */
export const ANSWERED_FLOWS_SHARE = 0.75;
/** Repeats at n in which only `plain` was answered before it counts as fallen silent. */
export const SILENT_REPEATS = 10;
/** Repeats before other responders than before count as another path: a router may answer from several addresses. */
export const DIFFERING_REPEATS = 8;

// METHOD: rejected
/** Refusals that point into our header: no placebo is needed. */
export const POINTED_REFUSALS = 2;

/** Of the pairs beyond a refuser, the share refused where the target is silent, so that nobody would show those that pass. */
export const REFUSED_SHARE = 0.75;
/** Pairs beyond n on the trace's own flow that lost the option without a word, where none was refused: two ways. */
export const LOST_ON_OWN_WAY = 5;

// METHOD: cause
/** What is asked besides `pdm`, which comes last. */
export const EXPLAINING_ARMS = ['long', 'do8', 'do16'] as const;
/** Pairs with each of them, and with `pdm` at the end. */
export const EXPLAINING_PAIR_CAP = 16;
/** Packets of an arm that must have passed before the arm does. */
export const PASSES_TO_BELIEVE = 2;
/** … and of `do8`, on which "size" rests. */
export const PASSES_FOR_SIZE = 5;
/** Lost pairs before an arm is refused; more where chance could have taken so many (METHOD: cause). */
export const REFUSED_PAIRS = 7;
/** Of these, pairs whose lost packet left first: a limit on answers would have answered it. */
export const LEADING_LOSSES = 2;
/** Own lost pairs with an arm beside echo requests that ask for the cause, and all own pairs with it. */
export const OWN_ARM_LOSSES = 3;
/** … that may be on their way at once while none of them was lost: few answers are enough. */
export const OWN_ARM_AT_ONCE = 1;
/** See `OWN_ARM_LOSSES`. */
export const OWN_ARM_PAIR_CAP = 6;
/** Spacing of pairs with explaining arms where answers are no errors, by the least of pairs that are counted. */
export const EXPLAINING_SHARE = 0.5;
/** Pairs with PDM after explaining arms of which one with an option passed: the loss must still be there. */
export const LOST_AT_THE_END = 6;
/** … and of which none did: that they were lost shows it too. */
export const LOST_AT_THE_END_ALIKE = 1;

// METHOD: doubt
/** Replies that are this trace's and fit no one probe, before they are a doubt. */
export const LEAST_STRAYS = 2;
/** … and their share of the lost pairs. */
export const STRAYS_PER_LOST = 0.1;
/** That share of those whose flow label is none of the trace's. */
export const RELABELLED_PER_LOST = 0.5;
/** Probes of a record. */
export const PROBE_CAP = 600;
/** Packets of one arm lost at the target from which on there may be something to accuse, and the cap is higher. */
export const LOST_TO_ACCUSE = 3;
/** See `LOST_TO_ACCUSE`. */
export const ACCUSATION_PROBE_CAP = 1400;

// METHOD: Lists
/** p below which a hop is taken to lose packets with the option, so that it is not passed on to other traces. */
export const LOSSY_HOP_P = 0.01;
/** p below which the hops up to n are taken to lose some packets with the option. */
export const MIXED_HOPS_P = 0.1;
