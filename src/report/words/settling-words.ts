import type { SettledBy, TraceRecord } from '../../record/record.js';

/** What the user can do about a verdict that is open. */
const SETTLING: Readonly<Record<SettledBy, string>> = {
  retrace: 'Trace it again: each trace takes fresh flows.',
  'whole-trace': 'Trace it again, to the end.',
  'steady-path': 'Trace it again: it may be settled while the same routers answer all the time.',
  later: 'It may be settled from another address, or some hours later.',
  tcp: 'A trace by TCP (--protocol tcp) may settle it, if the target answers that: such answers quote nothing.',
  'other-protocol':
    'A trace by another protocol (--protocol) may settle it, which nothing on the way answers in place of the target.',
  'answering-protocol': 'It would settle it to trace by a protocol or to a port that the target answers.',
  'other-network':
    'It would settle it to trace from another network, behind another firewall; `pdm-trace doctor` looks at the first hops here.',
  'other-way': 'A trace from another network may settle it, by another way there and back.',
  'capture-at-target': 'A capture at the target would settle it.',
  'smaller-probes': 'It may settle it to trace with smaller probes (--size) that no link has to cut or refuse.',
  'lower-rate': 'Trace it again at a lower rate (--rate): this host lost packets that it had received.',
  'own-filter': 'Trace it again once this host lets packets with the option pass.',
};

/** What would settle a verdict that is open, as the record says by a code; older records do not say it. */
export function settlingSentence({ verdict }: TraceRecord): string | null {
  const { settledBy } = verdict;
  return settledBy === undefined || settledBy === null ? null : SETTLING[settledBy];
}
