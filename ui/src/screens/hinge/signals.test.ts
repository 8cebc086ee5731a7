import { expect, it } from "vitest";
import type { Cell } from "../../api/types";
import { evidence, named, signalsOf } from "./signals";

const cell = (id: string, flags: string[] = [], n = 40): Cell => ({ id, label: id, unit: "actor", n, people: n, value: 0.1, flags });

it("gathers the cells of each signal in the server's order, whatever colons their names have", () => {
  const signals = signalsOf([
    cell("lost"),
    cell("signal:friction:slow_page:share"),
    cell("signal:task:order:abandoned", ["e0", "low_n"]),
    cell("signal:task:order:abandoned:exposed"),
    cell("signal:task:order:abandoned:p_adjusted"),
    cell("signal:friction:slow_page", ["e1"]),
    cell("signal:friction:slow_page:money"),
    cell("signal:friction:slow_page:share_money"),
  ]);
  expect(signals.map(({ name }) => name)).toEqual(["task:order:abandoned", "friction:slow_page"]);
  expect(Object.keys(signals[0]?.parts ?? {})).toEqual(["exposed", "p_adjusted"]);
  expect(Object.keys(signals[1]?.parts ?? {}).sort()).toEqual(["money", "share", "share_money"]);
});

it("says only as much as the evidence allows", () => {
  expect(named(cell("signal:x", ["e1"]))).toBe(true);
  expect(evidence(cell("signal:x", ["e1"]))).toContain("associated with");
  expect(named(cell("signal:x", ["e0", "low_n"]))).toBe(false);
  expect(evidence(cell("signal:x", ["e0"]))).toBe("not told from chance");
  expect(evidence(cell("signal:x", ["e0"], 0))).toContain("read the cases");
});
