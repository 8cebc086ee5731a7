/** What the forms ask about channels, stages, tasks and frictions, and how it is written in diptych.yaml. */

export type FormKind = "channels" | "stages" | "tasks" | "frictions";

export interface Entry {
  name: string;
  [field: string]: unknown;
}

export type InputKind = "event" | "path" | "text" | "duration" | "number" | "flag" | "rule" | "where";

export interface Input {
  field: string;
  label: string;
  kind: InputKind;
  hint?: string;
  needed?: boolean;
  /** Shown only for these rules of a friction. */
  rules?: string[];
}

interface Form {
  title: string;
  one: string;
  what: string;
  inputs: Input[];
  said: (entry: Entry) => string;
}

const OWNER: Input[] = [
  { field: "owner.department", label: "Which department answers for it?", kind: "text" },
  { field: "owner.person", label: "Which person?", kind: "text" },
];

export const RULES: [string, string][] = [
  ["event", "an event says so"],
  ["rage_click", "many clicks in short time"],
  ["slow_page", "a page that loads slowly"],
  ["back_and_forth", "to a page and straight back"],
  ["form_left", "a form begun and not sent"],
  ["slow_refund", "a refund that takes long"],
  ["repeat_contact", "contact again about the same"],
];

export const FORMS: Record<FormKind, Form> = {
  channels: {
    title: "Channels",
    one: "channel",
    what: "Where do people meet you? Also offline: shop, phone, letter.",
    inputs: [
      { field: "where", label: "Which rows belong to it?", kind: "where", needed: true },
      { field: "offline", label: "It is offline", kind: "flag" },
      ...OWNER,
    ],
    said: (entry) => String(entry.where ?? ""),
  },
  stages: {
    title: "Stages",
    one: "stage",
    what: "Places of a customer in the relationship, in order from first contact on.",
    inputs: [
      { field: "enter", label: "Which events bring somebody here?", kind: "event", needed: true },
      { field: "lost_after", label: "Lost after how long without going on?", kind: "duration", hint: "30d, 12w" },
      { field: "renew", label: "Which events start that time again?", kind: "event" },
      { field: "leave", label: "With which events does somebody leave for good?", kind: "event" },
      { field: "path", label: "Which steps of the product lead on from here?", kind: "path" },
      { field: "final", label: "The relationship can rest here", kind: "flag" },
      ...OWNER,
    ],
    said: (entry) => `enters with ${matchText(entry.enter)}`,
  },
  tasks: {
    title: "Tasks",
    one: "task",
    what: "Goals that people have in the product.",
    inputs: [
      { field: "start", label: "Which events start an attempt?", kind: "event", needed: true },
      { field: "success", label: "Which events mean that the goal is reached?", kind: "event", needed: true },
      { field: "steps", label: "Which steps lie between?", kind: "path" },
      { field: "abort", label: "With which events does somebody give up?", kind: "event" },
      { field: "fail", label: "Which events mean that it failed?", kind: "event" },
      { field: "error", label: "Which events are errors on the way?", kind: "event" },
      { field: "timeout", label: "Given up after which pause?", kind: "duration", hint: "30m" },
      ...OWNER,
    ],
    said: (entry) => `${matchText(entry.start)} → ${matchText(entry.success)}`,
  },
  frictions: {
    title: "Frictions",
    one: "friction",
    what: "What makes it harder than it should be.",
    inputs: [
      { field: "rule", label: "How is it found?", kind: "rule" },
      {
        field: "events",
        label: "Which events?",
        kind: "event",
        rules: ["event", "rage_click", "slow_page", "back_and_forth", "repeat_contact"],
      },
      { field: "start", label: "Which event is the first input?", kind: "event", rules: ["form_left"] },
      { field: "submit", label: "Which event sends the form?", kind: "event", rules: ["form_left"] },
      { field: "request", label: "Which event asks for the refund?", kind: "event", rules: ["slow_refund"] },
      { field: "refund", label: "Which event is the refund?", kind: "event", rules: ["slow_refund"] },
      { field: "over", label: "Slow after how long?", kind: "duration", hint: "14d", rules: ["slow_refund"] },
      {
        field: "column",
        label: "Which column holds the loading time, the target or the topic?",
        kind: "text",
        rules: ["slow_page", "rage_click", "back_and_forth", "repeat_contact"],
      },
      { field: "over_ms", label: "Slow from how many milliseconds?", kind: "number", hint: "4000", rules: ["slow_page"] },
      { field: "clicks", label: "From how many clicks?", kind: "number", hint: "3", rules: ["rage_click"] },
      {
        field: "within",
        label: "Within which time?",
        kind: "duration",
        hint: "1s, 14d",
        rules: ["event", "rage_click", "back_and_forth", "repeat_contact"],
      },
      { field: "opportunity", label: "Which events give the opportunity to meet it?", kind: "event" },
      ...OWNER,
    ],
    said: (entry) => RULES.find(([rule]) => rule === (entry.rule ?? "event"))?.[1] ?? String(entry.rule),
  },
};

function matchText(match: unknown): string {
  return eventsOf(match).join(" | ");
}

/** The names in `a | b where c`, in `[a, b]` or in `{ events: [a], where: c }`. */
export function eventsOf(match: unknown): string[] {
  if (typeof match === "string")
    return match.includes(" where ")
      ? [match]
      : match
          .split("|")
          .map((name) => name.trim())
          .filter(Boolean);
  if (Array.isArray(match)) return match.map(String);
  if (match && typeof match === "object") {
    const { events, where } = match as { events?: string[]; where?: string };
    const names = events ?? [];
    return where ? [`${names.join(" | ")} where ${where}`] : names;
  }
  return [];
}

export function listEntries(kind: FormKind, spec: Record<string, unknown>): Entry[] {
  const section = spec[kind];
  if (Array.isArray(section)) return section.filter((entry): entry is Entry => typeof entry?.name === "string");
  if (section && typeof section === "object") return Object.entries(section).map(([name, fields]) => ({ ...(fields as object), name }));
  return [];
}

/** What stands in the file: events joined, empty answers left out. */
export function toSpec(kind: FormKind, entry: Entry): Entry {
  const out: Entry = { name: entry.name.trim() };
  for (const { field, kind: input, rules } of FORMS[kind].inputs) {
    const [outer, inner] = field.split(".") as [string, string | undefined];
    const value = inner ? (entry[outer] as Record<string, unknown> | undefined)?.[inner] : entry[outer];
    const hidden = rules && !rules.includes(String(entry.rule ?? "event"));
    const written = hidden ? undefined : write(input, value);
    if (inner) {
      if (written !== undefined) out[outer] = { ...(out[outer] as object | undefined), [inner]: written };
    } else out[outer] = written;
  }
  if (out.rule === "event") out.rule = undefined;
  if (!("owner" in out)) out.owner = undefined;
  return out;
}

function write(kind: InputKind, value: unknown): unknown {
  if (value === undefined || value === null || value === "" || value === false) return undefined;
  if (kind === "event") {
    const events = eventsOf(value);
    return events.length ? events.join(" | ") : undefined;
  }
  if (kind === "path") {
    const steps = Array.isArray(value) ? value.map(String) : eventsOf(value);
    return steps.length ? steps : undefined;
  }
  if (kind === "number") return Number(value);
  return typeof value === "string" ? value.trim() : value;
}
