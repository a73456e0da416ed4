import { describe, expect, it } from "vitest";
import { align } from "./align";
import { completePromql, legend, step } from "./promql";

const names = ["banyan_requests_total", "banyan_up", "go_requests"];
const suggest = (text: string): string[] => (completePromql(text, text.length, names, () => "").suggestions ?? []).map((one) => one.text);

describe("completePromql", () => {
  it("has all metrics for an empty box", () => expect(suggest("")).toEqual(["banyan_requests_total", "banyan_up", "go_requests"]));
  it("has those that begin so first", () => expect(suggest("go")).toEqual(["go_requests"]));
  it("finds words within names", () => expect(suggest("rate(req")).toEqual(["banyan_requests_total", "go_requests"]));
  it("has functions", () => expect(suggest("sum by (x) (rat")).toContain("rate("));
  it("has nothing within a string, or after a bracket", () => expect([suggest('up{a="ban'), suggest("rate(")]).toEqual([[], []]));
  it("replaces the word before the cursor", () => expect(completePromql("rate(bany", 9, names, () => "")).toMatchObject({ from: 5, to: 9 }));
});

it("has a step that leaves at most 600 points", () => {
  expect([step(300_000), step(3_600_000), step(86_400_000), step(7 * 86_400_000)]).toEqual([1, 10, 300, 1800]);
});

it("writes labels as PromQL does", () => {
  expect([legend({ __name__: "up", a: "b" }), legend({ __name__: "up" }), legend({})]).toEqual(['up{a="b"}', "up", "{}"]);
});

it("leaves gaps where a series has no value", () => {
  const { times, columns } = align([{ metric: {}, values: [[10, "1"], [30, "NaN"], [40, "4"]] }], 10, 40, 10);
  expect(times).toEqual([10, 20, 30, 40]);
  expect(columns).toEqual([[1, null, null, 4]]);
});
