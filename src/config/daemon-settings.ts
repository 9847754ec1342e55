/** The daemon's settings file: the settings of every other command, and besides them jobs, retention and HTTP. */
import { z } from 'zod';
import { closestName } from './closest-name.js';
import { isCron, isTimezone, parseCron, type CronSchedule } from './cron-schedule.js';
import { httpSettingsSchema, type HttpSettings } from './http-settings.js';
import { checkProbeSize, loadSettings, quote, readFileValue } from './load-settings.js';
import {
  choice,
  optionalFile,
  optionalWholeNumber,
  textThat,
  wholeNumber,
  yesOrNo,
  type Setting,
} from './setting-types.js';
import { SETTING_KEYS, settingOf, settingsFileSchema, type SettingKey, type Settings } from './settings.js';
import { SettingsError } from './settings-error.js';

/** What a job has besides settings of its own. */
const JOB_KEYS = {
  name: textThat('1 to 64 letters, digits, and " ._-", the first a letter or digit', (text) => JOB_NAME.test(text), {
    default: '',
    example: 'customers',
    describe: 'names the job in the store, the log and the API; no two jobs may have the same',
  }),
  targets: optionalFile({
    default: null,
    example: 'customers.csv',
    describe: 'list of targets: CSV with a header that names a column host, or one host a line; read anew for each run',
  }),
  cron: textThat('a cron schedule of five fields, or of six with seconds first', isCron, {
    default: '',
    example: '"15 4 * * *"',
    describe: 'when the job is due: minute, hour, day of month, month, day of week (seconds may come first)',
  }),
  timezone: textThat('a time zone by its IANA name', isTimezone, {
    default: 'UTC',
    example: 'America/Toronto',
    describe: 'time zone of the schedule, an IANA name; summer time is followed',
  }),
  jitterSeconds: wholeNumber(0, 86_400, {
    default: 0,
    example: '300',
    describe: 'begin up to this much later than due, at random, so that many vantage points do not begin at once',
  }),
  missed: choice(['run', 'skip'], {
    default: 'run',
    example: 'run',
    describe: 'when the job was due while the daemon was down or the machine asleep: run once now, or skip it',
  }),
  enabled: yesOrNo({ default: true, example: 'true', describe: 'false: the job stays in the file and does not run' }),
} satisfies Record<string, Setting<unknown>>;
type JobKey = keyof typeof JOB_KEYS;
const JOB_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/;

const RETENTION_KEYS = {
  maxAgeDays: optionalWholeNumber(1, 36_500, {
    default: null,
    example: '400',
    describe: 'records older than this many days are deleted; null: none for their age',
  }),
  maxSizeMiB: optionalWholeNumber(1, 100_000_000, {
    default: null,
    example: '20000',
    describe: 'the oldest records are deleted until the store takes no more than this many MiB; null: any size',
  }),
} satisfies Record<string, Setting<unknown>>;

/** The one measuring process has these for all jobs; a job cannot have its own. */
const SHARED_BY_JOBS: ReadonlySet<SettingKey> = new Set<SettingKey>([
  ...([
    'transport',
    'interface',
    'dns',
    'resolver',
    'asnDb',
    'ixpPrefixes',
    'doNotProbe',
    'store',
    'allowSpecial',
  ] as const),
  ...(['targets', 'resume', 'dryRun', 'json', 'pcap', 'force', 'debug', 'config'] as const),
]);
/** Settings that mean nothing to a daemon. */
const NOT_FOR_DAEMONS: readonly SettingKey[] = ['json', 'pcap', 'force'];

const OWN_KEYS = SETTING_KEYS.filter((key) => !SHARED_BY_JOBS.has(key));

/** A job with what it says itself and what holds for all; cron and timezone have been checked. */
export interface JobSettings {
  readonly name: string;
  /** The list's file. */
  readonly targets: string;
  readonly cron: string;
  readonly timezone: string;
  readonly schedule: CronSchedule;
  readonly jitterSeconds: number;
  readonly missed: 'run' | 'skip';
  readonly enabled: boolean;
  /** Packets per second of this job on average; null: only the limit over all jobs. */
  readonly rate: number | null;
  /** The file's settings with the job's own in their place. */
  readonly settings: Settings;
}

/** Null: no limit. What is older, or beyond the size, goes: see `Retention`. */
export interface RetentionSettings {
  readonly maxAgeDays: number | null;
  readonly maxSizeMiB: number | null;
}

/** The whole settings file of the daemon, checked. */
export interface DaemonSettings {
  readonly file: string;
  /** What holds for all jobs, and for traces on request. */
  readonly settings: Settings;
  readonly jobs: readonly JobSettings[];
  readonly retention: RetentionSettings;
  /** Null: no HTTP at all. */
  readonly http: HttpSettings | null;
}

/** What else decides besides the file: environment and flags, for what all jobs share. */
export interface DaemonSettingsInput {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * Reads and checks the whole file. Defaults < file < `PDM_TRACE_*` for what all jobs share; what a job says itself wins.
 * @throws SettingsError naming the key by its path (`jobs[1].cron`), the value and the remedy.
 */
export function loadDaemonSettings({ file, env, flags = {} }: DaemonSettingsInput): DaemonSettings {
  const sections = ['jobs', 'retention', 'http'];
  const loaded = loadSettings({ command: 'daemon', file, env, flags, sections });
  const { settings } = loaded;
  for (const key of NOT_FOR_DAEMONS) {
    if (settings[key] === settingOf(key).default) continue;
    throw new SettingsError(
      'bad-setting',
      key,
      `${key} in "${file}": ${quote(settings[key])} means nothing to a daemon; remove it`,
    );
  }
  return {
    file,
    settings,
    jobs: readJobs(loaded.sections.jobs, settings, file),
    retention: readRetention(loaded.sections.retention, file),
    http: readHttp(loaded.sections.http, file),
  };
}

function readJobs(raw: unknown, settings: Settings, file: string): JobSettings[] {
  if (raw === undefined || raw === null) return [];
  if (!Array.isArray(raw)) throw notAMap('jobs', raw, file, 'write a list, each job beginning with "- name: …"');
  const jobs = raw.map((entry: unknown, index) => readJob(entry, `jobs[${index}]`, settings, file));
  for (const [index, { name }] of jobs.entries()) {
    const first = jobs.findIndex((other) => other.name === name);
    if (first === index) continue;
    const path = `jobs[${index}].name`;
    throw new SettingsError(
      'bad-setting',
      path,
      `${path} in "${file}": ${quote(name)} is the name of jobs[${first}] already; give it another one`,
    );
  }
  return jobs;
}

function readJob(raw: unknown, path: string, settings: Settings, file: string): JobSettings {
  const given = asMap(raw, path, file);
  const known: readonly string[] = [...Object.keys(JOB_KEYS), ...OWN_KEYS];
  refuseUnknown(given, known, path, file, SETTING_KEYS);
  const own = (key: JobKey): unknown =>
    given[key] === undefined
      ? required(key, path, file)
      : readFileValue(key, JOB_KEYS[key], given[key], `${path}.${key} in "${file}"`);
  const changed: Record<string, unknown> = { ...settings };
  for (const key of OWN_KEYS) {
    if (given[key] === undefined) continue;
    const value = readFileValue(key, settingOf(key), given[key], `${path}.${key} in "${file}"`);
    // As at the top of the file, null is "as if it were not there".
    if (value !== null || settingOf(key).default === null) changed[key] = value ?? settings[key];
  }
  const jobSettings = changed as unknown as Settings;
  checkTogether(jobSettings, path, file);
  const rate = given.rate === undefined ? null : jobSettings.rate;
  if (rate !== null && rate > settings.rate) {
    const what = `${rate} is more than rate: ${settings.rate}, which all jobs share`;
    const message = `${path}.rate in "${file}": ${what}; lower it, or raise the rate at the top of the file`;
    throw new SettingsError('bad-setting', `${path}.rate`, message);
  }
  const cron = own('cron') as string;
  const timezone = own('timezone') as string;
  const targets = own('targets') as string | null;
  if (targets === null) throw missingKey('targets', path, file);
  return {
    name: own('name') as string,
    targets,
    cron,
    timezone,
    schedule: parseCron(cron, timezone),
    jitterSeconds: own('jitterSeconds') as number,
    missed: own('missed') as 'run' | 'skip',
    enabled: own('enabled') as boolean,
    rate,
    settings: { ...jobSettings, rate: rate ?? settings.rate, targets },
  };
}

/** The job's own settings and those of the file may each be possible and not fit. */
function checkTogether(settings: Settings, path: string, file: string): void {
  try {
    checkProbeSize(settings);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const key = `${path}.${error.key ?? ''}`;
    throw new SettingsError(error.code, key, `${path} in "${file}": ${error.message}`, { cause: error });
  }
}

const REQUIRED: readonly JobKey[] = ['name', 'targets', 'cron'];

function required(key: JobKey, path: string, file: string): unknown {
  if (REQUIRED.includes(key)) throw missingKey(key, path, file);
  return JOB_KEYS[key].default;
}

function missingKey(key: JobKey, path: string, file: string): SettingsError {
  const message = `${path}.${key} in "${file}" is missing; add it, for example ${key}: ${JOB_KEYS[key].example}`;
  return new SettingsError('bad-setting', `${path}.${key}`, message);
}

function readRetention(raw: unknown, file: string): RetentionSettings {
  if (raw === undefined || raw === null) return { maxAgeDays: null, maxSizeMiB: null };
  const given = asMap(raw, 'retention', file);
  refuseUnknown(given, Object.keys(RETENTION_KEYS), 'retention', file);
  const value = (key: keyof RetentionSettings): number | null =>
    given[key] === undefined
      ? null
      : (readFileValue(key, RETENTION_KEYS[key], given[key], `retention.${key} in "${file}"`) as number | null);
  return { maxAgeDays: value('maxAgeDays'), maxSizeMiB: value('maxSizeMiB') };
}

/** Left out: with its defaults, on loopback. Null: none. */
function readHttp(raw: unknown, file: string): HttpSettings | null {
  if (raw === null) return null;
  const result = httpSettingsSchema.safeParse(raw ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = ['http', ...(issue?.path ?? [])].map(String).join('.');
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    throw unknownKey(key, path, file, closestName(key, Object.keys(httpSettingsSchema.shape)));
  }
  // The library calls what is not there "invalid input", and says nowhere else that it is not.
  const isMissing = issue?.code === 'invalid_type' && issue.message.endsWith('received undefined');
  const what = isMissing
    ? `${path} in "${file}" is missing`
    : `${path} in "${file}": ${issue?.message ?? 'not possible'}`;
  throw new SettingsError('bad-setting', path, `${what}; see http in config/daemon.example.yaml`);
}

function asMap(raw: unknown, path: string, file: string): Readonly<Record<string, unknown>> {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as Record<string, unknown>;
  throw notAMap(path, raw, file, 'write one "key: value" a line');
}

function notAMap(path: string, raw: unknown, file: string, remedy: string): SettingsError {
  return new SettingsError('bad-setting', path, `${path} in "${file}": ${quote(raw)} is not possible; ${remedy}`);
}

function refuseUnknown(
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: string,
  file: string,
  elsewhere: readonly string[] = [],
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (elsewhere.includes(key)) {
      const message = `${path}.${key} in "${file}": all jobs share it; set ${key} at the top of the file`;
      throw new SettingsError('unknown-setting', `${path}.${key}`, message);
    }
    throw unknownKey(key, path, file, closestName(key, known));
  }
}

function unknownKey(key: string, path: string, file: string, meant: string | null): SettingsError {
  const remedy = meant === null ? 'remove it; config/daemon.example.yaml shows all keys' : `did you mean ${meant}?`;
  return new SettingsError(
    'unknown-setting',
    `${path}.${key}`,
    `${path} in "${file}": there is no key ${quote(key)}; ${remedy}`,
  );
}

/** The file as a zod schema, for JSON Schema; values are checked one by one, for better messages. */
export function daemonFileSchema(): z.ZodType {
  const shapeOf = (settings: Readonly<Record<string, Setting<unknown>>>, needed: readonly string[] = []) =>
    Object.fromEntries(
      Object.entries(settings).map(([key, { schema, default: value, describe }]) => {
        const described = (needed.includes(key) ? schema : schema.default(value)).describe(describe);
        return [key, described];
      }),
    );
  const ownSettings = Object.fromEntries(
    OWN_KEYS.map((key) => [key, settingOf(key).schema.optional().describe(settingOf(key).describe)]),
  );
  const job = z.strictObject({ ...shapeOf(JOB_KEYS, REQUIRED), ...ownSettings });
  const shared: Readonly<Record<string, z.ZodType>> = (settingsFileSchema() as z.ZodObject).shape;
  const kept = Object.entries(shared).filter(([key]) => !NOT_FOR_DAEMONS.some((other) => other === key));
  return z.strictObject({
    ...Object.fromEntries(kept),
    jobs: z
      .array(job)
      .default([])
      .describe('what is measured when; what a job says itself wins over the rest of the file'),
    retention: z.strictObject(shapeOf(RETENTION_KEYS)).nullable().default(null).describe('what is kept how long'),
    http: httpSettingsSchema.nullable().optional().describe('health, metrics, API and pages; null: none'),
  });
}
