/** Instants in the workspace's zone. */
function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  }
}

export function day(time: string | number, zone: string): string {
  return formatter(zone, { day: "numeric", month: "short", year: "numeric" }).format(dateOf(time));
}

export function clock(time_us: number, zone: string): string {
  return formatter(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(dateOf(time_us));
}

export function instant(time: string | number, zone: string): string {
  return formatter(zone, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(dateOf(time));
}

function dateOf(time: string | number): Date {
  return typeof time === "number" ? new Date(time / 1000) : new Date(time);
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1e6) return `${(size / 1e3).toFixed(0)} kB`;
  if (size < 1e9) return `${(size / 1e6).toFixed(1)} MB`;
  return `${(size / 1e9).toFixed(2)} GB`;
}
