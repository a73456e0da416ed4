import type { Completion } from "../api/telemetry";
import { toBytes } from "./utf8";

const functions = [
  "sum by (", "avg by (", "max by (", "min by (", "count by (", "topk(", "rate(", "increase(", "histogram_quantile(", "avg_over_time(", "max_over_time(", "sum_over_time(", "absent(", "delta(", "deriv(", "label_replace(", "clamp_min(",
];

/** completePromql suggests names of metrics and functions for the word before the cursor, which is counted in bytes as the server does. */
export function completePromql(text: string, cursor: number, names: readonly string[], help: (name: string) => string): Completion {
  const before = text.slice(0, cursor);
  const word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? "";
  const to = toBytes(text, cursor);
  const none: Completion = { from: to, to, suggestions: [] };
  if (quoted(before) || (word === "" && before.trim() !== "")) return none;
  const wanted = word.toLowerCase();
  const metrics = names.filter((name) => name.toLowerCase().includes(wanted)).sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)) || a.localeCompare(b));
  const calls = wanted ? functions.filter((name) => name.startsWith(wanted)) : [];
  return {
    from: toBytes(text, cursor - word.length), to,
    suggestions: [...calls.map((name) => ({ text: name, kind: "function" })), ...metrics.filter((name) => name !== word).map((name) => ({ text: name, kind: "metric", detail: help(name) }))],
  };
}

/** quoted says whether a text ends within a string. */
function quoted(text: string): boolean {
  return (text.replace(/\\./g, "").match(/"/g)?.length ?? 0) % 2 === 1;
}

const pointsMost = 600;
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];

/** step is the resolution in seconds for so many milliseconds. */
export function step(length: number): number {
  return steps.find((seconds) => length / 1000 / seconds <= pointsMost) ?? 86_400;
}

/** legend is a series' labels as PromQL writes them. */
export function legend(metric: Record<string, string>): string {
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(", ");
  return pairs || !name ? `${name}{${pairs}}` : name;
}
