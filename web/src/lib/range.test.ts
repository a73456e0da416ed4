import { expect, it } from "vitest";
import { length, parameters, parse, span } from "./range";
import { match } from "./match";
import { section } from "./yaml";
import { parts } from "./source";

it("reads a range from an address", () => {
  expect(parse("15m", "", "", "1h")).toEqual({ last: "15m" });
  expect(parse("", "1000", "2000", "1h")).toEqual({ from: 1000, to: 2000 });
  expect(parse("", "2000", "1000", "1h")).toEqual({ last: "1h" });
  expect(parse("soon", "", "", "1h")).toEqual({ last: "1h" });
});

it("moves on with the time, unless it is fixed", () => {
  expect(span({ last: "5m" }, 1_000_000)).toEqual({ from: 700_000, to: 1_000_000 });
  expect(span({ from: 1, to: 2 }, 1_000_000)).toEqual({ from: 1, to: 2 });
  expect(length("7d")).toBe(604_800_000);
});

it("writes a range into an address", () => {
  expect(parameters({ last: "5m" })).toEqual({ last: "5m", from: "", to: "" });
  expect(parameters({ from: 1.5, to: 2.5 })).toEqual({ last: "", from: "1", to: "3" });
});

it("matches paths", () => {
  expect(match("/services/:name", "/services/a%2Fb")).toEqual({ name: "a/b" });
  expect(match("/services", "/services/")).toEqual({});
  expect(match("/services/:name", "/services")).toBeUndefined();
  expect(match("/traces/:id", "/traces/%")).toEqual({ id: "%" });
});

it("finds a service's part of the file", () => {
  const yaml = "name: shop\nservices:\n  order:\n    command: x\n\n    calls:\n      catalog: {}\n  catalog:\n    command: y\ngateway:\n  order: z\n";
  expect(section(yaml, "order")).toBe("order:\n  command: x\n\n  calls:\n    catalog: {}");
  expect(section(yaml, "catalog")).toBe("catalog:\n  command: y");
  expect(section(yaml, "nobody")).toBe("");
});

it("tells keys, values and comments apart", () => {
  expect(parts('  listen: ":8080" # loopback')).toEqual([{ kind: "key", text: "  listen" }, { kind: "text", text: ': ":8080"' }, { kind: "comment", text: " # loopback" }]);
  expect(parts("# all")).toEqual([{ kind: "comment", text: "# all" }]);
  expect(parts("    - {path: /}")).toEqual([{ kind: "text", text: "    - {path: /}" }]);
  expect(parts("    - a b")).toEqual([{ kind: "text", text: "    - a b" }]);
});
