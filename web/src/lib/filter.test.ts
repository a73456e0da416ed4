import { expect, it } from "vitest";
import { accept, attributeTerm, has, term, toggle } from "./filter";
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
  expect(toggle("timeout service=order", "-service=order")).toBe("timeout -service=order");
  expect(has("timeout service=order", "service=order")).toBe(true);
});

it("leaves quotes and parentheses whole", () => {
  expect(toggle('text="timed out" service=order', 'text="timed out"')).toBe("service=order");
  expect(toggle("a=1 or b=2", "service=order")).toBe("(a=1 or b=2) service=order");
  expect(toggle("(a=1 or b=2) service=order", "service=order")).toBe("(a=1 or b=2)");
  expect(has('user="a b" x', "b")).toBe(false);
});

it("quotes a field where it must", () => {
  expect([term("my key", "x"), attributeTerm("http.route", "/a"), attributeTerm("status", "503")]).toEqual(['"my key"=x', "http.route=/a", '"status"="503"']);
});
