import { CallError, refusal } from "./call";
import type { Timestamp } from "./proto";

/** Wanted is what a bundle shall hold: what a filter finds between two times, or one trace. */
export type Wanted = { filter: string; from: Timestamp; to: Timestamp } | { trace: string };

/** Imported is what came of an import. */
export interface Imported {
  bundle: string;
  /** What finds it. */
  filter: string;
  app: string;
  traces: number;
  spans: number;
  logs: number;
  known_traces: number;
  known_spans: number;
  known_logs: number;
  too_old: number;
  from?: Timestamp;
  to?: Timestamp;
  kept_until?: Timestamp;
  /** What was asked for when it was made, and is not in it. */
  left?: string[];
}

const path = "/api/telemetry/bundle";

async function ask(address: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, init);
  } catch {
    throw new CallError("unavailable", "");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** exportBundle answers a file with its name. */
export async function exportBundle(wanted: Wanted): Promise<{ name: string; data: Blob }> {
  const query = "trace" in wanted ? { trace: wanted.trace } : { filter: wanted.filter, start: wanted.from, end: wanted.to };
  const answer = await ask(`${path}?${new URLSearchParams(query)}`, {});
  const name = /filename="?([^";]+)"?/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "telemetry.tar.gz";
  return { name, data: await answer.blob() };
}

export async function importBundle(file: Blob): Promise<Imported> {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/gzip" }, body: file });
  return (await answer.json()) as Imported;
}
