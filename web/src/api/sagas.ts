import { call } from "./call";
import type { Bytes, Duration, Int64, Timestamp } from "./proto";

export type SagaState =
  | "SAGA_STATE_UNSPECIFIED" | "SAGA_STATE_RUNNING" | "SAGA_STATE_COMPENSATING" | "SAGA_STATE_NEEDS_ATTENTION" | "SAGA_STATE_SUCCEEDED" | "SAGA_STATE_COMPENSATED";
export type SagaAction = "SAGA_ACTION_CANCEL" | "SAGA_ACTION_RETRY" | "SAGA_ACTION_SKIP" | "SAGA_ACTION_COMPENSATE";

export interface SagaStep {
  name: string;
  phase?: string;
  attempts?: number;
  output?: Bytes;
  error?: string;
  due?: Timestamp;
  needsAttention?: boolean;
  child?: string;
}

export interface Saga {
  id: string;
  name?: string;
  state?: SagaState;
  reason?: string;
  created?: Timestamp;
  updated?: Timestamp;
  deadline?: Timestamp;
  due?: Timestamp;
  startedBy?: string;
  parent?: string;
  input?: Bytes;
  steps?: SagaStep[];
  definition?: string;
}

export interface SagaEntry {
  n?: Int64;
  time?: Timestamp;
  step?: string;
  op?: string;
  attempt?: number;
  request?: string;
  took?: Duration;
  status?: number;
  outcome?: string;
  body?: Bytes;
  text?: string;
}

export interface ListSagas {
  name?: string;
  state?: SagaState;
  cursor?: string;
  limit?: number;
}

export interface SagaHistory {
  saga?: Saga;
  timeline?: SagaEntry[];
  omitted?: Int64;
}

export const listSagas = (request: ListSagas, signal?: AbortSignal): Promise<{ sagas?: Saga[]; cursor?: string }> =>
  call("ControlService/ListSagas", request, signal);
export const getSaga = (id: string, signal?: AbortSignal): Promise<SagaHistory> => call("ControlService/GetSaga", { id }, signal);
export const steer = (id: string, action: SagaAction, step: string, reason: string): Promise<{ saga?: Saga }> =>
  call("ControlService/SteerSaga", { id, action, step, reason });
