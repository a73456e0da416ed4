import { describe, expect, it } from "vitest";
import type { Span } from "../api/telemetry";
import { hue } from "./hue";
import { parents, shares, visible, waterfall } from "./waterfall";

function span(spanId: string, parentId: string, start: number, took: number, more: Partial<Span> = {}): Span {
  return { traceId: "t", spanId, parentId, start: new Date(1_700_000_000_000 + start).toISOString(), duration: `${took / 1000}s`, name: spanId, service: "s", ...more };
}

const ids = (rows: { span: Span }[]): string[] => rows.map((row) => row.span.spanId);

describe("waterfall", () => {
  it("puts children below their parents, the earlier first", () => {
    const { rows, length } = waterfall([span("c", "a", 30, 10), span("a", "", 0, 100), span("b", "a", 10, 10), span("d", "b", 12, 2)]);
    expect(ids(rows)).toEqual(["a", "b", "d", "c"]);
    expect(rows.map((row) => row.depth)).toEqual([0, 1, 2, 1]);
    expect(rows.map((row) => row.below)).toEqual([3, 1, 0, 0]);
    expect(length).toBe(100);
  });

  it("keeps microseconds", () => {
    const { rows } = waterfall([{ ...span("a", "", 0, 1), start: "2026-01-01T00:00:00.000001Z" }, { ...span("b", "a", 0, 0.5), start: "2026-01-01T00:00:00.000251Z" }]);
    expect(rows[1]?.start).toBeCloseTo(0.25, 3);
  });

  it("shows a span whose parent is missing as a break", () => {
    const { rows, breaks } = waterfall([span("a", "", 0, 100), span("x", "gone", 50, 10)]);
    expect(breaks).toBe(1);
    expect(rows[1]).toMatchObject({ broken: true, depth: 0 });
  });

  it("ends with spans that are each other's parents", () => {
    const { rows } = waterfall([span("a", "b", 0, 10), span("b", "a", 1, 10), span("c", "c", 2, 1)]);
    expect(ids(rows).sort()).toEqual(["a", "b", "c"]);
    expect(rows.filter((row) => row.broken)).toHaveLength(2);
  });

  it("counts time that two children share once", () => {
    const { rows } = waterfall([span("a", "", 0, 100), span("b", "a", 10, 40), span("c", "a", 30, 40), span("d", "a", 90, 50)]);
    expect(rows[0]?.own).toBe(30);
  });

  it("lays 5,000 spans out at once", () => {
    const many = Array.from({ length: 5000 }, (_, i) => span(`s${i}`, i ? `s${Math.floor((i - 1) / 3)}` : "", i, 5000 - i));
    const began = performance.now();
    expect(waterfall(many).rows).toHaveLength(5000);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it("has nothing of no spans", () => expect(waterfall([])).toEqual({ rows: [], begin: 0, length: 0, breaks: 0 }));
});

it("lays 5,000 siblings out at once", () => {
  const many = Array.from({ length: 5000 }, (_, i) => span(`s${i}`, i ? "s0" : "", i, 10));
  const began = performance.now();
  expect(waterfall(many).rows[0]?.below).toBe(4999);
  expect(performance.now() - began).toBeLessThan(1000);
});

it("gives each service of a trace a colour of its own, as long as there are any", () => {
  const names = ["payment", "recommendation", "user", "order", "notification", "a", "b", "c"];
  const { rows } = waterfall(names.map((service, i) => span(service, "", i, 1, { service })));
  expect(new Set(rows.map((row) => row.hue)).size).toBe(8);
  expect(rows[0]?.hue).toBe(hue("payment"));
  expect(waterfall([...names, "d", "e"].map((service, i) => span(service, "", i, 1, { service }))).rows.at(-1)?.hue).toBe(hue("e"));
});

it("knows each row's parent", () => {
  const { rows } = waterfall([span("a", "", 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 2), span("d", "a", 7, 1), span("e", "", 8, 1)]);
  expect([...parents(rows)]).toEqual([-1, 0, 1, 0, -1]);
});

describe("visible", () => {
  it("leaves out what is below collapsed spans", () => {
    const { rows } = waterfall([span("a", "", 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 2), span("d", "a", 7, 1)]);
    expect(ids(visible(rows, new Set(["b"])))).toEqual(["a", "b", "d"]);
    expect(ids(visible(rows, new Set(["a"])))).toEqual(["a"]);
  });
});

it("shares a trace's time among services", () => {
  const { rows } = waterfall([span("a", "", 0, 100, { service: "order" }), span("b", "a", 10, 60, { service: "payment", status: "error" })]);
  expect(shares(rows)).toMatchObject([{ service: "payment", spans: 1, errors: 1, own: 60 }, { service: "order", spans: 1, errors: 0, own: 40 }]);
});
