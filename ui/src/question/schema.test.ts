import { describe, expect, it } from "vitest";
import type { Schema } from "../api/types";
import { fieldsOf, parameter } from "./schema";
import { read, tidy, write } from "./url";

/** As schemars writes it. */
const SCHEMA: Schema = {
  type: "object",
  properties: {
    steps: { description: "The steps.", type: "array", items: { $ref: "#/$defs/Step" } },
    order: { description: "Order.", $ref: "#/$defs/Order", default: "ordered" },
    window: { type: "string", default: "14d" },
    periods: { type: ["integer", "null"], minimum: 1, default: null },
    trend: { anyOf: [{ $ref: "#/$defs/Order" }, { type: "null" }], default: null },
    stage: { type: "string" },
    exclude: { type: "array", default: [] },
  },
  required: ["steps"],
  $defs: {
    Order: {
      oneOf: [
        { description: "In order.", type: "string", const: "ordered" },
        { type: "string", enum: ["strict", "any"] },
      ],
    },
    Step: { anyOf: [{ type: "string" }, { type: "object" }] },
  },
};

describe("forms from schemas", () => {
  const fields = Object.fromEntries(fieldsOf(SCHEMA).map((field) => [field.name, field]));

  it("knows what kind each field is", () => {
    expect(Object.fromEntries(Object.entries(fields).map(([name, { kind }]) => [name, kind]))).toEqual({
      steps: "steps",
      order: "choice",
      window: "text",
      periods: "number",
      trend: "choice",
      stage: "text",
      exclude: "list",
    });
  });

  it("finds choices behind references, whether const or enum", () => {
    expect(fields.order?.choices.map(({ value }) => value)).toEqual(["ordered", "strict", "any"]);
    expect(fields.order?.choices[0]?.said).toBe("In order.");
    expect(fields.trend?.choices).toHaveLength(3);
  });

  it("keeps defaults, requirements and the words that fit", () => {
    expect(fields.window?.fallback).toBe("14d");
    expect(fields.steps?.required).toBe(true);
    expect(fields.stage?.words).toBe("stages");
  });

  it("says nothing where nothing was said", () => {
    expect(parameter(fields.window as never, "  ")).toBeUndefined();
    expect(parameter(fields.periods as never, "12")).toBe(12);
    expect(parameter(fields.periods as never, "twelve")).toBe("twelve");
  });
});

describe("questions in the address", () => {
  it("come back as they went", () => {
    const question = { params: { steps: ["a | b", "c where page = '/x?y=1&z'"] }, by: "device", accounts: true };
    expect(read(write(question))).toEqual(question);
  });

  it("leave out what says nothing, so that one question has one address", () => {
    expect(tidy({ params: { a: "", b: [], c: undefined }, where: "", accounts: false })).toEqual({});
    expect(write({ params: { a: "" } })).toBe("");
  });

  it("read nonsense as an empty question", () => {
    expect(read("?q=%7Bbroken")).toEqual({});
    expect(read("?q=[1]")).toEqual({});
  });
});
