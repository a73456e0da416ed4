import { bytes, duration, percent, rate, short } from "./format";

/** Unit is what an expression's values are in. */
export type Unit = "number" | "seconds" | "bytes" | "bytesPerSecond" | "perSecond" | "ratio";

const formats: Record<Unit, (n: number) => string> = {
  number: short, seconds: (n) => duration(n * 1000), bytes, bytesPerSecond: (n) => `${bytes(n)}/s`, perSecond: rate, ratio: percent,
};

/** write is a value as people read its unit. */
export const write = (unit: Unit, value: number): string => (Number.isFinite(value) ? formats[unit](value) : short(value));

const words = /^(?:by|without|on|ignoring|group_left|group_right|offset|bool|and|or|unless|inf|nan)$/i;

/** bared is an expression without strings, labels and ranges. */
function bared(expression: string): string {
  return expression
    .replace(/#[^\n]*/g, "")
    .replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, "")
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi, "");
}

/** metricsIn are the names of metrics in an expression, as it says them. */
export function metricsIn(expression: string): string[] {
  const names = bared(expression).matchAll(/(?<![\w.:])([a-zA-Z_:][\w:]*)\s*(\(?)/g);
  return [...names].flatMap(([, name = "", bracket]) => (bracket || words.test(name) ? [] : [name]));
}

/** unit guesses an expression's unit by the names of its metrics, which end as Prometheus wants it, and by what is done with them. */
export function unit(expression: string): Unit {
  const text = bared(expression);
  if (/^\s*(?:count|count_values|absent|changes|resets|timestamp|time)\b/.test(text)) return "number";
  const sides = text.split("/");
  const [above = "", below = ""] = sides;
  if (sides.length === 2) return quotient(above, below);
  return sides.length > 2 || text.includes("*") ? "number" : ofOne(metricsIn(text)[0] ?? "", text);
}

function quotient(above: string, below: string): Unit {
  const [what, by] = [metricsIn(above)[0] ?? "", metricsIn(below)[0] ?? ""];
  if (!what || !by) return "number";
  if (/_(?:count|total)$/.test(by) && !/_(?:bytes|seconds)_total$/.test(by)) {
    if (/_seconds(?:_sum|_total)?$/.test(what)) return "seconds";
    if (/_bytes(?:_sum|_total)?$/.test(what)) return "bytes";
  }
  const [a, b] = [unit(above), unit(below)];
  return a === b && a !== "number" ? "ratio" : "number";
}

function ofOne(name: string, text: string): Unit {
  const perSecond = /\b(?:rate|irate|deriv)\s*\(/.test(text);
  const amount = /\bhistogram_(?:quantile|avg|stddev)\s*\(/.test(text) || !perSecond; // in the metric's own unit
  if (/\bhistogram_count\s*\(/.test(text) || /_(?:count|total)$/.test(name) && !/_(?:bytes|seconds)_total$/.test(name)) return perSecond ? "perSecond" : "number";
  if (/_ratio$/.test(name)) return "ratio";
  if (/_bytes(?:_bucket|_total|_sum)?$/.test(name)) return amount ? "bytes" : "bytesPerSecond";
  if (/_seconds(?:_bucket|_total|_sum)?$/.test(name) && !/_(?:timestamp|time)_seconds$/.test(name)) return amount ? "seconds" : "number";
  return "number";
}
