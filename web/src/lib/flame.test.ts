import { describe, expect, it } from "vitest";
import type { Span } from "../api/telemetry";
import { around, children, flame, hit, step, within, zoom } from "./flame";
import { waterfall, type Row } from "./waterfall";

function span(spanId: string, parentId: string, start: number, took: number): Span {
  return { traceId: "t", spanId, parentId, start: new Date(1_700_000_000_000 + start).toISOString(), duration: `${took / 1000}s`, name: spanId, service: "s" };
}

const rowsOf = (...spans: Span[]): Row[] => waterfall(spans).rows;
const laid = (rows: readonly Row[]): Record<string, number> => Object.fromEntries(rows.map((row, i) => [row.span.spanId, flame(rows).lanes[i] ?? -1]));

describe("flame", () => {
  it("puts what follows each other in one lane", () => {
    expect(laid(rowsOf(span("a", "", 0, 100), span("b", "a", 10, 20), span("c", "a", 30, 20), span("d", "b", 12, 5)))).toEqual({ a: 0, b: 1, d: 2, c: 1 });
  });

  it("puts what overlaps below what is there already, with all that is below that", () => {
    expect(laid(rowsOf(span("a", "", 0, 100), span("b", "a", 10, 50), span("d", "b", 12, 5), span("c", "a", 30, 20), span("e", "c", 31, 5)))).toEqual({ a: 0, b: 1, d: 2, c: 3, e: 4 });
  });

  it("keeps room for a child that ends after its parent", () => {
    expect(laid(rowsOf(span("a", "", 0, 10), span("b", "a", 5, 50), span("c", "", 20, 5)))).toEqual({ a: 0, b: 1, c: 2 });
  });

  it("never lets two spans of a lane overlap", () => {
    const many = Array.from({ length: 400 }, (_, i) => span(`s${i}`, i ? `s${Math.floor((i - 1) / 4)}` : "", (i * 37) % 900, 5 + ((i * 13) % 90)));
    const rows = rowsOf(...many);
    for (const lane of flame(rows).byLane) {
      for (const [k, i] of lane.entries()) {
        const [row, next] = [rows[i] as Row, rows[lane[k + 1] ?? -1]];
        if (next) expect(next.start + 0.01).toBeGreaterThanOrEqual(row.start + row.length);
      }
    }
  });

  it("lays 5,000 spans out at once, deep or wide", () => {
    for (const parent of [(i: number) => `s${i - 1}`, () => "s0"]) {
      const rows = rowsOf(...Array.from({ length: 5000 }, (_, i) => span(`s${i}`, i ? parent(i) : "", i, 6000 - i)));
      const began = performance.now();
      expect(flame(rows).byLane).toHaveLength(5000);
      expect(performance.now() - began).toBeLessThan(1000);
    }
  });
});

describe("step", () => {
  const rows = rowsOf(span("a", "", 0, 100), span("b", "a", 10, 20), span("c", "a", 30, 40), span("d", "c", 32, 5));
  const map = flame(rows);
  const go = (from: string, way: "up" | "down" | "left" | "right"): string | undefined => rows[step(rows, map, rows.findIndex((row) => row.span.spanId === from), way)]?.span.spanId;

  it("goes to the parent, the longest child and the neighbours", () => {
    expect([go("d", "up"), go("a", "down"), go("b", "right"), go("c", "left")]).toEqual(["c", "c", "c", "b"]);
  });
  it("stays at the edges", () => expect([go("a", "up"), go("d", "down"), go("b", "left"), go("c", "right")]).toEqual(["a", "d", "b", "c"]));
});

it("finds what is at a place, also where it is thin", () => {
  const rows = rowsOf(span("a", "", 0, 100), span("b", "a", 10, 0.01));
  expect([hit(rows, [0], 50, 1), hit(rows, [1], 10.5, 1), hit(rows, [1], 20, 1)]).toEqual([0, 1, -1]);
});

it("knows the rows directly below one", () => {
  const rows = rowsOf(span("a", "", 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 2), span("d", "a", 7, 1), span("e", "", 8, 1));
  expect([children(rows, -1), children(rows, 0), children(rows, 2)]).toEqual([[0, 4], [1, 3], []]);
});

it("zooms around a time and stays in the trace", () => {
  expect(zoom({ from: 0, to: 100 }, 0.5, 50, 100)).toEqual({ from: 25, to: 75 });
  expect(zoom({ from: 50, to: 100 }, 4, 100, 100)).toEqual({ from: 0, to: 100 });
  expect(within({ from: 90, to: 120 }, 100)).toEqual({ from: 70, to: 100 });
  const { from, to } = around(rowsOf(span("a", "", 0, 0))[0] as Row);
  expect(to).toBeGreaterThan(from);
});
