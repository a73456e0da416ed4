import { describe, expect, it } from "vitest";
import { align } from "./align";
import { completePromql, legend, step, type Source } from "./promql";

const source: Source = {
  names: ["banyan_requests_total", "banyan_up", "go_requests"], help: () => "",
  labels: (metric) => Promise.resolve(metric === "banyan_up" ? ["__name__", "service", "instance"] : ["callee", "route"]),
  values: (label, metric) => Promise.resolve(label === "service" ? [`order of ${metric}`, "payment"] : []),
};
const suggest = async (text: string): Promise<string[]> => ((await completePromql(text, text.length, source)).suggestions ?? []).map((one) => one.text);

describe("completePromql", () => {
  it("has all metrics for an empty box", async () => expect(await suggest("")).toEqual(["banyan_requests_total", "banyan_up", "go_requests"]));
  it("has those that begin so first", async () => expect(await suggest("go")).toEqual(["go_requests"]));
  it("finds words within names", async () => expect(await suggest("rate(req")).toEqual(["banyan_requests_total", "go_requests"]));
  it("has functions", async () => expect(await suggest("sum by (x) (rat")).toContain("rate("));
  it("has nothing within another string, or after a bracket", async () => expect([await suggest('label_replace(up, "ban'), await suggest("rate(")]).toEqual([[], []]));
  it("has labels of the metric", async () => expect([await suggest("banyan_up{"), await suggest('banyan_up{service="a", inst'), await suggest("banyan_up{service=")]).toEqual([["instance", "service"], ["instance"], []]));
  it("has labels to group by", async () => expect([await suggest("sum by (rou"), await suggest("sum by (callee, ")]).toEqual([["route"], ["callee", "route"]]));
  it("has values of a label", async () => expect([await suggest('banyan_up{service="'), await suggest('banyan_up{a="}", service=~"pay')]).toEqual([["order of banyan_up", "payment"], ["payment"]]));
  it("replaces the word before the cursor", async () => expect(await completePromql("rate(bany", 9, source)).toMatchObject({ from: 5, to: 9 }));
});

it("has a step that leaves at most 600 points", () => {
  expect([step(300_000), step(3_600_000), step(86_400_000), step(7 * 86_400_000)]).toEqual([1, 10, 300, 1800]);
});

it("writes labels as PromQL does", () => {
  expect([legend({ __name__: "up", a: "b" }), legend({ __name__: "up" }), legend({})]).toEqual(['up{a="b"}', "up", "{}"]);
});

it("leaves gaps where a series has no value", () => {
  const { times, columns } = align([{ values: [[10, "1"], [30, "NaN"], [40, "4"]] }], 10, 40, 10);
  expect(times).toEqual([10, 20, 30, 40]);
  expect(columns).toEqual([[1, null, null, 4]]);
});
