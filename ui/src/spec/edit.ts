/** Edits of diptych.yaml that change only what is meant, and keep comments and order. */
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

const STYLE = { lineWidth: 140, flowCollectionPadding: true } as const;

function open(text: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [error] = document.errors;
  if (error) throw new Error(`diptych.yaml cannot be edited by forms: ${error.message}`);
  return document;
}

/** Sets the value at a path, or takes it out where there is none. */
export function setIn(text: string, path: (string | number)[], value: unknown): string {
  const document = open(text || "format: 1\n");
  if (value === undefined) document.deleteIn(path);
  else document.setIn(path, document.createNode(value));
  return document.toString(STYLE);
}

export interface Named {
  name: string;
  [field: string]: unknown;
}

/** Puts an entry into a list of named ones (stages, channels): over the one with its name, or at the end. */
export function putNamed(text: string, section: string, entry: Named): string {
  const document = open(text || "format: 1\n");
  let list = document.get(section);
  if (!isSeq(list)) {
    document.set(section, document.createNode([]));
    list = document.get(section);
  }
  const items = (list as YAMLSeq).items;
  const at = items.findIndex((item) => isMap(item) && item.get("name") === entry.name);
  if (at >= 0) merge(document, items[at] as YAMLMap, entry);
  else {
    (list as YAMLSeq).flow = false;
    items.push(document.createNode(entry));
  }
  return document.toString(STYLE);
}

/** Puts an entry into a map by name (tasks, frictions). */
export function putKeyed(text: string, section: string, name: string, entry: Record<string, unknown>): string {
  const document = open(text || "format: 1\n");
  const before = document.getIn([section, name]);
  if (isMap(before)) merge(document, before, entry);
  else document.setIn([section, name], document.createNode(entry));
  return document.toString(STYLE);
}

export function remove(text: string, section: string, name: string): string {
  const document = open(text);
  const list = document.get(section);
  if (isSeq(list)) {
    list.items = list.items.filter((item) => !(isMap(item) && item.get("name") === name));
    if (list.items.length === 0) document.delete(section);
  } else if (isMap(list)) {
    list.delete(name);
    if (list.items.length === 0) document.delete(section);
  }
  return document.toString(STYLE);
}

/** Sets the fields that differ, so that comments beside the others stay. */
function merge(document: Document, map: YAMLMap, entry: Record<string, unknown>) {
  for (const [field, value] of Object.entries(entry)) {
    if (value === undefined) map.delete(field);
    else if (JSON.stringify(plain(map.get(field, true))) !== JSON.stringify(value)) map.set(field, document.createNode(value));
  }
}

function plain(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isMap(node) || isSeq(node)) return node.toJSON();
  return node;
}

/** Reads a spec as plain values. */
export function readSpec(text: string): Record<string, unknown> {
  const value: unknown = open(text).toJS();
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

const ROLE_FIELDS = [
  "time",
  "event_id",
  "user",
  "anonymous",
  "customer",
  "channel",
  "device",
  "page",
  "element",
  "place",
  "order_id",
  "value",
  "currency",
];

/** Says that a column of a source's files has a role, and takes the role from the column that had it. */
export function setRole(text: string, source: string, column: string, role: string | null): string {
  const document = open(text);
  const each = document.getIn(["sources", source, "each"]);
  if (!isMap(each)) throw new Error(`the source ${source} has no columns yet`);
  const quoted = quote(column);
  for (const field of ROLE_FIELDS) {
    const now = each.get(field);
    if (now === column || now === quoted) each.delete(field);
  }
  if (role === null || role === "name") {
    if (role === "name") document.setIn(["sources", source, "events", 0, "name"], column);
  } else {
    each.set(role, column);
    each.deleteIn(["properties", column]);
  }
  return document.toString(STYLE);
}

/** The event that every row of a source is, where no column names it. */
export function setEventName(text: string, source: string, name: string): string {
  const document = open(text);
  document.setIn(["sources", source, "events", 0, "name"], quote(name, "'"));
  return document.toString(STYLE);
}

function quote(word: string, mark = '"'): string {
  return mark + word.replaceAll(mark, mark + mark) + mark;
}
