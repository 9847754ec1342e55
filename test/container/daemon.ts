/** Settings of a daemon that measures the lab's target every other second, and what it then says. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TraceRecord } from '../../src/record/record.js';
import type { Container } from './run-container.js';

const SETTINGS = `
store: /var/lib/pdm-trace/pdm-trace.db
dns: false
protocol: [udp]
hopInterval: 20
rate: 1000
explain: false
jobs:
  - name: lab
    targets: /etc/pdm-trace/targets.txt
    cron: '*/2 * * * * *'
`;

/** The command with which the engine asks for the container's health. */
export const HEALTH_CHECK = ['node', '/opt/pdm-trace/dist/cli/health-check.js'];

export function writeSettings(directory: string, target: string): void {
  writeFileSync(path.join(directory, 'daemon.yaml'), SETTINGS);
  writeFileSync(path.join(directory, 'targets.txt'), `${target}\n`);
}

/** What the store has, asked inside, as somebody with a shell on the host would. */
export async function storedRecords(container: Container): Promise<readonly TraceRecord[]> {
  const { code, stdout } = await container.exec(
    'pdm-trace',
    'report',
    '--json',
    '--store',
    '/var/lib/pdm-trace/pdm-trace.db',
  );
  if (code !== 0) return [];
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceRecord);
}
