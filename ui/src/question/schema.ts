/** Fields of a form, from the JSON Schema of an operator's parameters. */
import type { Schema } from "../api/types";

export type FieldKind = "text" | "number" | "choice" | "list" | "steps" | "flag";

export interface Choice {
  value: string;
  said?: string;
}

export interface Field {
  name: string;
  kind: FieldKind;
  description: string;
  required: boolean;
  fallback?: unknown;
  choices: Choice[];
  /** Which of the workspace's words fit here. */
  words: Words;
}

export type Words = "names" | "stages" | "tasks" | "frictions" | "columns" | "none";

const WORDS: Record<string, Words> = {
  steps: "names",
  exclude: "names",
  start: "names",
  back: "names",
  views: "names",
  key: "names",
  after: "names",
  before: "names",
  stage: "stages",
  task: "tasks",
  friction: "frictions",
  hold: "columns",
  strata: "columns",
};

export function fieldsOf(schema: Schema): Field[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const resolved = resolve(property, schema);
    return {
      name,
      kind: kindOf(name, resolved, schema),
      description: property.description ?? resolved.description ?? "",
      required: required.has(name),
      fallback: property.default ?? resolved.default ?? undefined,
      choices: choicesOf(resolved, schema),
      words: WORDS[name] ?? "none",
    };
  });
}

/** Follows references and drops `null`, which only says that a field may be left out. */
function resolve(schema: Schema, root: Schema): Schema {
  if (schema.$ref) {
    const name = schema.$ref.replace(/^#\/(\$defs|definitions)\//, "");
    const found = root.$defs?.[name];
    return found ? resolve(found, root) : schema;
  }
  const options = (schema.anyOf ?? schema.oneOf)?.filter((option) => option.type !== "null");
  if (options?.length === 1 && options[0] && options[0].const === undefined) return resolve(options[0], root);
  return schema;
}

function choicesOf(schema: Schema, root: Schema): Choice[] {
  if (schema.enum) return schema.enum.filter((value) => value !== null).map((value) => ({ value: String(value) }));
  const options = (schema.oneOf ?? schema.anyOf ?? []).map((option) => resolve(option, root));
  return options.flatMap((option) => {
    if (option.const !== undefined) return [{ value: String(option.const), said: option.description }];
    return choicesOf({ enum: option.enum }, root);
  });
}

function types(schema: Schema): string[] {
  return Array.isArray(schema.type) ? schema.type : schema.type ? [schema.type] : [];
}

function kindOf(name: string, schema: Schema, root: Schema): FieldKind {
  if (choicesOf(schema, root).length > 0) return "choice";
  const said = types(schema);
  if (said.includes("array")) return name === "steps" ? "steps" : "list";
  if (said.includes("integer") || said.includes("number")) return "number";
  if (said.includes("boolean")) return "flag";
  return "text";
}

/** What the form says as a parameter; nothing where it says nothing, so that the default holds. */
export function parameter(field: Field, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (field.kind === "number") {
    const number = Number(trimmed);
    return Number.isFinite(number) ? number : trimmed;
  }
  if (field.kind === "flag") return trimmed === "true";
  return trimmed;
}
