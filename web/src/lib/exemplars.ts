import type { ExemplarSeries } from "../api/prometheus";
import { legend } from "./promql";
import { unit, type Unit } from "./unit";

/** Dot is an example of what a chart shows: one request, with its trace. */
export interface Dot {
  trace: string;
  span: string;
  /** Seconds. */
  time: number;
  value: number;
  unit: Unit;
  series: string;
}

const columns = 48;
const each = 3;

/** dots are the exemplars that have a trace: of each part of the time the largest, the later first. */
export function dots(found: readonly ExemplarSeries[], from: number, to: number): Dot[] {
  const byColumn = new Map<number, Dot[]>();
  for (const { seriesLabels, exemplars } of found) {
    for (const { labels, value, timestamp: time } of exemplars) {
      const trace = labels.trace_id ?? labels.traceID ?? labels.traceId ?? "";
      if (!/^[0-9a-f]{32}$/i.test(trace) || time < from || time > to || !Number.isFinite(Number(value))) continue;
      const column = Math.floor(((time - from) / (to - from || 1)) * columns);
      const all = byColumn.get(column) ?? [];
      all.push({ trace, span: labels.span_id ?? labels.spanID ?? "", time, value: Number(value), unit: unit(seriesLabels.__name__ ?? ""), series: legend(seriesLabels) });
      byColumn.set(column, all);
    }
  }
  return [...byColumn.values()].flatMap(largest).sort((a, b) => b.time - a.time);
}

/** largest are the largest of some dots, each trace once. */
function largest(all: Dot[]): Dot[] {
  const seen = new Set<string>();
  return all.sort((a, b) => b.value - a.value).filter(({ trace }) => !seen.has(trace) && seen.add(trace)).slice(0, each);
}
