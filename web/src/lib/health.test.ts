import { describe, expect, it } from "vitest";
import type { Service, Status } from "../api/control";
import { home } from "../i18n/home";
import { changes } from "../screens/home/changes";
import { health } from "./health";
import { columns } from "./histogram";
import { drawn, lines } from "./history";
import { flow, slowest, type Sample } from "./rates";
import { edgeKey, troubles, usual, type Trouble } from "./trouble";

const words = home.en.health;
const ready = (name: string, more: Partial<Service> = {}): Service => ({ name, state: "STATE_READY", desired: 1, ready: 1, ...more });
const say = (services: Service[], firing = 0, more: Partial<Status> = {}, found: Trouble[] = []): string => {
  const { tone, sentence } = health({ services, ...more }, firing, found, words);
  return `${tone}: ${sentence}`;
};

describe("health", () => {
  it("says one sentence", () => {
    expect(say([ready("a"), ready("b")])).toBe("ok: All 2 services are ready.");
    expect(say([ready("a"), ready("b", { state: "STATE_STARTING" })])).toBe("busy: Starting: 1 of 2 services are ready.");
    expect(say([ready("a"), ready("b", { state: "STATE_BACKING_OFF" })])).toBe("bad: b is not well.");
    expect(say(["a", "b", "c", "d"].map((name) => ready(name, { state: "STATE_FAILED" })))).toBe("bad: a, b, c and 1 more are not well.");
    expect(say([ready("a")], 2)).toBe("warn: All services are ready, but 2 alerts fire.");
    expect(say([ready("a")], 0, { goingDown: true })).toBe("warn: The app is going down.");
    expect(say([])).toBe("idle: No services are declared yet.");
  });
  it("minds neither jobs nor what is scaled to nothing", () => {
    expect(say([ready("a"), ready("j", { job: true, state: "STATE_STARTING" }), ready("s", { state: "STATE_STOPPED", desired: 0 })])).toBe("ok: The one service is ready.");
  });
});

const sample = (edges: Sample["edges"]): Sample => ({ time: "2026-01-01T00:00:00Z", seconds: 1, edges: edges ?? [] });
const edge = (from: string, to: string, rps: number, p95: number, more = {}): NonNullable<Sample["edges"]>[number] => ({ from, to, rps, eps: 0, p50: 0, p95, p99: 0, ...more });

describe("rates", () => {
  it("adds edges up without copies", () => {
    expect(flow(sample([edge("gateway", "a", 2, 0.1), edge("gateway", "b", 3, 0.2), edge("gateway", "b", 3, 9, { route: "/ mirror of a" })]), () => true)).toEqual({ rps: 5, eps: 0, p95: 0.2 });
  });
  it("orders routes by how slow they are", () => {
    const list = slowest([sample([edge("gateway", "a", 2, 0.1), edge("a", "b", 4, 0.5)]), sample([edge("gateway", "a", 2, 0.3)])], 5);
    expect(list.map((hot) => [hot.edge.to, hot.rps, hot.p95])).toEqual([["b", 2, 0.5], ["a", 2, 0.2]]);
  });
});

describe("trouble", () => {
  const before = new Map([[edgeKey({ from: "banyan", to: "payment" }), [0.01, 0.012, 0, 0.011, 1.4]], [edgeKey({ from: "gateway", to: "order", route: "/api" }), [0.05, 0.06, 0.07, 1.5]]]);
  const slow = [sample([edge("gateway", "order", 2, 1.6, { route: "/api" }), edge("banyan", "payment", 2, 1.5), edge("gateway", "web", 9, 0.2)])];
  it("is what is much slower than usual, that which is nearest to the cause first", () => {
    expect(troubles(slow, before).map((one) => [one.edge.to, one.what, one.usual])).toEqual([["payment", "slow", 0.011], ["order", "slow", 0.06]]);
    expect(troubles([sample([edge("banyan", "payment", 2, 0.03)])], before)).toEqual([]);
    expect(troubles(slow, new Map())).toEqual([]);
  });
  it("is first of all what fails", () => {
    const failing = troubles([sample([...(slow[0]?.edges ?? []), edge("order", "user", 4, 0.01, { eps: 1 })])], before);
    expect(failing[0]).toMatchObject({ edge: { to: "user" }, what: "failing", errors: 0.25 });
    expect(say([ready("a")], 0, {}, failing)).toBe("warn: All services are ready, but 25% of the requests to user fail.");
    expect(say([ready("a")], 0, {}, failing.slice(1))).toBe("warn: All services are ready, but payment is slower than usual.");
  });
  it("is not known of what was hardly seen", () => expect(usual([0.01, 0, 0.02])).toBe(0));
});

describe("past", () => {
  const series = [{ metric: { callee: "a" }, values: [[30, "1"], [60, "3"]] as [number, string][] }];
  it("begins with the first value", () => expect([...lines(series, 0, 60, 15, (metric) => metric.callee ?? "")]).toEqual([["a", [1, 0, 3]]]));
  it("ends with what the stream says", () => {
    expect(drawn([1, 2], [7, 8])).toEqual([1, 2, 8]);
    expect(drawn(undefined, [7, 8])).toEqual([7, 8]);
    expect(drawn([1, 2], [])).toEqual([1, 2]);
  });
});

it("tells what changed, the newest first", () => {
  const status: Status = { services: [ready("a", { instances: [{ id: "a-1", revision: "r1", readyAt: "2026-01-01T00:00:05Z" }, { id: "a-2", revision: "r1", readyAt: "2026-01-01T00:00:06Z" }, { id: "a-3", restarts: 2, startedAt: "2026-01-01T00:00:09Z" }] })] };
  const actions = [
    { time: "2026-01-01T00:00:08Z", who: "ann", procedure: "ControlService/Scale", what: "a to 3", result: "ok" },
    { time: "2026-01-01T00:00:07Z", who: "ann", procedure: "ControlService/Restart", what: "a", result: "refused: a viewer" },
  ];
  expect(changes(status, [], actions, home.en.change, 5).map((change) => change.text)).toEqual(["a-3 has restarted 2 times", "ann scaled a to 3", "a is ready with revision r1"]);
});

it("stacks a histogram's levels from the worst up", () => {
  const [first, second] = columns({ step: "60s", buckets: [{ start: "2026-01-01T00:00:00Z", counts: { info: "3", error: "1" } }, { start: "2026-01-01T00:01:00Z", counts: { "": "2" } }] });
  expect(first).toMatchObject({ total: 4, parts: [{ level: "bad", from: 0, size: 0.25 }, { level: "busy", from: 0.25, size: 0.75 }] });
  expect(second).toMatchObject({ total: 2, parts: [{ level: "idle", from: 0, size: 0.5 }] });
});
