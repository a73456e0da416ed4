import { expect, it } from "vitest";
import { accept, has, term, toggle } from "./filter";
import { toBytes, toUnits } from "./utf8";

it("puts a suggestion where the server says, in bytes", () => {
  const text = 'text="결제" stat';
  expect(accept(text, { from: toBytes(text, 10), to: toBytes(text, 14) }, "status")).toEqual({ text: 'text="결제" status', cursor: 16 });
});

it("counts bytes and units", () => {
  expect(toBytes("가a😀b", 2)).toBe(4);
  expect(toBytes("가a😀b", 4)).toBe(8);
  expect(toUnits("가a😀b", 8)).toBe(4);
});

it("quotes a value where it must", () => {
  expect([term("service", "order-1"), term("text", 'a "b"')]).toEqual(["service=order-1", 'text="a \\"b\\""']);
});

it("adds a condition and takes it away", () => {
  expect(toggle("timeout", "service=order")).toBe("timeout service=order");
  expect(toggle("timeout service=order", "service=order")).toBe("timeout");
  expect(toggle("", "service=order")).toBe("service=order");
  expect(has("timeout service=order", "service=order")).toBe(true);
});
