import { Graph as Dagre, layout as arrange } from "@dagrejs/dagre";
import { nodeHeight, nodeWidth, type Layout, type Point } from "./geometry";
import type { Graph } from "./graph";

const margin = 24;
const quickAbove = 100; // nodes: the better ranks would take seconds

/** layout places a graph's nodes from callers on the left to callees on the right. */
export function layout(graph: Graph): Layout {
  const g = new Dagre();
  g.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 132, ranker: graph.nodes.length > quickAbove ? "longest-path" : "network-simplex", marginx: margin, marginy: margin });
  for (const node of graph.nodes) g.setNode(node.id, { width: nodeWidth, height: nodeHeight });
  for (const edge of graph.edges) if (edge.from !== edge.to) g.setEdge(edge.from, edge.to, {});
  arrange(g);
  const { width = 0, height = 0 } = g.graph() as { width?: number; height?: number };
  const nodes = new Map(g.nodes().map((id) => [id, g.node(id) as Point]));
  const edges = new Map(g.edges().map((edge) => [`${edge.v}>${edge.w}`, sideways((g.edge(edge) as { points: Point[] }).points, nodes.get(edge.v), nodes.get(edge.w))]));
  return { nodes, edges, width, height };
}

/** sideways lets an edge that goes right leave and enter in the middle of its nodes' sides. */
function sideways(points: Point[], from: Point | undefined, to: Point | undefined): Point[] {
  if (!from || !to || from.x + nodeWidth > to.x) return points;
  return [{ x: from.x + nodeWidth / 2, y: from.y }, ...points.slice(1, -1), { x: to.x - nodeWidth / 2, y: to.y }];
}
