import { expect, it } from "vitest";
import { perSecond } from "./topics";
import { hue } from "./hue";

const read = (since: string, time: string, published: string): object => ({ since, time, topics: [{ name: "t", published }] });

it("is the difference of two readings", () => {
  expect(perSecond(read("a", "2026-01-01T00:00:10Z", "30"), read("a", "2026-01-01T00:00:00Z", "10"), "t")).toBe(2);
});

it("is not known when the counting began anew", () => {
  expect(perSecond(read("b", "2026-01-01T00:00:10Z", "30"), read("a", "2026-01-01T00:00:00Z", "10"), "t")).toBeUndefined();
});

it("gives each name one of eight colours", () => {
  const classes = new Set(Array.from({ length: 100 }, (_, i) => hue(`service-${i}`)));
  expect([...classes].every((one) => /^c[0-7]$/.test(one))).toBe(true);
  expect(classes.size).toBe(8);
});
