import { expect, it } from "vitest";
import type { Span } from "../api/telemetry";
import { traceGraph } from "./tracegraph";
import { waterfall } from "./waterfall";

const attributes = (values: Record<string, string>): NonNullable<Span["attributes"]> => Object.entries(values).map(([key, value]) => ({ key, value }));

function span(spanId: string, parentId: string, service: string, start: number, took: number, more: Partial<Span> = {}): Span {
  return { traceId: "t", spanId, parentId, service, start: new Date(1_700_000_000_000 + start).toISOString(), duration: `${took / 1000}s`, name: spanId, ...more };
}

it("says who called whom, how often, with what errors and for how long", () => {
  const { nodes, edges } = traceGraph(waterfall([
    span("a", "", "order", 0, 100, { scope: "banyan.dataplane", attributes: attributes({ "banyan.caller": "gateway" }) }),
    span("b", "a", "order", 1, 98),
    span("c", "b", "payment", 10, 20, { status: "error" }),
    span("d", "b", "payment", 40, 30),
    span("e", "d", "payment", 41, 5, { kind: "client", attributes: attributes({ "db.system": "postgresql", "db.namespace": "ledger" }) }),
    span("f", "d", "payment", 47, 5, { kind: "client", attributes: attributes({ "server.address": "bank.example", "http.request.method": "POST" }) }),
    span("g", "b", "banyan", 80, 4, { scope: "banyan.bus", kind: "producer", attributes: attributes({ "messaging.destination.name": "order.placed" }) }),
    span("h", "gone", "stock", 90, 4),
  ]).rows);
  expect(edges.map(({ from, to, calls, errors, total }) => [from, to, calls, errors, Math.round(total)])).toEqual([
    ["gateway:gateway", "service:order", 1, 0, 100],
    ["service:order", "service:payment", 2, 1, 50],
    ["service:payment", "database:ledger", 1, 0, 5],
    ["service:payment", "outside:bank.example", 1, 0, 5],
    ["service:order", "topic:order.placed", 1, 0, 4],
  ]);
  expect(nodes.map(({ id, spans }) => [id, spans])).toEqual([
    ["service:order", 2], ["gateway:gateway", 0], ["service:payment", 4], ["database:ledger", 1], ["outside:bank.example", 1], ["topic:order.placed", 1], ["service:stock", 1],
  ]);
  expect(nodes.find((node) => node.id === "service:payment")).toMatchObject({ errors: 1 });
});

it("counts a call once, though both sides have a span of it", () => {
  const client = span("b", "a", "order", 1, 8, { kind: "client", attributes: attributes({ "server.address": "payment.internal", "http.request.method": "GET" }) });
  const { edges } = traceGraph(waterfall([span("a", "", "order", 0, 10), client, span("c", "b", "payment", 2, 6), span("d", "c", "payment", 3, 4)]).rows);
  expect(edges).toHaveLength(1);
  expect(edges[0]).toMatchObject({ from: "service:order", to: "service:payment", calls: 1 });
});
