import type { Service, Status } from "../api/control";
import type { Words } from "../i18n";
import type { Tone } from "../ui/tone";
import { percent } from "./format";
import type { Trouble } from "./trouble";

export interface Health {
  tone: Tone;
  sentence: string;
  /** Those that are not well. */
  failing: Service[];
}

const named = 3;

const badStates = new Set(["STATE_FAILED", "STATE_BACKING_OFF", "STATE_UNREADY"]);
const restStates = new Set(["STATE_READY", "STATE_COMPLETED", "STATE_SCHEDULED", "STATE_LEFT_OUT"]);

const stopped = (service: Service): boolean => service.state === "STATE_STOPPED" && !service.desired;

/** health says in one sentence how the app is; of troubles the worst, which comes first. */
export function health(status: Status | undefined, firing: number, [trouble]: readonly Trouble[], words: Words["home"]["health"]): Health {
  if (!status) return { tone: "idle", sentence: words.unknown, failing: [] };
  const services = status.services ?? [];
  const failing = services.filter((service) => badStates.has(service.state ?? ""));
  if (status.goingDown) return { tone: "warn", sentence: words.down, failing };
  if (services.length === 0) return { tone: "idle", sentence: words.empty, failing };
  if (failing.length > 0) {
    const names = failing.slice(0, named).map((service) => service.name).join(", ");
    return { tone: "bad", sentence: words.failing(names, failing.length - Math.min(failing.length, named)), failing };
  }
  const long = services.filter((service) => !service.job && service.state !== "STATE_LEFT_OUT" && !stopped(service));
  const ready = long.filter((service) => restStates.has(service.state ?? "")).length;
  if (ready < long.length) return { tone: "busy", sentence: words.starting(ready, long.length), failing };
  if (firing > 0) return { tone: "warn", sentence: words.wellBut(firing), failing };
  if (trouble) {
    const { edge: { to }, errors } = trouble;
    return { tone: "warn", sentence: trouble.what === "slow" ? words.slow(to) : words.errors(to, percent(errors)), failing };
  }
  return { tone: "ok", sentence: words.well(long.length), failing };
}
