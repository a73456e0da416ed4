import { describe, expect, it } from "vitest";
import type { MapEdge, MapNode } from "../../api/telemetry";
import { curve, middle } from "./geometry";
import { everything, graph, groupAbove, shape } from "./graph";
import { layout } from "./layout";
import { chosenTime, reel } from "./moment";
import { fit, whole, zoom } from "./view";

const node = (name: string, owner = ""): MapNode => ({ id: `service:${name}`, kind: "service", name, owner });
const call = (from: string, to: string, more: Partial<MapEdge> = {}): MapEdge => ({ from: `service:${from}`, to: `service:${to}`, kind: "call", ...more });

describe("graph", () => {
  it("tells how a call is", () => {
    const { edges } = graph({
      nodes: ["a", "b", "c", "d", "e"].map((name) => node(name)),
      edges: [call("a", "b", { declared: true }), call("a", "c", { declared: true, rates: { perSecond: 10, errorsPerSecond: 0.05 } }), call("a", "d", { rates: { perSecond: 10, errorsPerSecond: 1 } }), call("a", "e", { refusedPerSecond: 1 })],
    }, new Set());
    expect(edges.map((edge) => edge.look)).toEqual(["unused", "calls", "failing", "refused"]);
  });

  it("leaves out edges to what is not there", () => expect(graph({ nodes: [node("a")], edges: [call("a", "gone")] }, new Set()).edges).toEqual([]));

  const many = {
    nodes: Array.from({ length: groupAbove + 20 }, (_, i) => node(`s${i}`, `team-${i % 4}`)),
    edges: Array.from({ length: 200 }, (_, i) => call(`s${i % 60}`, `s${(i * 7 + 1) % 60}`, { rates: { perSecond: 1 } })),
  };

  it("groups services by owner where there are many", () => {
    const { nodes, edges } = graph(many, new Set());
    expect(nodes.map((one) => [one.id, one.size])).toEqual([0, 1, 2, 3].map((i) => [`group:team-${i}`, 30]));
    expect(edges.every((edge) => edge.from !== edge.to)).toBe(true);
  });

  it("groups by names where nobody owns, and puts into a group what only it uses", () => {
    const all = graph({
      nodes: [...many.nodes, node("pay-card"), node("pay-bank"), node("alone"), { id: "database:pay-card/x", kind: "database", name: "pay-card/x" }, { id: "topic:paid", kind: "topic", name: "paid" }],
      edges: [{ from: "service:pay-card", to: "database:pay-card/x" }, { from: "service:pay-card", to: "topic:paid" }, { from: "topic:paid", to: "service:s1" }],
    }, new Set());
    expect(all.nodes.slice(4).map((one) => [one.id, one.size])).toEqual([["group:pay", 2], ["service:alone", 0], ["topic:paid", 0]]);
  });

  it("opens a group", () => expect(graph(many, new Set(["team-1"])).nodes).toHaveLength(3 + 30));

  it("opens all", () => expect(graph(many, new Set([everything])).nodes).toHaveLength(many.nodes.length));

  it("has a shape that traffic does not change", () => {
    const quiet = { ...many, edges: many.edges.map((edge) => ({ ...edge, rates: { perSecond: 0 } })) };
    expect(shape(graph(many, new Set()))).toBe(shape(graph(quiet, new Set())));
  });
});

describe("layout", () => {
  it("puts callers left of callees", () => {
    const { nodes, edges, width } = layout(graph({ nodes: ["a", "b", "c"].map((name) => node(name)), edges: [call("a", "b"), call("b", "c"), call("a", "c"), call("c", "c")] }, new Set()));
    const x = (name: string): number => nodes.get(`service:${name}`)?.x ?? Number.NaN;
    expect(x("a")).toBeLessThan(x("b"));
    expect(x("b")).toBeLessThan(x("c"));
    expect(width).toBeGreaterThan(x("c"));
    expect(edges.get("service:a>service:b")?.length).toBeGreaterThan(1);
  });

  it("lays 300 services out in a few seconds", () => {
    const nodes = Array.from({ length: 300 }, (_, i) => node(`s${i}`));
    const edges = Array.from({ length: 600 }, (_, i) => call(`s${i % 300}`, `s${(i * 13 + 7) % 300}`));
    expect(layout(graph({ nodes, edges }, new Set())).nodes.size).toBe(300);
  }, 20_000);
});

it("draws curves", () => {
  expect(curve([])).toBe("");
  expect(curve([{ x: 0, y: 0 }, { x: 10, y: 5 }])).toBe("M0 0C5 0 5 5 10 5");
  expect(curve([{ x: 10, y: 0 }, { x: 0, y: 5 }])).toBe("M10 0L0 5");
  expect(curve([{ x: 0, y: 0 }, { x: 4, y: 0 }, { x: 8, y: 4 }, { x: 12, y: 4 }])).toBe("M0 0Q4 0 6 2Q8 4 12 4");
  expect(middle([{ x: 0, y: 0 }, { x: 100, y: 100 }])).toEqual({ x: 58, y: 68 });
});

it("zooms around the pointer, and not without end", () => {
  expect(zoom({ x: 0, y: 0, scale: 1 }, 2, 100, 50)).toEqual({ x: -100, y: -50, scale: 2 });
  expect(zoom({ x: 0, y: 0, scale: 1 }, 100, 0, 0).scale).toBe(2.5);
});

it("shows all, in the middle, where that can be read", () => {
  expect(fit({ width: 200, height: 100 }, { width: 400, height: 400 })).toEqual({ x: 100, y: 150, scale: 1 });
  expect(fit({ width: 4000, height: 100 }, { width: 400, height: 400 })).toMatchObject({ x: 0, scale: 0.55 });
  expect(whole({ width: 4000, height: 100 }, { width: 400, height: 400 })).toEqual({ scale: 0.1, x: 0, y: 195 });
});

it("knows where the slider can be", () => {
  const now = 1_800_000_012_345;
  expect(reel("1h", now)).toEqual({ from: 1_799_996_400_000, to: 1_800_000_000_000, step: 30_000, window: 60_000 });
  expect(reel("7d", now).window).toBe(reel("7d", now).step);
  expect(reel("nonsense", now)).toEqual(reel("1h", now));
  const hour = reel("1h", now);
  expect([chosenTime("", hour), chosenTime("x", hour), chosenTime(String(hour.to), hour), chosenTime("5", hour), chosenTime(String(hour.from + 7), hour)]).toEqual([0, 0, 0, hour.from, hour.from + 7]);
});
