import { call } from "./call";
import type { Duration, Int64, Timestamp } from "./proto";

export interface Attribute {
  key: string;
  value?: string;
  type?: string;
}

export interface Span {
  traceId: string;
  spanId: string;
  parentId?: string;
  name?: string;
  kind?: string;
  start?: Timestamp;
  duration?: Duration;
  status?: string;
  message?: string;
  service?: string;
  instance?: string;
  revision?: string;
  scope?: string;
  scopeVersion?: string;
  traceState?: string;
  attributes?: Attribute[];
  resource?: Attribute[];
  events?: { time?: Timestamp; name?: string; attributes?: Attribute[] }[];
  links?: { traceId: string; spanId: string; attributes?: Attribute[] }[];
}

export interface LogEntry {
  time?: Timestamp;
  severity?: string;
  text?: string;
  service?: string;
  instance?: string;
  revision?: string;
  traceId?: string;
  spanId?: string;
  scope?: string;
  attributes?: Attribute[];
  resource?: Attribute[];
}

export interface TraceSummary {
  traceId: string;
  rootService?: string;
  rootName?: string;
  start?: Timestamp;
  duration?: Duration;
  spans?: number;
  errors?: number;
  services?: { service?: string; spans?: number; errors?: number }[];
  matched?: number;
}

export interface TraceSearch {
  filter: string;
  from?: Timestamp;
  to?: Timestamp;
  limit?: number;
  slowestFirst?: boolean;
}

export interface FoundTraces {
  traces?: TraceSummary[];
  more?: boolean;
  scannedSpans?: Int64;
  scannedBlocks?: number;
}

export interface Trace {
  spans?: Span[];
  logs?: LogEntry[];
  cut?: boolean;
}

export interface LogSearch {
  filter: string;
  from?: Timestamp;
  to?: Timestamp;
  limit?: number;
  cursor?: string;
}

export interface FoundLogs {
  logs?: LogEntry[];
  next?: string;
  scannedLogs?: Int64;
  scannedBlocks?: number;
}

export interface LogCount {
  step?: Duration;
  buckets?: { start?: Timestamp; counts?: Record<string, Int64> }[];
  facets?: { field: string; values?: { value?: string; count?: Int64 }[] }[];
  total?: Int64;
}

export type Signal = "SIGNAL_TRACES" | "SIGNAL_LOGS";

export interface Completion {
  from?: number;
  to?: number;
  suggestions?: Suggestion[];
  error?: string;
  errorAt?: number;
}

export interface Suggestion {
  text: string;
  kind?: string;
  detail?: string;
}

export interface Rates {
  perSecond?: number;
  errorsPerSecond?: number;
  p50?: Duration;
  p95?: Duration;
  p99?: Duration;
}

export interface MapNode {
  id: string;
  kind?: string;
  name?: string;
  state?: string;
  owner?: string;
  rates?: Rates;
}

export interface MapEdge {
  from: string;
  to: string;
  kind?: string;
  declared?: boolean;
  rates?: Rates;
  refusedPerSecond?: number;
}

export interface ServiceMap {
  nodes?: MapNode[];
  edges?: MapEdge[];
}

export interface Alert {
  labels?: Record<string, string>;
  summary?: string;
  description?: string;
  state?: string;
  since?: Timestamp;
  resolvedAt?: Timestamp;
  value?: number;
}

export interface AlertRule {
  name: string;
  group?: string;
  expression?: string;
  for?: Duration;
  severity?: string;
  summary?: string;
  description?: string;
  shipped?: boolean;
  state?: string;
  alerts?: Alert[];
  error?: string;
  evaluatedAt?: Timestamp;
}

export interface Kept {
  stores?: { name: string; records?: Int64; diskBytes?: Int64; limitBytes?: Int64; oldest?: Timestamp; sampledBefore?: Timestamp; takenIn?: Int64; error?: string }[];
  drops?: { where?: string; reason?: string; count?: Int64 }[];
  receivers?: string[];
}

export const searchTraces = (request: TraceSearch, signal?: AbortSignal): Promise<FoundTraces> => call("TelemetryService/SearchTraces", request, signal);
export const getTrace = (traceId: string, signal?: AbortSignal): Promise<Trace> => call("TelemetryService/GetTrace", { traceId }, signal);
export const searchLogs = (request: LogSearch, signal?: AbortSignal): Promise<FoundLogs> => call("TelemetryService/SearchLogs", request, signal);
export const countLogs = (request: { filter: string; from: Timestamp; to: Timestamp; buckets: number; fields: string[] }, signal?: AbortSignal): Promise<LogCount> =>
  call("TelemetryService/CountLogs", request, signal);
export const complete = (request: { signal: Signal; filter: string; position: number }, signal?: AbortSignal): Promise<Completion> =>
  call("TelemetryService/Complete", request, signal);
export const getMap = (from: Timestamp, to: Timestamp, signal?: AbortSignal): Promise<ServiceMap> => call("TelemetryService/GetMap", { from, to }, signal);
export const listAlerts = async (signal?: AbortSignal): Promise<AlertRule[]> =>
  (await call<object, { rules?: AlertRule[] }>("TelemetryService/ListAlerts", {}, signal)).rules ?? [];
export const getTelemetry = (signal?: AbortSignal): Promise<Kept> => call("TelemetryService/GetTelemetry", {}, signal);
