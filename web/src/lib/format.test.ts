import { describe, expect, it } from "vitest";
import { language } from "../i18n/language.svelte";
import { ago, bytes, duration, moment, number, percent, rate, short, tick } from "./format";

describe("duration", () => {
  it.each([
    [0, "0ms"], [0.0854, "85µs"], [0.9996, "1ms"], [1, "1ms"], [12.34, "12.3ms"], [999.4, "999ms"], [999.6, "1s"], [1240, "1.24s"], [59_940, "59.9s"], [59_960, "1m 00s"],
    [185_000, "3m 05s"], [3_600_000, "1h 00m"], [7_800_000, "2h 10m"], [356_400_000, "4d 3h"], [-1500, "-1.5s"], [Number.NaN, "–"],
  ])("%d ms is %s", (ms, want) => expect(duration(ms)).toBe(want));
});

describe("numbers", () => {
  it.each([[0, "0"], [0.004, "0.004"], [1.239, "1.24"], [18.34, "18.3"], [940.2, "940"], [9999, "9,999"], [12_600, "12.6k"], [3_100_000, "3.1M"], [2e9, "2G"]])("%d in short is %s", (n, want) => expect(short(n)).toBe(want));
  it.each([[0, "0%"], [0.0042, "0.42%"], [0.012, "1.2%"], [0.256, "26%"], [1, "100%"]])("a part of %d is %s", (n, want) => expect(percent(n)).toBe(want));
  it.each([[0, "0 B"], [999, "999 B"], [1024, "1 KiB"], [52_428_800, "50 MiB"], [1_288_490_188, "1.2 GiB"]])("%d bytes are %s", (n, want) => expect(bytes(n)).toBe(want));
  it("has whole numbers with their thousands apart", () => expect(number(1_842_110)).toBe("1,842,110"));
  it("has no rate where none is known", () => expect([rate(undefined), rate(2.5)]).toEqual(["–", "2.5/s"]));
});

describe("times", () => {
  const noon = new Date(2026, 0, 5, 12, 0, 0).getTime();
  it("leaves today's date out", () => expect([moment(noon + 61_000, noon), moment(noon - 86_400_000, noon)]).toEqual(["12:01:01", "2026-01-04 12:00:00"]));
  it("says how long ago", () => expect([ago(noon - 185_000, noon), ago(noon + 1_500_000, noon), ago(noon, noon)]).toEqual(["3m ago", "in 25m", "now"]));
  it("speaks Korean", () => {
    language.tag = "ko";
    expect(ago(noon - 185_000, noon)).toBe("3분 전");
    language.tag = "en";
  });
  it("has ticks as fine as the chart is", () => expect([tick(noon, 60_000), tick(noon, 3_600_000), tick(noon, 7 * 86_400_000)]).toEqual(["12:00:00", "12:00", "01-05"]));
});
