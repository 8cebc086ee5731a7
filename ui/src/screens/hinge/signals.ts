/** The signals of an answer of `behind`, in the order in which the server ranked them. */
import type { Cell } from "../../api/types";

const PARTS = [
  "exposed",
  "comparison",
  "crude",
  "unstratified",
  "mantel_haenszel",
  "p",
  "p_adjusted",
  "e_value",
  "detectable",
  "lost",
  "money",
  "share",
  "share_money",
] as const;

export type PartName = (typeof PARTS)[number];

export interface SignalCells {
  name: string;
  /** The adjusted difference in the share lost; its label says it in words. */
  effect: Cell;
  parts: Partial<Record<PartName, Cell>>;
}

export function signalsOf(cells: Cell[]): SignalCells[] {
  const found = new Map<string, SignalCells>();
  const ids = cells.filter(({ id }) => id.startsWith("signal:"));
  for (const cell of ids) {
    if (partOf(cell.id) === null) {
      const name = cell.id.slice("signal:".length);
      found.set(name, { name, effect: cell, parts: {} });
    }
  }
  for (const cell of ids) {
    const part = partOf(cell.id);
    if (part === null) continue;
    const signal = found.get(cell.id.slice("signal:".length, -part.length - 1));
    if (signal) signal.parts[part] = cell;
  }
  return [...found.values()];
}

function partOf(id: string): PartName | null {
  return PARTS.find((part) => id.endsWith(`:${part}`)) ?? null;
}

/** How far the evidence goes, in words; the ladder is the server's flag. */
export function evidence(effect: Cell): string {
  const flags = effect.flags ?? [];
  if (flags.includes("e1")) return "associated with it, after adjusting";
  if (effect.n === 0) return "nobody to compare; read the cases";
  if (flags.includes("exploratory")) return "exploratory: may be chance";
  return "not told from chance";
}

export function named(effect: Cell): boolean {
  return Boolean(effect.flags?.includes("e1"));
}
