import type { EngineTime } from '../engine/trace-engine.js';

const NS_PER_MS = 1e6;
/** Node's timers take at most 2³¹ − 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** So late that the process stood still: by Ctrl-Z, or for want of a processor. */
const LATE_NS = 100e6;

/**
 * Monotonic time since this call, and timers on it. Nothing spins: a callback comes up to about 1 ms late, never early. One that is much
 * later comes after what has been received meanwhile was read, so that no answer is given up that is there.
 */
export function createSystemTime(): EngineTime {
  const [epochSeconds, epochNanoseconds] = process.hrtime();
  const nowNs = (): number => {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - epochSeconds) * 1e9 + (nanoseconds - epochNanoseconds);
  };
  return {
    nowNs,
    wallMs: () => Date.now(),
    at: (atNs, callback) => {
      let timer: NodeJS.Timeout | undefined;
      let immediate: NodeJS.Immediate | undefined;
      const arm = (): void => {
        const remainingMs = (atNs - nowNs()) / NS_PER_MS;
        if (remainingMs <= 0) immediate = setImmediate(callback);
        else timer = setTimeout(due, Math.min(LONGEST_TIMER_MS, Math.ceil(remainingMs)));
      };
      // libuv counts whole milliseconds of a cached clock, so a timer may fire a fraction early.
      const due = (): void => {
        const lateNs = nowNs() - atNs;
        if (lateNs < 0) arm();
        else if (lateNs < LATE_NS) callback();
        else immediate = setImmediate(callback);
      };
      arm();
      return () => {
        clearTimeout(timer);
        clearImmediate(immediate);
      };
    },
  };
}
