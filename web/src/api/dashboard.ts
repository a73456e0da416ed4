import { call } from "./call";
import type { Timestamp } from "./proto";

export interface Problem {
  line?: number;
  column?: number;
  message?: string;
  fix?: string;
  warning?: boolean;
}

/** AppFile is the app file as it is on disk, and as it is in force. */
export interface AppFile {
  path?: string;
  environment?: string;
  text?: string;
  rendered?: string;
  problems?: Problem[];
  changed?: boolean;
}

/** Action is what somebody did, or tried to do. */
export interface Action {
  time?: Timestamp;
  who?: string;
  role?: string;
  from?: string;
  procedure?: string;
  what?: string;
  result?: string;
  took?: string;
}

export const getAppFile = (signal?: AbortSignal): Promise<AppFile> => call("DashboardService/GetAppFile", {}, signal);
export const listActions = (limit: number, signal?: AbortSignal): Promise<{ actions?: Action[]; more?: boolean }> =>
  call("DashboardService/ListActions", { limit, before: "0" }, signal);
