import { ms } from "../../api/proto";
import type { MapEdge, MapNode, Rates, ServiceMap } from "../../api/telemetry";

/** Node is what is drawn: a service, or all services of an owner. */
export interface Node {
  id: string;
  kind: string;
  name: string;
  state: string;
  owner: string;
  rates: Flow;
  /** How many services it stands for; 0: it is no group. */
  size: number;
}

export interface Edge {
  id: string;
  from: string;
  to: string;
  kind: string;
  look: "failing" | "calls" | "unused" | "refused";
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

/** Above so many services those of an owner are drawn as one. */
export const groupAbove = 100;
const failingAbove = 0.01;

const flow = (rates: Rates | undefined): Flow => ({ rps: rates?.perSecond ?? 0, eps: rates?.errorsPerSecond ?? 0, p50: ms(rates?.p50), p95: ms(rates?.p95), p99: ms(rates?.p99) });

function add(a: Flow, b: Flow): Flow {
  return { rps: a.rps + b.rps, eps: a.eps + b.eps, p50: Math.max(a.p50, b.p50), p95: Math.max(a.p95, b.p95), p99: Math.max(a.p99, b.p99) };
}

function look(edge: Omit<Edge, "look">, declared: boolean): Edge["look"] {
  if (edge.refused > 0) return "refused";
  if (edge.rates.rps === 0 && declared) return "unused";
  return edge.rates.rps > 0 && edge.rates.eps / edge.rates.rps > failingAbove ? "failing" : "calls";
}

/** graph is what is drawn of a map. Owners in open are not grouped. */
export function graph(map: ServiceMap, open: ReadonlySet<string>): Graph {
  const all = map.nodes ?? [];
  const many = all.length > groupAbove;
  const group = (node: MapNode): string => (many && node.kind === "service" && node.owner && !open.has(node.owner) ? node.owner : "");
  const place = new Map<string, string>();
  const nodes = new Map<string, Node>();
  for (const node of all) {
    const owner = group(node);
    const id = owner ? `group:${owner}` : node.id;
    place.set(node.id, id);
    const before = nodes.get(id);
    const rates = before ? add(before.rates, flow(node.rates)) : flow(node.rates);
    nodes.set(id, owner
      ? { id, kind: "group", name: owner, state: worst(before?.state ?? "", state(node)), owner, rates, size: (before?.size ?? 0) + 1 }
      : { id, kind: node.kind ?? "service", name: node.name ?? node.id, state: state(node), owner: node.owner ?? "", rates, size: 0 });
  }
  return { nodes: [...nodes.values()], edges: edges(map.edges ?? [], place) };
}

/** state is a node's, named as in the status: the map says "backing off" where that says STATE_BACKING_OFF. */
function state({ state: said = "" }: MapNode): string {
  return said === "" || said.startsWith("STATE_") ? said : `STATE_${said.toUpperCase().replace(/\W/g, "_")}`;
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
