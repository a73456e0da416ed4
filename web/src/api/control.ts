import { call } from "./call";
import type { Duration, Int64, Timestamp } from "./proto";

export type State =
  | "STATE_UNSPECIFIED" | "STATE_WAITING" | "STATE_BUILDING" | "STATE_STARTING" | "STATE_READY" | "STATE_UNREADY" | "STATE_BACKING_OFF"
  | "STATE_STOPPING" | "STATE_STOPPED" | "STATE_FAILED" | "STATE_COMPLETED" | "STATE_LEFT_OUT" | "STATE_SCHEDULED";

export interface Process {
  pid?: number;
  version?: string;
  startedAt?: Timestamp;
  state?: State;
  reason?: string;
  memoryBytes?: Int64;
  cpuTime?: Duration;
}

export interface Instance {
  id: string;
  revision?: string;
  state?: State;
  reason?: string;
  pid?: number;
  address?: string;
  startedAt?: Timestamp;
  readyAt?: Timestamp;
  retryAt?: Timestamp;
  restarts?: number;
  memoryBytes?: Int64;
  cpuTime?: Duration;
  warnings?: string[];
}

export interface Service {
  name: string;
  job?: boolean;
  owner?: string;
  state?: State;
  reason?: string;
  details?: string[];
  desired?: number;
  ready?: number;
  revision?: string;
  updating?: boolean;
  instances?: Instance[];
  nextRun?: Timestamp;
}

export interface Status {
  app?: string;
  path?: string;
  environment?: string;
  generation?: Int64;
  gatewayUrls?: string[];
  services?: Service[];
  daemon?: Process;
  dataPlane?: Process;
  warnings?: string[];
  settled?: boolean;
  stuck?: boolean;
  goingDown?: boolean;
}

export interface Latency {
  count?: Int64;
  sum?: Duration;
  p50?: Duration;
  p90?: Duration;
  p99?: Duration;
  buckets?: { from?: Duration; to?: Duration; count?: Int64 }[];
}

export interface Counters {
  requests?: Int64;
  statuses?: Record<string, Int64>;
  codes?: Record<string, Int64>;
  errors?: Int64;
  retries?: Int64;
  bytesIn?: Int64;
  bytesOut?: Int64;
  latency?: Latency;
  upstream?: Latency;
}

export interface EdgeStats {
  caller?: string;
  callee?: string;
  route?: string;
  inFlight?: Int64;
  total?: Counters;
  revisions?: { revision?: string; counters?: Counters }[];
}

export interface Stats {
  since?: Timestamp;
  time?: Timestamp;
  edges?: EdgeStats[];
  overflow?: Int64;
  refusals?: Record<string, Int64>;
}

export const getStatus = async (signal?: AbortSignal): Promise<Status> =>
  (await call<object, { status?: Status }>("ControlService/GetStatus", {}, signal)).status ?? {};
export const stats = (service: string, signal?: AbortSignal): Promise<Stats> => call("ControlService/Stats", { service }, signal);
export const restart = (service: string): Promise<object> => call("ControlService/Restart", { service });
export const scale = (service: string, replicas: number): Promise<object> => call("ControlService/Scale", { service, replicas });
export const runJob = (job: string): Promise<object> => call("ControlService/RunJob", { job });
