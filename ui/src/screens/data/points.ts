/** Series and notes as the server lists them, and their sums per month. */
export interface Point {
  name: string;
  channel: string;
  place: string;
  time: string;
  amount: number;
}

export interface Note {
  name: string;
  text: string;
  time: string;
}

function text(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

function timeOf(row: Record<string, unknown>): string {
  const found = row.time ?? row.day ?? row.valid_from ?? row.from ?? row.time_us;
  return typeof found === "number" ? new Date(found / 1000).toISOString() : text(found);
}

export function readPoints(rows: Record<string, unknown>[]): Point[] {
  return rows.map((row) => ({
    name: text(row.name),
    channel: text(row.channel),
    place: text(row.place),
    time: timeOf(row),
    amount: Number(row.amount ?? row.value ?? 0),
  }));
}

export function readNotes(rows: Record<string, unknown>[]): Note[] {
  return rows
    .map((row) => ({ name: text(row.name), text: text(row.text), time: timeOf(row) }))
    .sort((a, b) => a.time.localeCompare(b.time));
}

export interface Monthly {
  name: string;
  months: string[];
  columns: string[];
  sums: Map<string, number>;
}

export function monthly(points: Point[]): Monthly[] {
  const names = [...new Set(points.map(({ name }) => name))].sort();
  return names.map((name) => {
    const own = points.filter((point) => point.name === name);
    const column = ({ channel, place }: Point) => [channel, place].filter(Boolean).join(", ") || "all";
    const sums = new Map<string, number>();
    for (const point of own) {
      const key = `${point.time.slice(0, 7)}|${column(point)}`;
      sums.set(key, (sums.get(key) ?? 0) + point.amount);
    }
    return {
      name,
      months: [...new Set(own.map(({ time }) => time.slice(0, 7)))].sort(),
      columns: [...new Set(own.map(column))].sort(),
      sums,
    };
  });
}
