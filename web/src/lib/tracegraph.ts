import type { Span } from "../api/telemetry";
import { parents, type Row } from "./waterfall";

/** Part is who took part in a trace: a service, or what it used. */
export interface Part {
  id: string;
  kind: "service" | "gateway" | "client" | "topic" | "database" | "outside";
  name: string;
  spans: number;
  errors: number;
  /** Milliseconds that no child of its spans takes. */
  own: number;
  /** The class of a service's colour. */
  hue: string;
}

/** Calls are those of one part to another. */
export interface Calls {
  id: string;
  from: string;
  to: string;
  calls: number;
  errors: number;
  /** Milliseconds, of all calls together. */
  total: number;
}

export interface TraceGraph {
  nodes: Part[];
  edges: Calls[];
}

const busScope = "banyan.bus";

const attribute = (span: Span, ...keys: string[]): string => {
  for (const key of keys) {
    const value = span.attributes?.find((one) => one.key === key)?.value;
    if (value) return value;
  }
  return "";
};

const named = (name: string): Pick<Part, "kind" | "name"> => ({ kind: name === "gateway" ? "gateway" : "service", name });

/** of is whose a span is: what passes the bus is its topic's. */
export function of(span: Span): Pick<Part, "kind" | "name"> {
  const topic = span.scope === busScope ? attribute(span, "messaging.destination.name") : "";
  return topic ? { kind: "topic", name: topic } : named(span.service ?? "");
}

export const idOf = ({ kind, name }: Pick<Part, "kind" | "name">): string => `${kind}:${name}`;

/** used is the database or the outside host that a span calls; undefined: neither, or the callee's own spans are there. */
function used(row: Row): Pick<Part, "kind" | "name"> | undefined {
  const { span } = row;
  if (span.kind !== "client" || row.below > 0) return undefined;
  const host = attribute(span, "server.address", "net.peer.name");
  const system = attribute(span, "db.system.name", "db.system");
  if (system) return { kind: "database", name: attribute(span, "db.namespace", "db.name") || host || system };
  return host && attribute(span, "http.request.method", "http.method", "rpc.system") ? { kind: "outside", name: host } : undefined;
}

/** traceGraph is a trace by who called whom. */
export function traceGraph(rows: readonly Row[]): TraceGraph {
  const nodes = new Map<string, Part>();
  const edges = new Map<string, Calls>();
  const ups = parents(rows);
  const node = (who: Pick<Part, "kind" | "name">): Part => {
    const id = idOf(who);
    const found = nodes.get(id) ?? { id, ...who, spans: 0, errors: 0, own: 0, hue: "" };
    nodes.set(id, found);
    return found;
  };
  const call = (from: Part, to: Part, row: Row): void => {
    if (from === to) return;
    const id = `${from.id}>${to.id}`;
    const calls = edges.get(id) ?? { id, from: from.id, to: to.id, calls: 0, errors: 0, total: 0 };
    calls.calls++;
    calls.errors += row.failed ? 1 : 0;
    calls.total += row.length;
    edges.set(id, calls);
  };
  for (const [i, row] of rows.entries()) {
    const part = node(of(row.span));
    part.hue ||= row.hue;
    part.spans++;
    part.errors += row.failed ? 1 : 0;
    part.own += row.own;
    const parent = rows[ups[i] ?? -1];
    const caller = parent ? undefined : attribute(row.span, "banyan.caller");
    if (parent) call(node(of(parent.span)), part, row);
    else if (caller) call(node(named(caller)), part, row);
    const other = used(row);
    if (!other) continue;
    const callee = node(other);
    callee.spans++;
    callee.errors += row.failed ? 1 : 0;
    call(part, callee, row);
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}
