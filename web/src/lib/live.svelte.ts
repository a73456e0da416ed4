// The app as it is now, from the one event stream.
import type { Status } from "../api/control";
import type { Topics } from "../api/events";
import type { Saga } from "../api/sagas";
import { getSession, type Session } from "../api/session";
import type { AlertRule } from "../api/telemetry";
import { CallError } from "../api/call";
import { listen } from "../stream";
import type { Message } from "../stream/source";
import type { Sample } from "./rates";

export interface Use {
  cpu: number;
  memory: number;
}

export interface Usage {
  time: string;
  daemon?: Use;
  data_plane?: Use;
  instances?: Record<string, Use>;
}

export type Link = "connecting" | "open" | "lost" | "down";

const samplesKept = 300;
const usageKept = 60;

class Live {
  link = $state<Link>("connecting");
  session = $state.raw<Session>();
  /** Set where nobody is signed in: how to. */
  signIn = $state<string>();
  status = $state.raw<Status>();
  samples = $state.raw<Sample[]>([]);
  usage = $state.raw<Usage[]>([]);
  topics = $state.raw<Topics>();
  /** The counts before these: rates are differences. */
  topicsBefore = $state.raw<Topics>();
  sagas = $state.raw<Saga[]>();
  alerts = $state.raw<AlertRule[]>();
  /** Grows whenever the daemon is another: what was asked before may be wrong now. */
  boots = $state(0);
  private boot = "";
  private version = "";

  readonly operator = $derived(this.session?.role === "operator");
  readonly firing = $derived((this.alerts ?? []).flatMap((rule) => (rule.alerts ?? []).filter((a) => a.state === "firing").map((alert) => ({ rule, alert }))));

  /** run follows the stream and answers what stops that. */
  run(): () => void {
    void this.enter();
    let stop: (() => void) | undefined;
    const end = $effect.root(() => {
      $effect(() => {
        if (this.signIn !== undefined) return;
        stop = listen((message) => this.hear(message));
        return () => stop?.();
      });
    });
    return end;
  }

  /** enter asks who is signed in. */
  async enter(): Promise<void> {
    try {
      const answer = await getSession();
      if ("role" in answer) {
        this.session = answer;
        this.signIn = undefined;
      } else {
        this.signIn = answer.signIn;
      }
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.link = "lost";
    }
  }

  private hear({ kind, data }: Message): void {
    switch (kind) {
      case "link":
        return this.linked(data as Link);
      case "hello":
        return this.hello(JSON.parse(data) as { boot: string; version: string });
      case "status":
        this.status = JSON.parse(data) as Status;
        return;
      case "usage":
        this.usage = [...this.usage.slice(1 - usageKept), JSON.parse(data) as Usage];
        return;
      case "rates":
        this.sample(JSON.parse(data) as Sample);
        return;
      case "topics":
        this.topicsBefore = this.topics;
        this.topics = JSON.parse(data) as Topics;
        return;
      case "sagas":
        this.sagas = (JSON.parse(data) as { sagas?: Saga[] }).sagas ?? [];
        return;
      case "alerts":
        this.alerts = (JSON.parse(data) as { rules?: AlertRule[] }).rules ?? [];
    }
  }

  private linked(link: Link): void {
    if (link === "lost" && this.link !== "lost") void this.enter(); // the session may be over
    this.link = link;
  }

  private hello({ boot, version }: { boot: string; version: string }): void {
    if (this.version && version !== this.version) location.reload();
    if (this.boot && boot !== this.boot) {
      this.boots++;
      this.samples = [];
      this.usage = [];
      this.topicsBefore = undefined;
      void this.enter();
    }
    this.boot = boot;
    this.version = version;
  }

  private sample(sample: Sample): void {
    const newest = this.samples.at(-1);
    if (newest && Date.parse(newest.time) >= Date.parse(sample.time)) return; // sent again after a reconnect
    this.samples = [...this.samples.slice(1 - samplesKept), sample];
  }
}

export const live = new Live();
