/** Kinds are the states that the dashboard follows. */
export const kinds = ["status", "usage", "rates", "topics", "sagas", "alerts"] as const;

/** Message is what a source tells: an event of the server, or how the connection is. */
export interface Message {
  kind: string;
  /** The event's JSON; of "link": open, lost, down or closed. */
  data: string;
}

const beatMost = 25_000; // the server sends a beat each 10 s
const waitFirst = 500;
const waitMost = 5000;
const events = ["hello", ...kinds, "logs", "missed"] as const;

/**
 * Source is one connection to the server's event stream. It connects again until it
 * is closed: EventSource gives up where an answer is an error, and does not notice a
 * connection that is dead.
 */
export class Source {
  private events: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wait = waitFirst;
  private down = false;

  constructor(private readonly address: string, private readonly tell: (message: Message) => void) {
    this.connect();
  }

  close(): void {
    clearTimeout(this.timer);
    this.events?.close();
    this.events = undefined;
  }

  private connect(): void {
    this.close();
    const source = new EventSource(this.address);
    this.events = source;
    for (const kind of events) {
      source.addEventListener(kind, (event) => {
        this.alive();
        if (kind === "hello") this.opened();
        this.tell({ kind, data: (event as MessageEvent<string>).data });
      });
    }
    source.addEventListener("beat", () => this.alive());
    source.addEventListener("bye", (event) => this.bye((event as MessageEvent<string>).data));
    source.onerror = () => this.lost();
    this.alive();
  }

  private opened(): void {
    this.wait = waitFirst;
    this.down = false;
    this.tell({ kind: "link", data: "open" });
  }

  private bye(data: string): void {
    const { reason } = JSON.parse(data) as { reason?: string };
    this.down = reason === "down";
    this.lost();
  }

  private alive(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), beatMost);
  }

  private lost(): void {
    this.close();
    this.tell({ kind: "link", data: this.down ? "down" : "lost" });
    this.timer = setTimeout(() => this.connect(), this.down ? waitMost : this.wait);
    this.wait = Math.min(this.wait * 2, waitMost);
  }
}
