import { CallError, refusal } from "./call";

/** Series is one line of a chart: pairs of a time in seconds and a number. */
export interface Series {
  metric: Record<string, string>;
  values: [number, string][];
}

export interface Metadata {
  type: string;
  help: string;
}

interface Answer<T> {
  status: string;
  data?: T;
  error?: string;
  warnings?: string[];
}

async function get<T>(path: string, query: Record<string, string>, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(query)}`, signal ? { signal } : {});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError("unavailable", "");
  }
  const json = answer.headers.get("Content-Type")?.startsWith("application/json");
  if (!json) throw answer.ok ? new CallError("unimplemented", "") : await refusal(answer);
  const { status, data, error } = (await answer.json()) as Answer<T>;
  if (status !== "success" || data === undefined) throw new CallError("invalid_argument", error ?? "");
  return data;
}

/** queryRange evaluates an expression every step seconds from from to to, in seconds. */
export async function queryRange(query: string, from: number, to: number, step: number, signal?: AbortSignal): Promise<Series[]> {
  const { result } = await get<{ result: Series[] }>("query_range", { query, start: String(from), end: String(to), step: String(step) }, signal);
  return result;
}

export const metricNames = (signal?: AbortSignal): Promise<string[]> => get("label/__name__/values", {}, signal);
export const metadata = (signal?: AbortSignal): Promise<Record<string, Metadata[]>> => get("metadata", {}, signal);

/** Exemplar is one of what was counted: its trace, how much it was, and when, in seconds. */
export interface Exemplar {
  labels: Record<string, string>;
  value: string;
  timestamp: number;
}

export interface ExemplarSeries {
  seriesLabels: Record<string, string>;
  exemplars: Exemplar[];
}

export const queryExemplars = (query: string, from: number, to: number, signal?: AbortSignal): Promise<ExemplarSeries[]> =>
  get<ExemplarSeries[] | null>("query_exemplars", { query, start: String(from), end: String(to) }, signal).then((found) => found ?? []);

const matching = (metric: string): Record<string, string> => (metric ? { "match[]": metric } : {});

export const labelNames = (metric: string): Promise<string[]> => get("labels", matching(metric));
export const labelValues = (label: string, metric: string): Promise<string[]> => get(`label/${encodeURIComponent(label)}/values`, matching(metric));
