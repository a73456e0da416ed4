import { expect, it } from "vitest";
import type { Span } from "../api/telemetry";
import { logsWith, spansWith, turn } from "./seek";

const span: Span = {
  traceId: "t", spanId: "a1", name: "PUT /charges", service: "payment", attributes: [{ key: "http.route", value: "/orders" }],
  events: [{ name: "exception", attributes: [{ key: "message", value: "Boom" }] }],
};

it("finds words in names, attributes and events", () => {
  const found = (words: string): boolean => spansWith([span], words)?.has("a1") ?? false;
  expect(["charges", "/ORDERS", "boom", "http.route=/orders", "payment boom", "exception"].every(found)).toBe(true);
  expect(["exit", "payment exit"].some(found)).toBe(false);
  expect(spansWith([span], " ")).toBeUndefined();
});

it("finds words in lines", () => {
  const lines = [{ text: "card refused", service: "payment", attributes: [{ key: "try", value: "2" }] }, { text: "well" }];
  expect([...(logsWith(lines, "refused try=2") ?? [])]).toEqual([lines[0]]);
});

it("goes round", () => {
  expect([turn(-1, 1, 3), turn(-1, -1, 3), turn(2, 1, 3), turn(0, -1, 3), turn(0, 1, 0)]).toEqual([0, 2, 0, 2, -1]);
});
