import { expect, it } from "vitest";
import { beside, bundle, common } from "./fields";

const pairs = (values: Record<string, string>): { key: string; value: string }[] => Object.entries(values).map(([key, value]) => ({ key, value }));

it("shows what a line says beside its text", () => {
  const log = { text: "charged order_id=7", service: "pay", attributes: pairs({ "log.iostream": "stdout", service: "pay", order_id: "7", attempt: "2", logger: "main", "code.filepath": "a.go", empty: "", long: "x".repeat(99) }) };
  const shown = beside(log);
  expect(shown.map(({ key }) => key)).toEqual(["attempt", "long"]);
  expect(shown[1]?.value).toHaveLength(60);
});

it("takes fields that tell lines apart, and no ids", () => {
  const logs = Array.from({ length: 60 }, (_, i) => ({ text: "x", attributes: pairs({ order_id: String(i), status: i % 2 ? "200" : "503", "log.iostream": "stdout", service: "a", region: "eu", ...(i === 0 ? { rare: "1" } : {}) }) }));
  expect(common(logs, 4)).toEqual(["region", "status"]);
});

it("knows what was imported", () => {
  expect([bundle(pairs({ "banyan.bundle": "incident" })), bundle([]), bundle(undefined)]).toEqual(["incident", "", ""]);
});
