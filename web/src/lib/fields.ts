import type { Attribute, LogEntry } from "../api/telemetry";

const most = 8;
const lettersMost = 60;
// Fields that each line has anyway.
const own = new Set(["service", "instance", "revision", "severity", "level", "scope", "text", "trace", "span"]);
// What says where the line came from rather than what happened; all of it is in the details.
const dull = /^(log\.(iostream|file\..*|record\..*)|thread(\..*|_.*)?|code\..*|logger|caller|process\..*|pid|hostname|exception\.stacktrace|stack(trace)?|banyan\..*)$/i;

/** beside are the attributes of a line that are shown behind its text, shortened. */
export function beside(log: LogEntry): { key: string; value: string }[] {
  const text = log.text ?? "";
  return (log.attributes ?? [])
    .filter(({ key, value }) => value && !dull.test(key) && !(key === "service" && value === log.service) && !text.includes(`${key}=${value}`))
    .slice(0, most)
    .map(({ key, value = "" }) => ({ key, value: value.length > lettersMost ? `${value.slice(0, lettersMost - 1)}…` : value }));
}

/** bundle is the name of the bundle that something was imported from; empty: it was seen here. */
export function bundle(resource: readonly Attribute[] | undefined): string {
  return resource?.find(({ key }) => key === "banyan.bundle")?.value ?? "";
}

const oftenLeast = 0.05; // of the lines
const distinctMost = 30;

/** common are attributes whose values tell lines apart in groups: those that many have, with few values, by name. */
export function common(logs: readonly LogEntry[], count: number): string[] {
  const values = new Map<string, { seen: number; distinct: Set<string> }>();
  for (const log of logs) {
    for (const { key, value = "" } of log.attributes ?? []) {
      if (dull.test(key) || own.has(key)) continue;
      const one = values.get(key) ?? { seen: 0, distinct: new Set<string>() };
      one.seen++;
      one.distinct.add(value);
      values.set(key, one);
    }
  }
  return [...values]
    .filter(([, { seen, distinct }]) => seen >= Math.max(logs.length * oftenLeast, 3) && distinct.size <= Math.min(distinctMost, seen / 2))
    .sort(([a, one], [b, other]) => other.seen - one.seen || a.localeCompare(b))
    .slice(0, count)
    .map(([key]) => key)
    .sort();
}
