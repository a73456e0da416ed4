import { at, int, ms } from "../api/proto";
import type { LogCount } from "../api/telemetry";

/** Levels are what a column is made of, from its bottom up. */
export const levels = ["bad", "warn", "busy", "idle"] as const;
export type Level = (typeof levels)[number];

export interface Column {
  start: number;
  end: number;
  total: number;
  /** From the bottom, as parts of the highest column. */
  parts: { level: Level; from: number; size: number }[];
}

const of: Record<string, Level> = { fatal: "bad", error: "bad", warn: "warn", info: "busy" };

/** columns are the bars of a histogram of logs. */
export function columns(count: LogCount): Column[] {
  const step = ms(count.step);
  const sums = (count.buckets ?? []).map((bucket) => {
    const sum: Record<Level, number> = { bad: 0, warn: 0, busy: 0, idle: 0 };
    for (const [severity, n] of Object.entries(bucket.counts ?? {})) sum[of[severity] ?? "idle"] += int(n);
    return { start: at(bucket.start), sum, total: levels.reduce((all, level) => all + sum[level], 0) };
  });
  const most = Math.max(...sums.map((column) => column.total), 1);
  return sums.map(({ start, sum, total }) => {
    let from = 0;
    const parts = levels.filter((level) => sum[level] > 0).map((level) => {
      const size = sum[level] / most;
      from += size;
      return { level, from: from - size, size };
    });
    return { start, end: start + step, total, parts };
  });
}
