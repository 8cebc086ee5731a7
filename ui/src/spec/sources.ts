/** What the spec says about a file's columns, for the questions about them. */
import { readSpec } from "./edit";

export const ROLES = [
  { role: "time", question: "Which column says when it happened?" },
  { role: "user", question: "Which column says who did it?", hint: "A person who uses the product: a user id, an e-mail address." },
  { role: "customer", question: "Which column says who pays, or may pay?", hint: "A customer, household or company." },
  { role: "anonymous", question: "Which column says who it was before they were known?", hint: "A cookie, a device." },
  { role: "value", question: "Which column is money?", hint: "In whole units, as 12.50." },
  { role: "channel", question: "Which column names the channel?" },
  { role: "event_id", question: "Which column is the number of the row?", hint: "So that a row that comes again is recognised." },
  { role: "page", question: "Which column is the page or screen?" },
  { role: "device", question: "Which column is the device?" },
  { role: "place", question: "Which column is the place?" },
  { role: "order_id", question: "Which column is the number of the order?" },
] as const;

export type Role = (typeof ROLES)[number]["role"];

interface Source {
  name: string;
  files: string[];
  each: Record<string, unknown>;
  events: { name?: unknown; fields?: Record<string, unknown> }[];
}

function sources(text: string): Source[] {
  const found = readSpec(text).sources;
  if (!found || typeof found !== "object") return [];
  return Object.entries(found as Record<string, Partial<Source>>).map(([name, source]) => ({
    name,
    files: source?.files ?? [],
    each: source?.each ?? {},
    events: source?.events ?? [],
  }));
}

/** The source that reads a file, by the file's name. */
export function sourceOf(text: string, file: string): string | null {
  const bare = (path: string) => path.split("/").at(-1);
  return sources(text).find(({ files }) => files.some((path) => bare(path) === bare(file)))?.name ?? null;
}

/** Columns by role, as the spec has them now; a text that is not a plain column is kept as it is. */
export function rolesOf(text: string, source: string): Partial<Record<Role, string>> {
  const found = sources(text).find(({ name }) => name === source);
  if (!found) return {};
  const fields = { ...found.each, ...found.events[0]?.fields };
  const roles: Partial<Record<Role, string>> = {};
  for (const { role } of ROLES) {
    const value = fields[role] ?? (role === "value" ? fields.value_cents : undefined);
    if (typeof value === "string") roles[role] = unquote(value, '"');
  }
  return roles;
}

/** What names the events of a source: a column, or one name for all rows. */
export function eventNameOf(text: string, source: string): { column?: string; constant?: string } {
  const name = sources(text).find((one) => one.name === source)?.events[0]?.name;
  if (typeof name !== "string") return {};
  if (/^'.*'$/.test(name)) return { constant: unquote(name, "'") };
  return { column: unquote(name, '"') };
}

function unquote(text: string, mark: string): string {
  return text.startsWith(mark) && text.endsWith(mark) && text.length > 1 ? text.slice(1, -1).replaceAll(mark + mark, mark) : text;
}
