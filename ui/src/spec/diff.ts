/** What a change does to a text, line by line. */
export interface Line {
  kind: "same" | "new" | "old";
  text: string;
}

/** Lines of both texts in order; the longest common ones are the same. */
export function diff(before: string, after: string): Line[] {
  const a = split(before);
  const b = split(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = longest(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const same = (text: string): Line => ({ kind: "same", text });
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}

function split(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function longest(a: string[], b: string[]): Line[] {
  const wide = b.length + 1;
  const table = new Uint32Array((a.length + 1) * wide);
  const at = (i: number, j: number) => table[i * wide + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * wide + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] as string });
      i++;
      j++;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) lines.push({ kind: "old", text: a[i++] as string });
    else lines.push({ kind: "new", text: b[j++] as string });
  }
  return lines;
}

export interface Hunk {
  /** Line of the new text at which it begins, from 1. */
  at: number;
  lines: Line[];
}

/** The changed lines with a few lines around them. */
export function hunks(lines: Line[], around = 3): Hunk[] {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some((line) => line.kind !== "same"));
  const found: Hunk[] = [];
  let number = 1;
  let open: Hunk | null = null;
  for (const [i, line] of lines.entries()) {
    if (near[i]) {
      if (!open) {
        open = { at: number, lines: [] };
        found.push(open);
      }
      open.lines.push(line);
    } else open = null;
    if (line.kind !== "old") number++;
  }
  return found;
}
