/** When a job is due. The only user of croner, and only of its calendar: clock and timers are the daemon's own. */
import { Cron } from 'croner';

/** A calendar without a clock: asked, it says what comes next. */
export interface CronSchedule {
  /** The first due time after `fromMs` (both milliseconds since 1970), or null when there is none any more. */
  next(fromMs: number): number | null;
}

/**
 * `pattern`: five fields, or six with seconds first, or `@daily` and the like. `timezone`: an IANA name. A fixed time that the
 * clocks leap over is due when they land; one that comes twice is due once; intervals (`*` + `/30`) go on evenly.
 * @throws Error saying what is wrong with the pattern or the zone.
 */
export function parseCron(pattern: string, timezone: string): CronSchedule {
  if (!isTimezone(timezone)) throw new Error(`there is no time zone "${timezone}"`);
  // croner puts the present time in place of "?": the schedule would be another one after each start.
  if (pattern.includes('?')) throw new Error('"?" is not a field');
  const cron = new Cron(pattern, { timezone, paused: true });
  return {
    next: (fromMs) => cron.nextRun(new Date(fromMs))?.getTime() ?? null,
  };
}

/** Whether this Node's own time zone data has it, in capitals or not. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Whether `parseCron` takes it, and it has no seventh field: croner would read that as years. */
export function isCron(pattern: string): boolean {
  try {
    // Five or six fields, or a nickname; seven would name years.
    if (!pattern.startsWith('@') && ![5, 6].includes(pattern.trim().split(/\s+/).length)) return false;
    parseCron(pattern, 'UTC');
    return true;
  } catch {
    return false;
  }
}
