import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Entry, eventsOf, toSpec } from "../screens/start/entries";
import { diff, hunks } from "./diff";
import { putKeyed, putNamed, readSpec, remove, setEventName, setIn, setRole } from "./edit";
import { eventNameOf, rolesOf, sourceOf } from "./sources";

const SPEC = `# What Diptych knows.
format: 1
name: shop
sources:
  orders:
    files: ['data/orders.csv']
    each:              # SQL expressions
      time: at                 # sure
      customer: household_id   # likely
      properties:
        amount: amount
        '*': rest      # every other column
    events:
      - name: "'purchase'"     # a guess
`;

describe("edits of diptych.yaml", () => {
  it("change one value and keep every comment", () => {
    const after = setIn(SPEC, ["name"], "Bakery");
    expect(after).toContain("name: Bakery");
    for (const comment of ["# What Diptych knows.", "# sure", "# likely", "# every other column", "# a guess"])
      expect(after).toContain(comment);
    expect(diff(SPEC, after).filter(({ kind }) => kind !== "same")).toHaveLength(2);
  });

  it.each(["bakery", "saas", "streaming"])("change one line of the spec of the simulated %s", (business) => {
    const text = readFileSync(new URL(`../../../crates/simulate/src/${business}.yaml`, import.meta.url), "utf8");
    const [stage] = readSpec(text).stages as Entry[];
    const after = putNamed(text, "stages", { name: stage?.name ?? "", lost_after: "77d" });
    const changed = diff(text, after).filter(({ kind }) => kind !== "same");
    expect(changed.at(-1)).toEqual({ kind: "new", text: expect.stringContaining("77d") });
    expect(changed.length).toBeLessThanOrEqual(2);
  });

  it("move a role from one column to another", () => {
    const after = setRole(setRole(SPEC, "orders", "household_id", null), "orders", "amount", "customer");
    expect(rolesOf(after, "orders").customer).toBe("amount");
    expect(readSpec(after)).toMatchObject({ sources: { orders: { each: { time: "at", properties: { "*": "rest" } } } } });
  });

  it("name events by a constant or a column", () => {
    expect(eventNameOf(SPEC, "orders")).toEqual({ constant: "purchase" });
    expect(eventNameOf(setEventName(SPEC, "orders", "it's"), "orders")).toEqual({ constant: "it's" });
    expect(eventNameOf(setRole(SPEC, "orders", "kind", "name"), "orders")).toEqual({ column: "kind" });
  });

  it("find the source of a file by its name", () => {
    expect(sourceOf(SPEC, "orders.csv")).toBe("orders");
    expect(sourceOf(SPEC, "other.csv")).toBeNull();
  });

  it("put stages and tasks in, change them in place, and take them out", () => {
    const one = putNamed(SPEC, "stages", { name: "buying", enter: "purchase", lost_after: "60d" });
    const two = putNamed(one, "stages", { name: "loyal", enter: "bonus" });
    const changed = putNamed(two, "stages", { name: "buying", enter: "purchase", lost_after: "30d" });
    expect(readSpec(changed).stages).toEqual([
      { name: "buying", enter: "purchase", lost_after: "30d" },
      { name: "loyal", enter: "bonus" },
    ]);
    const task = putKeyed(changed, "tasks", "order", { start: "cart", success: "purchase" });
    expect(readSpec(putKeyed(task, "tasks", "order", { start: "cart", success: "pay" })).tasks).toEqual({
      order: { start: "cart", success: "pay" },
    });
    expect(readSpec(remove(remove(changed, "stages", "loyal"), "stages", "buying"))).not.toHaveProperty("stages");
  });

  it("keep the comment beside a field that does not change", () => {
    const text = "format: 1\nstages:\n  - name: a\n    enter: x # why\n    lost_after: 60d\n";
    expect(putNamed(text, "stages", { name: "a", enter: "x", lost_after: "30d" })).toContain("enter: x # why");
  });

  it("start a file that is not there yet", () => {
    expect(readSpec(setIn("", ["name"], "new"))).toEqual({ format: 1, name: "new" });
  });

  it("refuse a text that cannot be read", () => {
    expect(() => setIn("a: [", ["b"], 1)).toThrow(/cannot be edited/);
  });
});

describe("what forms write", () => {
  it("joins events, leaves out empty answers and fields of other rules", () => {
    const stage: Entry = {
      name: " buying ",
      enter: ["buy", "subscribe"],
      path: ["cart", "pay"],
      lost_after: "",
      owner: { department: "Sales", person: "" },
    };
    expect(toSpec("stages", stage)).toEqual({
      name: "buying",
      enter: "buy | subscribe",
      path: ["cart", "pay"],
      owner: { department: "Sales" },
    });
    const friction: Entry = { name: "slow", rule: "slow_page", events: "view", clicks: "3", over_ms: "4000" };
    expect(toSpec("frictions", friction)).toEqual({ name: "slow", rule: "slow_page", events: "view", over_ms: 4000 });
  });

  it("reads every way of writing events", () => {
    expect(eventsOf("a | b")).toEqual(["a", "b"]);
    expect(eventsOf("a | b where x = 1")).toEqual(["a | b where x = 1"]);
    expect(eventsOf({ events: ["a"], where: "x = 1" })).toEqual(["a where x = 1"]);
  });
});

describe("the change as text", () => {
  it("names new and removed lines with a few around them", () => {
    const lines = diff("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "a\nb\nc\nd\ne\nf\ng\nh\nX\nj\n");
    expect(lines.filter(({ kind }) => kind === "old")).toEqual([{ kind: "old", text: "i" }]);
    expect(lines.filter(({ kind }) => kind === "new")).toEqual([{ kind: "new", text: "X" }]);
    expect(hunks(lines)).toHaveLength(1);
    expect(hunks(lines)[0]?.at).toBe(6);
  });

  it("is nothing for the same text, and all new for a new file", () => {
    expect(hunks(diff("a\nb", "a\nb"))).toEqual([]);
    expect(diff("", "a\nb\n").every(({ kind }) => kind === "new")).toBe(true);
  });
});
