import type { LogEntry, Span } from "../api/telemetry";

/** matcher says whether texts have all words that were asked for, in upper or lower case. */
function matcher(words: string): (texts: Iterable<string | undefined>) => boolean {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (texts) => {
    const left = new Set(wanted);
    for (const text of texts) {
      if (!text) continue;
      const lower = text.toLowerCase();
      for (const word of left) if (lower.includes(word)) left.delete(word);
      if (left.size === 0) return true;
    }
    return left.size === 0;
  };
}

function* ofSpan(span: Span): Generator<string | undefined> {
  yield span.name;
  yield span.service;
  yield span.message;
  yield span.spanId;
  yield span.scope;
  yield span.instance;
  yield span.status;
  for (const { key, value } of span.attributes ?? []) yield `${key}=${value ?? ""}`;
  for (const event of span.events ?? []) {
    yield event.name;
    for (const { key, value } of event.attributes ?? []) yield `${key}=${value ?? ""}`;
  }
}

function* ofLog(log: LogEntry): Generator<string | undefined> {
  yield log.text;
  yield log.service;
  yield log.severity;
  yield log.instance;
  for (const { key, value } of log.attributes ?? []) yield `${key}=${value ?? ""}`;
}

/** spansWith are the ids of the spans that have all of some words; undefined: no word was asked for. */
export function spansWith(spans: Iterable<Span>, words: string): Set<string> | undefined {
  if (!words.trim()) return undefined;
  const matches = matcher(words);
  const found = new Set<string>();
  for (const span of spans) if (matches(ofSpan(span))) found.add(span.spanId);
  return found;
}

/** logsWith are the lines that have all of some words; undefined: no word was asked for. */
export function logsWith(logs: readonly LogEntry[], words: string): Set<LogEntry> | undefined {
  if (!words.trim()) return undefined;
  const matches = matcher(words);
  return new Set(logs.filter((log) => matches(ofLog(log))));
}

/** turn is the place in a list of so many after another one, round and round; -1: the list is empty. */
export function turn(place: number, by: 1 | -1, many: number): number {
  if (many === 0) return -1;
  return place < 0 ? (by > 0 ? 0 : many - 1) : (place + by + many) % many;
}
