import { CallError } from "../api/call";

/** Query is what was asked for, as it is known now. */
export class Query<T> {
  data = $state.raw<T>();
  error = $state.raw<CallError>();
  loading = $state(true);
  private asked = 0;

  constructor(private readonly load: (signal: AbortSignal) => Promise<T>) {}

  /** ask asks once more. An answer that an earlier question gets afterwards is dropped. */
  async ask(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const asked = ++this.asked;
    const answer = this.load(signal);
    this.loading = true;
    try {
      const data = await answer;
      if (asked !== this.asked || signal.aborted) return;
      this.data = data;
      this.error = undefined;
    } catch (error) {
      if (asked !== this.asked || signal.aborted) return;
      this.error = error instanceof CallError ? error : new CallError("unknown", String(error));
    }
    this.loading = false;
  }
}

/**
 * query asks now, when something that load reads before it waits changes, and every so
 * many milliseconds while the page is in sight. It lives as long as its component.
 */
export function query<T>(load: (signal: AbortSignal) => Promise<T>, every: () => number = () => 0): Query<T> {
  const q = new Query(load);
  $effect(() => {
    const abort = new AbortController();
    void q.ask(abort.signal);
    return () => abort.abort();
  });
  $effect(() => {
    const ms = every();
    if (!ms) return;
    const timer = setInterval(() => {
      if (!document.hidden) void q.ask();
    }, ms);
    return () => clearInterval(timer);
  });
  return q;
}
