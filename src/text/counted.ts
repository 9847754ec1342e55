/** Numbers and times as people read them. */

/** `1 target`, `2,000 targets`. */
export function counted(count: number, what: string): string {
  return `${figures(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** `59 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Rounded, with commas: `2,000`. */
export function figures(value: number): string {
  return Math.round(value).toLocaleString('en');
}
