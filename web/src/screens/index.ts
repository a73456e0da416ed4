import type { Component } from "svelte";
import { match, type Params } from "../lib/match";

// Screens are loaded when they are first opened.
type Plain = Component<Record<string, never>>;
type Keyed = Component<{ params: Params }>;

const plain: Record<string, () => Promise<{ default: Plain }>> = {
  "/": () => import("./home/Home.svelte"),
  "/services": () => import("./services/Services.svelte"),
  "/map": () => import("./map/Map.svelte"),
  "/traces": () => import("./traces/Traces.svelte"),
  "/logs": () => import("./logs/Logs.svelte"),
  "/topics": () => import("./topics/Topics.svelte"),
  "/sagas": () => import("./sagas/Sagas.svelte"),
  "/query": () => import("./metrics/Metrics.svelte"),
  "/alerts": () => import("./alerts/Alerts.svelte"),
  "/app": () => import("./appfile/AppFile.svelte"),
};

const keyed: Record<string, () => Promise<{ default: Keyed }>> = {
  "/services/:name": () => import("./service/Service.svelte"),
  "/traces/:id": () => import("./trace/Trace.svelte"),
  "/topics/:name": () => import("./topics/Topic.svelte"),
  "/sagas/:id": () => import("./saga/Saga.svelte"),
};

/** Screen is a component that a path leads to; of one thing, if the path names one. */
export interface Screen {
  plain?: Plain;
  keyed?: Keyed;
}

export interface Found {
  load: () => Promise<Screen>;
  params: Params;
}

/** find answers the screen of a path; undefined: there is none. */
export function find(path: string): Found | undefined {
  for (const [pattern, load] of Object.entries(plain)) {
    const params = match(pattern, path);
    if (params) return { params, load: async () => ({ plain: (await load()).default }) };
  }
  for (const [pattern, load] of Object.entries(keyed)) {
    const params = match(pattern, path);
    if (params) return { params, load: async () => ({ keyed: (await load()).default }) };
  }
  return undefined;
}
