/** Numbers as people read them; the rules are those of the reports: small bases as `x of n`, nothing where there is no base. */
import type { Cell } from "../api/types";

/** Shares under this base are written as `x of n`. */
export const LOW_N = 30;

export interface Shown {
  /** The number itself. */
  text: string;
  /** Its base, where it has one: `1,370 of 4,650`. */
  base?: string;
  /** Its 95 % interval. */
  interval?: string;
  /** Why there is no number. */
  reason?: string;
  /** Whether it may still change with time. */
  incomplete: boolean;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value: number): string {
  return whole.format(value);
}

export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

export function money(minor: number, currency: string | null | undefined): string {
  const code = currency || "EUR";
  const digits = minorDigits(code);
  const major = minor / 10 ** digits;
  const text = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Math.abs(major));
  return `${major < 0 ? "−" : ""}${text} ${currency ? code : ""}`.trim();
}

function minorDigits(currency: string): number {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** `3 min 14 s`: at most two units. */
export function duration(us: number): string {
  const sign = us < 0 ? "−" : "";
  const abs = Math.abs(us);
  if (abs === 0) return "0 s";
  if (abs < 1e6) return `${sign}${whole.format(abs / 1e3)} ms`;
  if (abs < 6e7) return `${sign}${(abs / 1e6).toFixed(1)} s`;
  const units: [number, string][] = [
    [864e8, "d"],
    [36e8, "h"],
    [6e7, "min"],
    [1e6, "s"],
  ];
  for (let i = 0; i < units.length - 1; i++) {
    const [size, name] = units[i] as [number, string];
    const [smaller, part] = units[i + 1] as [number, string];
    const ticks = Math.round(abs / smaller);
    const per = size / smaller;
    if (ticks < per) continue;
    const rest = ticks % per;
    return `${sign}${whole.format(Math.floor(ticks / per))} ${name}${rest ? ` ${rest} ${part}` : ""}`;
  }
  return `${sign}${(abs / 1e6).toFixed(1)} s`;
}

/** Differences of shares, told by the method and the name of the cell: the API has no word for them. */
const DIFFERENCE = /^signal:.*:(crude|unstratified|mantel_haenszel|detectable)$/;
const SHARE_METHODS = ["wilson", "newcombe", "delta method", "aalen-johansen"];

type Kind = "share" | "points" | "money" | "duration" | "number";

export function kind(cell: Cell): Kind {
  if (cell.unit === "money") return "money";
  if (cell.unit === "duration") return "duration";
  if (cell.x != null) return "share";
  if (DIFFERENCE.test(cell.id)) return "points";
  if (cell.id.startsWith("signal:")) {
    if (cell.id.endsWith(":comparison")) return "share";
    if (/:(lost|share|p|p_adjusted|e_value)$/.test(cell.id)) return "number";
    return "points";
  }
  if (SHARE_METHODS.some((method) => cell.method?.startsWith(method)) || cell.label.startsWith("share of ")) return "share";
  return "number";
}

function points(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
}

function plain(value: number, id: string): string {
  if (Number.isInteger(value)) return count(value);
  if (/:p(_adjusted)?$/.test(id)) return value < 0.001 ? "under 0.001" : value.toFixed(3);
  const digits = Math.abs(value) < 10 ? 2 : 1;
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value).replace("-", "−");
}

function write(cell: Cell, value: number, currency: string | null | undefined): string {
  switch (kind(cell)) {
    case "money":
      return money(value, currency);
    case "duration":
      return duration(value);
    case "share":
      return percent(value);
    case "points":
      return points(value);
    default:
      return plain(value, cell.id);
  }
}

export function shown(cell: Cell, currency?: string | null): Shown {
  const incomplete = Boolean(cell.flags?.some((flag) => flag.startsWith("immature")));
  if (cell.value == null) return { text: "–", reason: reasonOf(cell), incomplete };
  const small = cell.x != null && cell.n < LOW_N;
  const text = small ? `${count(cell.x as number)} of ${count(cell.n)}` : write(cell, cell.value, currency);
  const base = cell.x != null && !small ? `${count(cell.x)} of ${count(cell.n)}` : undefined;
  const interval = cell.lo == null || cell.hi == null ? undefined : span(bound(cell, cell.lo, currency), bound(cell, cell.hi, currency));
  return { text, base, interval, incomplete };
}

/** `28.2 to 30.8 %`: a unit that both ends share is said once. */
function span(lo: string, hi: string): string {
  const unit = / (%|points|[A-Z]{3})$/.exec(hi)?.[0];
  return unit && lo.endsWith(unit) ? `${lo.slice(0, -unit.length)} to ${hi}` : `${lo} to ${hi}`;
}

function bound(cell: Cell, value: number, currency: string | null | undefined): string {
  return Number.isInteger(value) && kind(cell) === "number" ? value.toFixed(0) : write(cell, value, currency);
}

function reasonOf(cell: Cell): string {
  const flags = cell.flags ?? [];
  if (flags.includes("no_overlap")) return "nobody comparable";
  if (flags.some((flag) => flag.startsWith("immature"))) return "not observed for long enough yet";
  if (cell.n === 0 || flags.includes("no_data")) return "nobody to count";
  return "no base to divide by";
}

/** One line for a screen reader or a tooltip: everything that is known about the number. */
export function sentence(cell: Cell, currency?: string | null): string {
  const { text, base, interval, reason, incomplete } = shown(cell, currency);
  const parts = [reason ? `– (${reason})` : text];
  if (base) parts.push(`(${base})`);
  else if (cell.n && kind(cell) !== "number") parts.push(`(n ${count(cell.n)})`);
  if (interval) parts.push(`95 % interval ${interval}`);
  if (incomplete) parts.push("not complete yet");
  return `${cell.label}: ${parts.join(", ")}`;
}
