import { describe, expect, it } from "vitest";
import type { Cell } from "../api/types";
import { duration, kind, money, sentence, shown } from "./number";

const cell = (part: Partial<Cell>): Cell => ({ id: "c", label: "a label", unit: "actor", n: 0, people: 0, ...part });

describe("numbers as people read them", () => {
  it("writes a small base as x of n, with its interval", () => {
    const small = shown(cell({ x: 3, n: 29, value: 3 / 29, lo: 0.036, hi: 0.264 }));
    expect(small.text).toBe("3 of 29");
    expect(small.base).toBeUndefined();
    expect(small.interval).toBe("3.6 to 26.4 %");
  });

  it("writes a percentage from a base of 30 on", () => {
    const share = shown(cell({ x: 3, n: 30, value: 0.1, lo: 0.034, hi: 0.256 }));
    expect(share).toMatchObject({ text: "10.0 %", base: "3 of 30", interval: "3.4 to 25.6 %", incomplete: false });
  });

  it("gives a dash and a reason where there is nothing to divide by", () => {
    expect(shown(cell({ x: 0, n: 0, value: null, flags: ["no_data"] }))).toMatchObject({ text: "–", reason: "nobody to count" });
    expect(shown(cell({ n: 4, value: null, flags: ["no_overlap"] })).reason).toBe("nobody comparable");
    expect(shown(cell({ n: 4, value: null, flags: ["immature_cohort"] })).reason).toBe("not observed for long enough yet");
  });

  it("keeps a true zero apart from nothing", () => {
    expect(shown(cell({ x: 0, n: 40, value: 0 })).text).toBe("0.0 %");
    expect(shown(cell({ n: 0, value: 0 })).text).toBe("0");
  });

  it("marks what is not complete", () => {
    expect(shown(cell({ x: 1, n: 40, value: 0.025, flags: ["immature_cohort"] })).incomplete).toBe(true);
  });

  it("reads money in minor units of its currency", () => {
    expect(money(123699.8, "EUR")).toBe("1,237.00 EUR");
    expect(money(-50, "EUR")).toBe("−0.50 EUR");
    expect(money(1234, "JPY")).toBe("1,234 JPY");
    const stake = shown(cell({ unit: "money", n: 5, value: 100_000, lo: 50_000, hi: 150_000 }), "EUR");
    expect(stake.interval).toBe("500.00 to 1,500.00 EUR");
  });

  it("reads durations with two units at most", () => {
    expect(duration(0)).toBe("0 s");
    expect(duration(850)).toBe("1 ms");
    expect(duration(16_096_000)).toBe("16.1 s");
    expect(duration(193_647_000)).toBe("3 min 14 s");
    expect(duration(59_999_999_999)).toBe("16 h 40 min");
    expect(duration(3_599_900_000)).toBe("1 h");
    expect(duration(5_184_097_788_000)).toBe("60 d");
  });

  it("tells shares, differences and plain numbers apart", () => {
    expect(kind(cell({ id: "within:a:lost", n: 4, value: 0.2, method: "aalen-johansen, log-log" }))).toBe("share");
    expect(kind(cell({ id: "signal:friction:x", value: 0.19, method: "influence_function" }))).toBe("points");
    expect(kind(cell({ id: "signal:friction:x:lost", value: 33.7 }))).toBe("number");
    expect(kind(cell({ id: "signal:friction:x:comparison", value: 0.6 }))).toBe("share");
    expect(shown(cell({ id: "signal:friction:x", n: 9, value: -0.026, lo: -0.171, hi: 0.118 }))).toMatchObject({
      text: "−2.6 points",
      interval: "−17.1 to +11.8 points",
    });
    expect(shown(cell({ id: "signal:x:p_adjusted", n: 9, value: 9.5e-29 })).text).toBe("under 0.001");
  });

  it("says everything in one line", () => {
    expect(sentence(cell({ x: 3, n: 30, value: 0.1, lo: 0.034, hi: 0.256, flags: ["immature_cohort"] }))).toBe(
      "a label: 10.0 %, (3 of 30), 95 % interval 3.4 to 25.6 %, not complete yet",
    );
  });
});
