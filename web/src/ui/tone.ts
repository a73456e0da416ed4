import type { State } from "../api/control";
import type { SubscriptionState, TopicState } from "../api/events";
import type { SagaState } from "../api/sagas";

/** Tone is what a state means to somebody who looks for trouble. */
export type Tone = "ok" | "warn" | "bad" | "busy" | "idle";

const states: Record<State, Tone> = {
  STATE_UNSPECIFIED: "idle", STATE_WAITING: "busy", STATE_BUILDING: "busy", STATE_STARTING: "busy", STATE_READY: "ok", STATE_UNREADY: "warn",
  STATE_BACKING_OFF: "bad", STATE_STOPPING: "busy", STATE_STOPPED: "idle", STATE_FAILED: "bad", STATE_COMPLETED: "ok", STATE_LEFT_OUT: "idle", STATE_SCHEDULED: "idle",
};

const topics: Record<TopicState, Tone> = { TOPIC_STATE_UNSPECIFIED: "idle", TOPIC_STATE_OK: "ok", TOPIC_STATE_DEGRADED: "warn", TOPIC_STATE_STOPPED: "bad" };

const subscriptions: Record<SubscriptionState, Tone> = {
  SUBSCRIPTION_STATE_UNSPECIFIED: "idle", SUBSCRIPTION_STATE_ACTIVE: "ok", SUBSCRIPTION_STATE_BLOCKED: "bad", SUBSCRIPTION_STATE_UNREACHABLE: "bad",
  SUBSCRIPTION_STATE_WAITING: "busy", SUBSCRIPTION_STATE_PAUSED: "warn", SUBSCRIPTION_STATE_GONE: "warn", SUBSCRIPTION_STATE_STOPPED: "bad", SUBSCRIPTION_STATE_ORPHANED: "idle",
};

const sagas: Record<SagaState, Tone> = {
  SAGA_STATE_UNSPECIFIED: "idle", SAGA_STATE_RUNNING: "busy", SAGA_STATE_COMPENSATING: "warn", SAGA_STATE_NEEDS_ATTENTION: "bad", SAGA_STATE_SUCCEEDED: "ok", SAGA_STATE_COMPENSATED: "idle",
};

export const stateTone = (state: State | undefined): Tone => states[state ?? "STATE_UNSPECIFIED"] ?? "idle";
export const topicTone = (state: TopicState | undefined): Tone => topics[state ?? "TOPIC_STATE_UNSPECIFIED"] ?? "idle";
export const subscriptionTone = (state: SubscriptionState | undefined): Tone => subscriptions[state ?? "SUBSCRIPTION_STATE_UNSPECIFIED"] ?? "idle";
export const sagaTone = (state: SagaState | undefined): Tone => sagas[state ?? "SAGA_STATE_UNSPECIFIED"] ?? "idle";

/** severityTone is of an alert's or a log record's severity. */
export function severityTone(severity: string | undefined): Tone {
  if (severity === "critical" || severity === "error" || severity === "fatal") return "bad";
  if (severity === "warning" || severity === "warn") return "warn";
  return severity === "info" ? "busy" : "idle";
}
