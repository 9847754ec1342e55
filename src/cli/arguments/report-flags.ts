/** Flags of `report` that are no settings: name, name of the value (null: a switch), what it does, example, default. */
export type OwnFlag = readonly [string, string | null, string, string, string | null];

/** Values of `report --format`; the first where neither that nor the name of the output file says another. */
export const REPORT_FORMATS = ['table', 'csv', 'json', 'markdown', 'html', 'atlas', 'scamper'] as const;
/** One of `REPORT_FORMATS`. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The flags of `report`, in the order of the help. */
export const REPORT_FLAGS: readonly OwnFlag[] = [
  ['format', 'NAME', REPORT_FORMATS.join(', '), 'csv', 'table, or what the name of the --output file says'],
  ['output', 'FILE', 'write to this file, which appears whole or not at all', 'report.html', null],
  ['run', 'RUN', 'of this run: its id or the beginning of it, its name, or "last"', 'last', null],
  ['target', 'TEXT', 'whose host, name or address has this in it', 'example.com', null],
  ['company', 'NAME', 'of this company, as the list has it', 'Example Corp', null],
  [
    'outcome',
    'LIST',
    'that ended so; "accusations" are dropped, rejected, stripped, altered, impaired and bypassed (the last two name nobody)',
    'dropped,rejected',
    null,
  ],
  [
    'as',
    'N',
    "in which this AS is the destination's, hop n's, hop n+1's or may be the one that drops",
    'AS64500',
    null,
  ],
  ['protocol', 'LIST', 'measured with these', 'udp,icmp6', null],
  ['tag', 'NAME', 'whose target has this tag in its list', 'cdn', null],
  ['since', 'TIME', 'that began then or later: RFC 3339, or a date (UTC)', '2026-11-01', null],
  ['until', 'TIME', 'that began before then; a date counts whole', '2026-11-30', null],
  ['limit', 'N', 'only so many, the newest, newest first', '20', null],
  [
    'changes',
    null,
    'what differs from the run before, of the last run of each list unless --run, --since or --until',
    '',
    null,
  ],
  ['counts', null, 'how many ended how', '', null],
  ['runs', null, 'the runs that the store has', '', null],
  ['title', 'TEXT', 'heading of the HTML page, name of the scamper list', 'PDM from Toronto', 'PDM report'],
  ['json', null, 'short for --format json', '', null],
];
