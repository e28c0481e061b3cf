const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** A time of today in the browser's zone. */
export const timeOf = (ms: number): string => clock.format(ms);

/** A time of today without its seconds. */
export const minuteOf = (ms: number): string => minute.format(ms);

/** A time with its date and zone. */
export const momentOf = (ms: number): string => moment.format(ms);

export const numberOf = (value: number): string => (Math.abs(value) < 10 ? fine : whole).format(value);

export const milliseconds = (value: number): string => `${numberOf(value)} ms`;

const UNITS = ['B', 'kB', 'MB', 'GB'] as const;

export function bytesOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${numberOf(value)} ${UNITS[unit] ?? ''}`;
}

export function durationOf(seconds: number): string {
  if (seconds < 120) return `${numberOf(seconds)} s`;
  if (seconds < 7200) return `${numberOf(Math.floor(seconds / 60))} min`;
  if (seconds < 172_800) return `${numberOf(Math.floor(seconds / 3600))} h`;
  return `${numberOf(Math.floor(seconds / 86_400))} days`;
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${whole.format(count)} ${count === 1 ? one : many}`;
