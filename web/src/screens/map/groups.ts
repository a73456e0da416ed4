import type { MapEdge, MapNode } from "../../api/telemetry";

const prefixLeast = 2; // services: one alone is no group
const isService = ({ kind }: MapNode): boolean => kind === "service" || kind === "job";
const prefix = ({ name = "" }: MapNode): string => /^([^-_.]+)[-_.]/.exec(name)?.[1] ?? "";

/**
 * grouped says which group a node is in: services are in their owner's, or in that of the
 * first part of their names where others share it; what only one group uses is in it too.
 */
export function grouped(nodes: readonly MapNode[], edges: readonly MapEdge[]): Map<string, string> {
  const services = nodes.filter(isService);
  const sharing = new Map<string, number>();
  for (const node of services) if (!node.owner) sharing.set(prefix(node), (sharing.get(prefix(node)) ?? 0) + 1);
  const groups = new Map<string, string>();
  for (const node of services) {
    const shared = (sharing.get(prefix(node)) ?? 0) >= prefixLeast ? prefix(node) : "";
    const group = node.owner || shared;
    if (group) groups.set(node.id, group);
  }
  const users = usersOf(nodes, edges);
  for (const [id, list] of users) {
    const [first, ...others] = new Set(list.map((user) => groups.get(user) ?? ""));
    if (first && others.length === 0) groups.set(id, first);
  }
  return groups;
}

/** usersOf are the services beside each node that is none. */
function usersOf(nodes: readonly MapNode[], edges: readonly MapEdge[]): Map<string, string[]> {
  const used = new Map<string, string[]>(nodes.filter((node) => ["database", "topic", "outside"].includes(node.kind ?? "")).map((node) => [node.id, []]));
  for (const { from, to } of edges) {
    used.get(to)?.push(from);
    used.get(from)?.push(to);
  }
  return used;
}
