// How numbers, sizes, durations and times are written: the one place for it.
import { language } from "../i18n/language.svelte";

const cache = new Map<string, Intl.NumberFormat>();

function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language.tag + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) cache.set(key, (found = new Intl.NumberFormat(language.tag, options)));
  return found;
}

export const nothing = "–";

export function number(n: number): string {
  return Number.isFinite(n) ? formatter({ maximumFractionDigits: 0 }).format(n) : nothing;
}

/** short is a number with about three digits: 1.24, 18.3, 940, 12.6k, 3.1M. */
export function short(n: number): string {
  if (!Number.isFinite(n)) return nothing;
  const size = Math.abs(n);
  if (size >= 1e9) return `${digits(n / 1e9)}G`;
  if (size >= 1e6) return `${digits(n / 1e6)}M`;
  if (size >= 1e4) return `${digits(n / 1e3)}k`;
  return digits(n);
}

function digits(n: number): string {
  const size = Math.abs(n);
  if (size !== 0 && size < 0.01) return formatter({ maximumSignificantDigits: 1 }).format(n);
  const fraction = size >= 100 || Number.isInteger(n) ? 0 : size >= 10 ? 1 : 2;
  return formatter({ maximumFractionDigits: fraction }).format(n);
}

export function rate(perSecond: number | undefined): string {
  return perSecond === undefined || !Number.isFinite(perSecond) ? nothing : `${short(perSecond)}/s`;
}

export function percent(ratio: number): string {
  if (!Number.isFinite(ratio)) return nothing;
  const hundred = ratio * 100;
  const fraction = hundred === 0 || hundred >= 10 ? 0 : hundred >= 1 ? 1 : 2;
  return `${formatter({ maximumFractionDigits: fraction }).format(hundred)}%`;
}

const binary = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(n: number): string {
  if (!Number.isFinite(n)) return nothing;
  let unit = 0;
  while (Math.abs(n) >= 1000 && unit < binary.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${digits(n)} ${binary[unit]}`;
}

/** duration is a time span in milliseconds: 85µs, 12.3ms, 1.24s, 3m 05s, 2h 10m, 4d 3h. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return nothing;
  if (ms === 0) return "0ms";
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 0.9995) return `${digits(Math.round(ms * 1000))}µs`;
  if (ms < 999.5) return `${digits(ms)}ms`;
  if (ms < 59_950) return `${digits(ms / 1000)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`;
}

const two = (n: number): string => String(n).padStart(2, "0");
const three = (n: number): string => String(n).padStart(3, "0");

/** clock is the time of day. */
export function clock(time: number, precise = false): string {
  if (!Number.isFinite(time)) return nothing;
  const d = new Date(time);
  const whole = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return precise ? `${whole}.${three(d.getMilliseconds())}` : whole;
}

/** moment is a day and a time of day; the day is left out if it is today. */
export function moment(time: number, now = Date.now(), precise = false): string {
  if (!Number.isFinite(time)) return nothing;
  const d = new Date(time);
  if (d.toDateString() === new Date(now).toDateString()) return clock(time, precise);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(time, precise)}`;
}

/** tick is a time below a chart whose width spans so many milliseconds. */
export function tick(time: number, span: number): string {
  const d = new Date(time);
  if (span > 2 * 86_400_000) return `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return span > 600_000 ? `${two(d.getHours())}:${two(d.getMinutes())}` : clock(time);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]];

/** ago is how long before now, or after it, a time is. */
export function ago(time: number, now: number): string {
  if (!Number.isFinite(time)) return nothing;
  const words = new Intl.RelativeTimeFormat(language.tag, { style: "narrow", numeric: "auto" });
  const difference = time - now;
  for (const [unit, size] of steps) {
    if (Math.abs(difference) >= size) return words.format(Math.trunc(difference / size), unit);
  }
  return words.format(0, "second");
}
