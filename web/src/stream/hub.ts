import { kinds, Source, type Message } from "./source";

const ratesKept = 300;

/**
 * Hub shares one source between many listeners. A listener that comes late gets the
 * newest of each state first, and the rates of the last minutes.
 */
export class Hub {
  private readonly listeners = new Set<(message: Message) => void>();
  private readonly newest = new Map<string, Message>();
  private rates: Message[] = [];
  private source: Source | undefined;

  add(listener: (message: Message) => void): void {
    this.listeners.add(listener);
    for (const message of this.newest.values()) listener(message);
    for (const message of this.rates) listener(message);
    this.source ??= new Source(`/api/stream?kinds=${kinds.join(",")}`, (message) => this.tell(message));
  }

  /** remove ends the source with its last listener. */
  remove(listener: (message: Message) => void): void {
    this.listeners.delete(listener);
    if (this.listeners.size > 0) return;
    this.source?.close();
    this.source = undefined;
    this.newest.clear();
    this.rates = [];
  }

  private tell(message: Message): void {
    if (message.kind === "rates") this.rates = [...this.rates.slice(1 - ratesKept), message];
    else this.newest.set(message.kind, message);
    for (const listener of this.listeners) listener(message);
  }
}
