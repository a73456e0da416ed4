import type { Completion, Suggestion } from "../api/telemetry";
import { toBytes } from "./utf8";

const functions = [
  "sum by (", "avg by (", "max by (", "min by (", "count by (", "topk(", "rate(", "increase(", "histogram_quantile(", "avg_over_time(", "max_over_time(", "sum_over_time(", "absent(", "delta(", "deriv(", "label_replace(", "clamp_min(",
];

/** Source is what is known of the metrics that are kept. */
export interface Source {
  names: readonly string[];
  help: (name: string) => string;
  /** The labels of a metric; empty: of all. */
  labels: (metric: string) => Promise<readonly string[]>;
  values: (label: string, metric: string) => Promise<readonly string[]>;
}

/** Place is what may stand before the cursor: a metric or function, a label of a metric, or a label's value. */
interface Place {
  kind: "metric" | "label" | "value" | "nothing";
  /** What of it is there already. */
  word: string;
  metric: string;
  label: string;
}

/** place reads what stands before the cursor. */
export function place(before: string): Place {
  const open = unclosed(before);
  const selector = /([a-zA-Z_:][\w:]*)?\s*\{([^{}]*)$/.exec(open.text);
  if (selector) {
    const inside = before.slice(before.length - (selector[2]?.length ?? 0));
    const metric = selector[1] ?? "";
    const value = open.quoted ? /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/.exec(inside) : null;
    if (value) return { kind: "value", word: value[2] ?? "", metric, label: value[1] ?? "" };
    const label = open.quoted ? null : /(?:^|,)\s*([a-zA-Z_]\w*)?$/.exec(inside);
    return label ? { kind: "label", word: label[1] ?? "", metric, label: "" } : { kind: "nothing", word: "", metric, label: "" };
  }
  if (open.quoted) return { kind: "nothing", word: "", metric: "", label: "" };
  const grouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\((?:[^()]*,)?\s*([a-zA-Z_]\w*)?$/i.exec(before);
  if (grouping) return { kind: "label", word: grouping[1] ?? "", metric: "", label: "" };
  const word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? "";
  return { kind: word || before.trim() === "" ? "metric" : "nothing", word, metric: "", label: "" };
}

/** unclosed is a text with the insides of its strings blotted out, and whether it ends within one. */
function unclosed(text: string): { text: string; quoted: boolean } {
  let quoted = false;
  const blotted = text.replace(/\\.|[\s\S]/g, (part) => {
    if (part === '"') quoted = !quoted;
    return quoted && part !== '"' ? "_".repeat(part.length) : part;
  });
  return { text: blotted, quoted };
}

/** completePromql suggests what may stand where the cursor is, which is counted in bytes as the server does. */
export async function completePromql(text: string, cursor: number, source: Source): Promise<Completion> {
  const at = place(text.slice(0, cursor));
  return { from: toBytes(text, cursor - at.word.length), to: toBytes(text, cursor), suggestions: await suggestions(at, source) };
}

async function suggestions({ kind, word, metric, label }: Place, source: Source): Promise<Suggestion[]> {
  const wanted = word.toLowerCase();
  switch (kind) {
    case "metric": {
      const calls = wanted ? functions.filter((name) => name.startsWith(wanted)) : [];
      return [...calls.map((name) => ({ text: name, kind: "function" })), ...nearest(source.names, wanted).filter((name) => name !== word).map((name) => ({ text: name, kind: "metric", detail: source.help(name) }))];
    }
    case "label":
      return nearest(await source.labels(metric), wanted).filter((name) => name !== "__name__").map((name) => ({ text: name, kind: "label" }));
    case "value":
      return nearest(await source.values(label, metric), wanted).map((value) => ({ text: value, kind: "value" }));
    case "nothing":
      return [];
  }
}

/** nearest are the names that have a word, those that begin with it first. */
function nearest(names: readonly string[], wanted: string): string[] {
  const begins = (name: string): number => Number(name.toLowerCase().startsWith(wanted));
  return names.filter((name) => name.toLowerCase().includes(wanted)).sort((a, b) => begins(b) - begins(a) || a.localeCompare(b));
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
