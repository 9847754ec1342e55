import { outcomeBadge } from '../../report/page/record-card.js';
import { minuteText, pageHead } from '../../report/page/html-page.js';
import { markup, type Markup } from '../../report/page/markup.js';
import type { OutcomeCount } from '../../results/store/trace-queries.js';
import type { DaemonView, JobView } from '../daemon-view.js';
import type { RunRow } from './http-store-reads.js';

/** What the page shows. `nowMs`: milliseconds since 1970. */
export interface StartPage {
  readonly view: Pick<DaemonView, 'jobs' | 'notReady'>;
  readonly runs: readonly { readonly run: RunRow; readonly outcomes: readonly OutcomeCount[] }[];
  readonly nowMs: number;
}

/** Jobs and the newest runs: one page, no script. */
export function startPage({ view, runs, nowMs }: StartPage): string {
  const reasons = view.notReady();
  const state =
    reasons.length === 0
      ? markup`<p class="under"><span class="badge good">ready</span> ${minuteText(nowMs)} UTC</p>`
      : markup`<p class="under"><span class="badge bad">not ready</span> ${minuteText(nowMs)} UTC</p>
<ul class="details">${reasons.map((reason) => markup`<li>${reason}</li>`)}</ul>`;
  return markup`${pageHead('pdm-trace')}
<h1>pdm-trace</h1>
${state}
<h2>Jobs</h2><div class="panel wide"><table><thead><tr><th>job</th><th>schedule</th><th>state</th><th>next run</th><th>last end</th>
<th class="number">skipped</th></tr></thead><tbody>
${rows(view.jobs().map(jobRow), 6, 'No jobs are configured.')}</tbody></table></div>
<h2>Last runs</h2><div class="panel wide"><table><thead><tr><th>run</th><th>began</th><th>ended</th><th class="number">records</th><th>outcomes</th></tr></thead><tbody>
${rows(
  runs.map(({ run, outcomes }) => runRow(run, outcomes)),
  5,
  'Nothing has run yet.',
)}</tbody></table></div>
<footer>Times are UTC. Programs read <a href="/metrics">metrics</a> and the <a href="/api/v1/openapi.json">API</a>.</footer></main></body></html>
`.markup;
}

function rows(all: readonly Markup[], columns: number, none: string): Markup {
  return all.length === 0 ? markup`<tr><td colspan="${columns}">${none}</td></tr>` : markup`${all}`;
}

function jobRow(job: JobView): Markup {
  const { running, lastEnd } = job;
  const tone =
    lastEnd === null ? 'calm' : lastEnd.state === 'finished' ? 'good' : lastEnd.state === 'failed' ? 'bad' : 'warn';
  return markup`<tr><td>${job.name}<span class="sub full">${job.targets} · ${job.protocols.join(', ')}</span></td>
<td>${job.cron}<span class="sub">${job.timezone}</span></td>
<td>${running === null ? 'waits' : markup`${runLink(running.runId, 'runs')}<span class="sub">${running.done} of ${running.targets} targets</span>`}</td>
<td>${job.nextRunAtMs === null ? null : minuteText(job.nextRunAtMs)}</td>
<td>${
    lastEnd === null
      ? null
      : markup`<span class="badge ${tone}">${lastEnd.state}</span> ${
          lastEnd.runId === null ? minuteText(lastEnd.endedAtMs) : runLink(lastEnd.runId, minuteText(lastEnd.endedAtMs))
        }<span class="sub full">${lastEnd.error}</span>`
  }</td><td class="number">${job.skipped}</td></tr>
`;
}

function runRow(run: RunRow, outcomes: readonly OutcomeCount[]): Markup {
  const sums = new Map<OutcomeCount['outcome'], number>();
  for (const { outcome, count } of outcomes) sums.set(outcome, (sums.get(outcome) ?? 0) + count);
  const total = [...sums.values()].reduce((sum, count) => sum + count, 0);
  const sorted = [...sums].sort(([, a], [, b]) => b - a);
  return markup`<tr><td>${runLink(run.id, run.name ?? run.id)}<span class="sub">${run.vantage}</span></td>
<td>${minuteText(run.startedAtMs)}</td><td>${run.endedAtMs === null ? 'not finished' : minuteText(run.endedAtMs)}</td><td class="number">${total}</td>
<td>${sorted.map(([outcome, count]) => markup`${outcomeBadge(outcome)} ${count} `)}</td></tr>
`;
}

function runLink(runId: string, text: string): Markup {
  return markup`<a href="/runs/${encodeURIComponent(runId)}">${text}</a>`;
}
