import { ms } from "../../api/proto";
import type { MapEdge, MapNode, Rates, ServiceMap } from "../../api/telemetry";
import { grouped } from "./groups";

/** Node is what is drawn: a service, or all of a group. */
export interface Node {
  id: string;
  kind: string;
  name: string;
  state: string;
  owner: string;
  /** What it is drawn in where there are many; empty: in nothing. */
  group: string;
  rates: Flow;
  /** How many services it stands for; 0: it is no group. */
  size: number;
}

export interface Edge {
  id: string;
  from: string;
  to: string;
  kind: string;
  look: "failing" | "calls" | "unused" | "unseen" | "refused";
  rates: Flow;
  refused: number;
}

/** Flow is rates in numbers: per second, and milliseconds. */
export interface Flow {
  rps: number;
  eps: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
}

/** Above so many nodes those of a group are drawn as one. */
export const groupAbove = 100;
const failingAbove = 0.01;

const flow = (rates: Rates | undefined): Flow => ({ rps: rates?.perSecond ?? 0, eps: rates?.errorsPerSecond ?? 0, p50: ms(rates?.p50), p95: ms(rates?.p95), p99: ms(rates?.p99) });

function add(a: Flow, b: Flow): Flow {
  return { rps: a.rps + b.rps, eps: a.eps + b.eps, p50: Math.max(a.p50, b.p50), p95: Math.max(a.p95, b.p95), p99: Math.max(a.p99, b.p99) };
}

function look(edge: Omit<Edge, "look">, declared: boolean): Edge["look"] {
  if (edge.refused > 0) return "refused";
  // Nobody but the service itself sees what it asks its database: silence says nothing.
  if (edge.rates.rps === 0 && declared) return edge.kind === "database" ? "unseen" : "unused";
  return edge.rates.rps > 0 && edge.rates.eps / edge.rates.rps > failingAbove ? "failing" : "calls";
}

/** everything stands for all groups among those that are open. */
export const everything = "*";

/** graph is what is drawn of a map. Groups in open are drawn as what is in them. */
export function graph(map: ServiceMap, open: ReadonlySet<string>): Graph {
  const all = map.nodes ?? [];
  const groups = all.length > groupAbove ? grouped(all, map.edges ?? []) : new Map<string, string>();
  const place = new Map<string, string>();
  const nodes = new Map<string, Node>();
  for (const node of all) {
    const group = groups.get(node.id) ?? "";
    const closed = group !== "" && !open.has(group) && !open.has(everything);
    const id = closed ? `group:${group}` : node.id;
    place.set(node.id, id);
    nodes.set(id, closed ? joined(nodes.get(id), node, group) : { id, kind: node.kind ?? "service", name: node.name ?? node.id, state: node.state ?? "", owner: node.owner ?? "", group, rates: flow(node.rates), size: 0 });
  }
  return { nodes: [...nodes.values()], edges: edges(map.edges ?? [], place) };
}

/** joined adds a node to its group; databases and topics in it are not counted. */
function joined(before: Node | undefined, node: MapNode, group: string): Node {
  const service = node.kind === "service" || node.kind === "job";
  const rates = service ? add(before?.rates ?? flow(undefined), flow(node.rates)) : (before?.rates ?? flow(undefined));
  return { id: `group:${group}`, kind: "group", name: group, owner: group, group, rates, state: worst(before?.state ?? "", node.state ?? ""), size: (before?.size ?? 0) + (service ? 1 : 0) };
}

const bad = ["STATE_FAILED", "STATE_BACKING_OFF", "STATE_UNREADY"];
const worst = (a: string, b: string): string => bad.find((state) => state === a || state === b) ?? (a || b);

function edges(list: readonly MapEdge[], place: ReadonlyMap<string, string>): Edge[] {
  const found = new Map<string, Edge>();
  for (const edge of list) {
    const [from, to] = [place.get(edge.from), place.get(edge.to)];
    if (!from || !to || (from === to && edge.from !== edge.to)) continue;
    const id = `${from}>${to}`;
    const before = found.get(id);
    const sum = { id, from, to, kind: edge.kind ?? "call", rates: before ? add(before.rates, flow(edge.rates)) : flow(edge.rates), refused: (before?.refused ?? 0) + (edge.refusedPerSecond ?? 0) };
    found.set(id, { ...sum, look: look(sum, edge.declared ?? false) });
  }
  return [...found.values()];
}

/** shape is the same for two graphs that are laid out alike: what flows in them does not matter. */
export function shape({ nodes, edges: list }: Graph): string {
  return [...nodes.map((node) => node.id), ...list.map((edge) => edge.id)].sort().join("\n");
}
