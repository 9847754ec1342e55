import type { DaemonSettings, JobSettings } from '../../config/daemon-settings.js';
import { DEFAULT_STORE } from '../../config/settings.js';
import { checkHttpFiles } from '../../daemon/http/http-files.js';
import { readTargets } from '../../targets/read-targets.js';
import { counted, figures } from '../../text/counted.js';

const RUNS_SHOWN = 3;

/**
 * What `daemon --check` prints: the file is in order, and when its jobs run next. Reads every list.
 * @throws TargetListError for a list that cannot be read, HttpStartError for token and certificate.
 */
export async function daemonCheckLines(
  settings: DaemonSettings,
  nowMs: number,
  userId: number | null,
): Promise<string[]> {
  const { file, jobs, http, retention } = settings;
  const { rate, store, vantage, doNotProbe } = settings.settings;
  const lines = [
    `"${file}" is in order: ${counted(jobs.length, 'job')}`,
    `  vantage ${vantage}, store ${store ?? DEFAULT_STORE}, ${figures(rate)} packets/s over all jobs`,
    `  HTTP ${http === null ? 'off' : `on ${http.listen} port ${http.port}`}, never probed: ${doNotProbe ?? 'no list'}`,
    `  kept: ${retentionText(retention)}`,
  ];
  if (http !== null) lines.push(...checkHttpFiles(http, userId).map((text) => `  ${text}`));
  for (const job of jobs) lines.push('', ...(await jobLines(job, rate, nowMs)));
  return lines;
}

async function jobLines(job: JobSettings, sharedRate: number, nowMs: number): Promise<string[]> {
  const { name, targets, cron, timezone, jitterSeconds, missed, enabled, settings } = job;
  const { rows, bad } = await countRows(job);
  const jitter = jitterSeconds === 0 ? '' : `, up to ${jitterSeconds} s later`;
  const lines = [
    `${name}${enabled ? '' : ' (not enabled)'}`,
    `  ${targets}: ${counted(rows, 'target')}${bad.length === 0 ? '' : `, ${counted(bad.length, 'bad row')}`}`,
    `  ${settings.protocol.join(', ')}; ${figures(job.rate ?? sharedRate)} packets/s at most; missed runs: ${missed}`,
    `  "${cron}" ${timezone}${jitter}`,
  ];
  for (const text of bad.slice(0, 5)) lines.push(`  skipped: ${text}`);
  let at: number | null = nowMs;
  for (let shown = 0; shown < RUNS_SHOWN; shown += 1) {
    at = job.schedule.next(at);
    if (at === null) break;
    lines.push(`  next: ${localTime(at, timezone)}`);
  }
  if (at === null) lines.push('  no further run: the schedule names no time to come');
  return lines;
}

async function countRows({ targets, settings }: JobSettings): Promise<{ rows: number; bad: string[] }> {
  const bad: string[] = [];
  let rows = 0;
  const defaults = { protocols: settings.protocol, dport: settings.dport, company: settings.company, seed: 0 };
  for await (const item of readTargets(targets, defaults)) {
    if (item.kind === 'target') rows += 1;
    else if (item.kind === 'bad') bad.push(`line ${item.line}: ${item.reason}: "${item.text}"`);
  }
  return { rows, bad };
}

/** `Wed 2026-11-25 04:15:00 GMT-5 (2026-11-25T09:15:00Z)`. */
function localTime(atMs: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...({ timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit' } as const),
    ...({
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'shortOffset',
    } as const),
  }).formatToParts(atMs);
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((one) => one.type === type)?.value ?? '';
  const date = `${part('weekday')} ${part('year')}-${part('month')}-${part('day')}`;
  const time = `${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`;
  return `${date} ${time} (${new Date(atMs).toISOString().replace('.000Z', 'Z')})`;
}

function retentionText({ maxAgeDays, maxSizeMiB }: DaemonSettings['retention']): string {
  const parts = [
    maxAgeDays === null ? [] : [counted(maxAgeDays, 'day')],
    maxSizeMiB === null ? [] : [`at most ${figures(maxSizeMiB)} MiB`],
  ].flat();
  return parts.length === 0 ? 'everything' : parts.join(', ');
}
