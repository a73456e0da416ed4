import { expect, it } from "vitest";
import { dots } from "./exemplars";

const id = (n: number): string => n.toString(16).padStart(32, "0");
const one = (n: number, timestamp: number, value: number) => ({ labels: { trace_id: id(n) }, timestamp, value: String(value) });

it("keeps the largest of each part of the time, each trace once", () => {
  const found = dots([
    { seriesLabels: { __name__: "x" }, exemplars: [one(1, 100.1, 1), one(2, 100.2, 5), one(2, 100.3, 4), one(3, 100.3, 3), one(4, 100.4, 2), one(5, 190, 1)] },
    { seriesLabels: {}, exemplars: [{ labels: { trace_id: "x" }, timestamp: 150, value: "1" }, { labels: {}, timestamp: 150, value: "1" }, one(6, 300, 1)] },
  ], 100, 196);
  expect(found.map(({ trace, value }) => [Number.parseInt(trace, 16), value])).toEqual([[5, 1], [4, 2], [3, 3], [2, 5]]);
  expect(found.every(({ series }) => series === "x")).toBe(true);
});

it("keeps few of many", () => {
  expect(dots([{ seriesLabels: {}, exemplars: Array.from({ length: 5000 }, (_, i) => one(i, 100 + i / 50, i % 7)) }], 100, 200).length).toBeLessThanOrEqual(48 * 3);
});
