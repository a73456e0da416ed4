import { CallError, refusal } from "../api/call";
import type { LogEntry } from "../api/telemetry";
import { Source, type Message } from "./source";

export interface Tail {
  entries(entries: LogEntry[], missed: number): void;
  failed(error: CallError): void;
}

/** tail follows the logs that a filter matches, on a connection of its own; it answers what ends that. */
export function tail(filter: string, last: number, to: Tail): () => void {
  const source = new Source("/api/stream", (message) => hear(message));
  let wanted = last;
  function hear({ kind, data }: Message): void {
    if (kind === "hello") {
      const { stream } = JSON.parse(data) as { stream: string };
      void subscribe(stream, filter, wanted).catch((error: unknown) => {
        source.close();
        to.failed(error instanceof CallError ? error : new CallError("unknown", String(error)));
      });
      wanted = 0; // after a reconnect, only what is new
    } else if (kind === "logs") {
      const { entries, missed } = JSON.parse(data) as { entries?: LogEntry[]; missed?: number | string };
      to.entries(entries ?? [], Number(missed ?? 0));
    }
  }
  return () => source.close();
}

async function subscribe(stream: string, filter: string, last: number): Promise<void> {
  const answer = await fetch(`/api/stream/${encodeURIComponent(stream)}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logs: { filter, last } }),
  });
  if (!answer.ok && answer.status !== 404) throw await refusal(answer);
}
