/** Questions live in the address, so that a link asks the same question again. */
import type { Question } from "../api/types";

/** Leaves out what is not said, so that the same question has one address. */
export function tidy(question: Question): Question {
  const keep = (value: unknown) =>
    value !== undefined && value !== null && value !== "" && value !== false && !(Array.isArray(value) && value.length === 0);
  const params = Object.fromEntries(Object.entries(question.params ?? {}).filter(([, value]) => keep(value)));
  const rest = Object.fromEntries(Object.entries(question).filter(([name, value]) => name !== "params" && keep(value)));
  return { ...(Object.keys(params).length ? { params } : {}), ...rest };
}

export function write(question: Question): string {
  const body = tidy(question);
  return Object.keys(body).length ? `?q=${encodeURIComponent(JSON.stringify(body))}` : "";
}

export function read(search: string): Question {
  const text = new URLSearchParams(search).get("q");
  if (!text) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Question) : {};
  } catch {
    return {};
  }
}

export function exploreHref(operator: string, question: Question = {}): string {
  return `/explore/${operator}${write(question)}`;
}
