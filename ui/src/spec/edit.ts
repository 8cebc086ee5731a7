/** Edits of diptych.yaml that change only what is meant, and keep comments and order. */

import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import { diff, type Line } from "./diff";

/** Edits a text by its tree; lines that the edit does not touch stay as they were, to the letter. */
function edited(text: string, edit: (document: Document) => void): string {
  const before = text || "format: 1\n";
  const document = open(before);
  const plain = document.toString(STYLE);
  edit(document);
  const after = document.toString(STYLE);
  const units = align(before.split("\n"), plain.split("\n"));
  return units ? keepLook(units, diff(plain, after)) : after;
}

/** A line as it was written, and the lines that the tree writes for it. */
interface Written {
  own: string;
  plain: string[];
}

/** The tree puts some comments on a line of their own, and changes spaces; nothing where it changes more. */
function align(own: string[], plain: string[]): Written[] | null {
  const bare = (line: string | undefined) => line?.replaceAll(/\s/g, "");
  const units: Written[] = [];
  let at = 0;
  for (const line of own) {
    const one = plain[at];
    const two = plain[at + 1];
    if (one !== undefined && bare(line) === bare(one)) units.push({ own: line, plain: plain.slice(at, at + 1) });
    else if (one !== undefined && two !== undefined && bare(line) === bare(one + two)) units.push({ own: line, plain: [one, two] });
    else return null;
    at += units.at(-1)?.plain.length ?? 1;
  }
  return at === plain.length ? units : null;
}

function keepLook(units: Written[], lines: Line[]): string {
  const out: string[] = [];
  let unit = 0;
  let used = 0;
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] as Line;
    const { own, plain } = units[unit] ?? { own: line.text, plain: [line.text] };
    if (line.kind === "new") {
      out.push(line.text);
      i++;
    } else if (used === 0 && lines.slice(i, i + plain.length).every(({ kind }) => kind === "same")) {
      out.push(own);
      i += plain.length;
      unit++;
    } else {
      if (line.kind === "same") out.push(line.text);
      i++;
      used = (used + 1) % plain.length;
      if (used === 0) unit++;
    }
  }
  return `${out.join("\n")}\n`;
}

/** Nothing is folded: a line of the tree is a line of the text. */
const STYLE = { lineWidth: 0, flowCollectionPadding: true } as const;

function open(text: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [error] = document.errors;
  if (error) throw new Error(`diptych.yaml cannot be edited by forms: ${error.message}`);
  return document;
}

/** Sets the value at a path, or takes it out where there is none. */
export function setIn(text: string, path: (string | number)[], value: unknown): string {
  return edited(text, (document) => {
    if (value === undefined) document.deleteIn(path);
    else document.setIn(path, document.createNode(value));
  });
}

export interface Named {
  name: string;
  [field: string]: unknown;
}

/** Puts an entry into a list of named ones (stages, channels): over the one with its name, or at the end. */
export function putNamed(text: string, section: string, entry: Named): string {
  return edited(text, (document) => {
    if (!isSeq(document.get(section))) document.set(section, document.createNode([]));
    const list = document.get(section) as YAMLSeq;
    const at = list.items.findIndex((item) => isMap(item) && item.get("name") === entry.name);
    if (at >= 0) return merge(document, list.items[at] as YAMLMap, entry);
    list.flow = false;
    list.items.push(document.createNode(entry));
  });
}

/** Puts an entry into a map by name (tasks, frictions). */
export function putKeyed(text: string, section: string, name: string, entry: Record<string, unknown>): string {
  return edited(text, (document) => {
    const before = document.getIn([section, name]);
    if (isMap(before)) merge(document, before, entry);
    else document.setIn([section, name], document.createNode(entry));
  });
}

export function remove(text: string, section: string, name: string): string {
  return edited(text, (document) => {
    const list = document.get(section);
    if (isSeq(list)) list.items = list.items.filter((item) => !(isMap(item) && item.get("name") === name));
    else if (isMap(list)) list.delete(name);
    if ((isSeq(list) || isMap(list)) && list.items.length === 0) document.delete(section);
  });
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
  return edited(text, (document) => {
    const each = document.getIn(["sources", source, "each"]);
    if (!isMap(each)) throw new Error(`the source ${source} has no columns yet`);
    for (const field of ROLE_FIELDS) {
      const now = each.get(field);
      if (now === column || now === quote(column)) each.delete(field);
    }
    if (role === "name") document.setIn(["sources", source, "events", 0, "name"], column);
    else if (role !== null) {
      each.set(role, column);
      document.deleteIn(["sources", source, "each", "properties", column]);
    }
  });
}

/** The event that every row of a source is, where no column names it. */
export function setEventName(text: string, source: string, name: string): string {
  return edited(text, (document) => document.setIn(["sources", source, "events", 0, "name"], quote(name, "'")));
}

function quote(word: string, mark = '"'): string {
  return mark + word.replaceAll(mark, mark + mark) + mark;
}
