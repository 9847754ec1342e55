import type { TraceRecord } from '../trace/record.js';

/** What a reason of an inconclusive record has in it, and what the user can do about it. */
const SETTLING: readonly (readonly [reason: RegExp, does: string])[] = [
  [/was interrupted|^Interrupted/, 'Trace it again, to the end.'],
  [
    /ever answered here by anything that quotes nothing|firewall near the source may take some/,
    'It would settle it to trace from a network whose firewall lets such answers back.',
  ],
  [
    /errors about them on the way back|drops errors that quote the option/,
    'A trace by TCP (--protocol tcp) may settle it, if the target answers that: such answers quote nothing.',
  ],
  [
    /fell silent after packets with the option were sent/,
    'It may be settled from another address, or some hours later.',
  ],
  [
    /hops may not report such packets/,
    'It would settle it to trace by a protocol or to a port that the target answers.',
  ],
  [
    /too near to be the target|a box on the way may answer/,
    'A trace by another protocol (--protocol) may settle it, which nothing on the way answers in place of the target.',
  ],
  [/answer with the option itself/, 'A capture at the target would settle it.'],
  [/from another distance than those without/, 'A trace from another network may settle it, by another way back.'],
  [/path changed while it was measured/, 'Trace it again when the path stands still.'],
  [
    /cap of \d+ probes|^Still open|^No claim reached|nor its absence is shown/,
    'Trace it again: each trace takes fresh flows.',
  ],
];

/** What would settle a verdict that is open, by the first of its reasons that somebody can do something about; else null. */
export function settlingSentence({ verdict }: TraceRecord): string | null {
  for (const reason of verdict.reasons) {
    const found = SETTLING.find(([pattern]) => pattern.test(reason));
    if (found !== undefined) return found[1];
  }
  return null;
}
