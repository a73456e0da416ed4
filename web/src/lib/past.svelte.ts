// What the metrics say of the last minutes: what is drawn before the stream has told enough.
import { queryRange } from "../api/prometheus";
import { lines, type Lines } from "./history";
import { live } from "./live.svelte";
import { query, type Query } from "./query.svelte";

/** Edges that count: requests that were copied to a mirror are none. */
export const counted = 'callee!="",callee!="banyan",route!~".*mirror of .*"';

/** fresh leaves out what a gauge said last of what is gone: for minutes it would still count. */
export const fresh = (gauge: string): string => `(${gauge} and (time() - timestamp(${gauge}) < 30))`;

export interface While {
  /** Seconds. */
  length: number;
  step: number;
  /** How often it is asked again, in milliseconds. */
  every: number;
}

const lately: While = { length: 900, step: 15, every: 15_000 };

/** past follows a PromQL expression over the last while; an empty one asks nothing. */
export function past(expression: () => string, key: (metric: Record<string, string>) => string = () => "", { length, step, every }: While = lately): Query<Lines> {
  return query(async (signal) => {
    void live.boots;
    const asked = expression();
    if (!asked) return new Map<string, number[]>();
    const to = Math.floor(Date.now() / 1000 / step) * step;
    return lines(await queryRange(asked, to - length, to, step, signal), to - length, to, step, key);
  }, () => every);
}
