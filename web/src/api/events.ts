import { call } from "./call";
import type { Bytes, Int64, Timestamp } from "./proto";

export type TopicState = "TOPIC_STATE_UNSPECIFIED" | "TOPIC_STATE_OK" | "TOPIC_STATE_DEGRADED" | "TOPIC_STATE_STOPPED";
export type SubscriptionState =
  | "SUBSCRIPTION_STATE_UNSPECIFIED" | "SUBSCRIPTION_STATE_ACTIVE" | "SUBSCRIPTION_STATE_BLOCKED" | "SUBSCRIPTION_STATE_UNREACHABLE"
  | "SUBSCRIPTION_STATE_WAITING" | "SUBSCRIPTION_STATE_PAUSED" | "SUBSCRIPTION_STATE_GONE" | "SUBSCRIPTION_STATE_STOPPED" | "SUBSCRIPTION_STATE_ORPHANED";

export interface Subscription {
  service: string;
  state?: SubscriptionState;
  reason?: string;
  until?: Timestamp;
  lag?: Int64;
  oldest?: Timestamp;
  inFlight?: Int64;
  retrying?: Int64;
  dead?: Int64;
  delivered?: Int64;
  failed?: Int64;
  lost?: Int64;
}

export interface Topic {
  name: string;
  state?: TopicState;
  reason?: string;
  events?: Int64;
  bytes?: Int64;
  oldest?: Timestamp;
  delayed?: Int64;
  published?: Int64;
  duplicates?: Int64;
  refused?: Int64;
  subscriptions?: Subscription[];
}

export interface Outbox {
  service: string;
  waiting?: Int64;
  refused?: Int64;
  reason?: string;
}

export interface Topics {
  since?: Timestamp;
  time?: Timestamp;
  topics?: Topic[];
  outboxes?: Outbox[];
}

export interface StoredEvent {
  sequence?: string;
  time?: Timestamp;
  event?: { attributes?: Record<string, string>; data?: Bytes };
}

export interface DeadLetter {
  id: Int64;
  service: string;
  event?: StoredEvent;
  attempts?: number;
  first?: Timestamp;
  last?: Timestamp;
  status?: number;
  error?: string;
  response?: Bytes;
}

/** Which dead letters: those of a service, or one; of a topic, all. */
export interface DeadOf {
  topic: string;
  service?: string;
  id?: Int64;
}

export const listTopics = (signal?: AbortSignal): Promise<Topics> => call("ControlService/ListTopics", {}, signal);
export const listDead = (topic: string, after: Int64, signal?: AbortSignal): Promise<{ dead?: DeadLetter[] }> =>
  call("ControlService/ListDead", { topic, after }, signal);
export const redrive = (of: DeadOf): Promise<{ delivered?: Int64; failed?: Int64 }> => call("ControlService/Redrive", of);
export const discard = (of: DeadOf): Promise<{ dropped?: Int64 }> => call("ControlService/DropEvents", of);
export const setPaused = (topic: string, service: string, paused: boolean): Promise<object> =>
  call("ControlService/SetSubscription", { topic, service, paused });
