/** Range is a part of the past: a last while that moves on, or one between two times. */
export type Range = { last: string } | { from: number; to: number };

export interface Span {
  from: number;
  to: number;
}

export const lasts = ["5m", "15m", "1h", "3h", "12h", "24h", "7d"] as const;

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** length is a while such as 15m in milliseconds; NaN where it is none. */
export function length(last: string): number {
  const parts = /^(\d+)([smhd])$/.exec(last);
  return parts ? Number(parts[1]) * (units[parts[2] ?? ""] ?? Number.NaN) : Number.NaN;
}

/** parse reads a range from an address's parameters. */
export function parse(last: string, from: string, to: string, usual: string): Range {
  const [begin, end] = [Number(from), Number(to)];
  if (from && to && Number.isFinite(begin) && Number.isFinite(end) && begin < end) return { from: begin, to: end };
  return { last: Number.isNaN(length(last)) ? usual : last };
}

/** span is where a range is at a time. */
export function span(range: Range, now: number): Span {
  return "last" in range ? { from: now - length(range.last), to: now } : range;
}

/** parameters are a range's in an address. */
export function parameters(range: Range): Record<string, string> {
  return "last" in range
    ? { last: range.last, from: "", to: "" }
    : { last: "", from: String(Math.floor(range.from)), to: String(Math.ceil(range.to)) };
}
