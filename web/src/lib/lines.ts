import type { Series } from "../api/prometheus";
import { align } from "./align";

/** Lines are values over time, the oldest first, by what tells series apart. */
export type Lines = ReadonlyMap<string, number[]>;

/** lines begin with the first value there is; what is missing after it is nothing. */
export function lines(series: readonly Series[], from: number, to: number, step: number, key: (metric: Record<string, string>) => string): Lines {
  const { columns } = align(series, from, to, step);
  return new Map(series.map((one, i) => {
    const column = columns[i] ?? [];
    const first = column.findIndex((value) => value !== null);
    return [key(one.metric), first < 0 ? [] : column.slice(first).map((value) => value ?? 0)];
  }));
}

/** drawn is a line up to now: what the metrics say and the newest that the stream says, or all that this says. */
export function drawn(before: readonly number[] | undefined, streamed: readonly number[]): readonly number[] {
  const now = streamed.at(-1);
  if (!before || before.length < 2) return streamed;
  return now === undefined ? before : [...before, now];
}
