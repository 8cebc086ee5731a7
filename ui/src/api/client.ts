/** The one place that speaks HTTP with `diptych serve`. */
import type {
  Account,
  Answer,
  Data,
  Finding,
  Imported,
  ImportProgress,
  MapQuestion,
  Operator,
  People,
  Problem,
  Profile,
  Progress,
  Question,
  Rejection,
  Report,
  SqlResult,
  User,
  Workspace,
} from "./types";

/** An error as the server tells it: what, where, what to do. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}

const JSON_TYPE = "application/json";

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method && init.method !== "GET") headers.set("x-diptych", "1");
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ProblemError({
      title: "Diptych does not answer",
      status: 0,
      detail: "The program behind this page is not running, or cannot be reached.",
      fix: "Start it again with `diptych serve`, then reload this page.",
    });
  }
  if (!response.ok) throw new ProblemError(await problemOf(response));
  return response;
}

async function problemOf(response: Response): Promise<Problem> {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    const body = (await response.json()) as Partial<Problem>;
    return { ...body, title: body.title ?? response.statusText, status: response.status };
  }
  return { title: response.statusText || "The server refused", status: response.status, detail: await response.text() };
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send(path, { signal })).json() as Promise<T>;
}

function bodyOf(body: unknown): RequestInit {
  return { headers: { "content-type": JSON_TYPE }, body: JSON.stringify(body) };
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await send(path, { method: "POST", signal, ...bodyOf(body) })).json() as Promise<T>;
}

/** Reads a stream of JSON lines; every line goes to `each`. */
async function lines(response: Response, each: (line: Record<string, unknown>) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += value ?? "";
    const parts = rest.split("\n");
    rest = done ? "" : (parts.pop() ?? "");
    for (const part of parts) if (part.trim()) each(JSON.parse(part));
    if (done) return;
  }
}

function raise(line: Record<string, unknown>): never {
  throw new ProblemError((line.problem as Problem) ?? { title: "The work stopped", status: 500 });
}

/** A workspace that cannot be read says only that; the rest is then empty. */
export async function workspace(signal?: AbortSignal): Promise<Workspace> {
  const found = await get<Partial<Workspace> & Pick<Workspace, "state" | "version">>("/api/workspace", signal);
  const nothing = { names: [], columns: [], stages: [], tasks: [], frictions: [], channels: [], segments: {} };
  const without = { accounts: false, stages: false, tasks: false, frictions: false, channels: false, money: false, survey: false };
  const blank = { name: "", simulated: false, zone: "UTC", currency: null, events: 0, users: 0, observed_from: null, observed_until: null };
  return { ...blank, ...nothing, has: without, generation: 0, ...found };
}

export const operators = (signal?: AbortSignal) => get<Operator[]>("/api/operators", signal);
export const report = (signal?: AbortSignal) => get<Report>("/api/report?format=json", signal);
export const data = (signal?: AbortSignal) => get<Data>("/api/data", signal);
export const check = (signal?: AbortSignal) => get<Finding[] | { findings: Finding[] }>("/api/check", signal);
export const series = (signal?: AbortSignal) =>
  get<{ series: Record<string, unknown>[]; notes: Record<string, unknown>[] }>("/api/series", signal);
export const user = (id: string, signal?: AbortSignal) => get<User>(`/api/users/${encodeURIComponent(id)}`, signal);
export const account = (id: string, signal?: AbortSignal) => get<Account>(`/api/accounts/${encodeURIComponent(id)}`, signal);

/** Asks a question and hears of its progress; aborting the signal cancels it in the server. */
export async function ask(
  operator: string,
  question: Question,
  signal?: AbortSignal,
  onProgress?: (progress: Progress, partial?: Answer) => void,
): Promise<Answer> {
  const response = await send(`/api/ask/${operator}?stream=1`, { method: "POST", signal, ...bodyOf(question) });
  let answer: Answer | undefined;
  await lines(response, (line) => {
    if (line.type === "error") raise(line);
    if (line.type === "answer") answer = line.answer as Answer;
    else onProgress?.({ done: Number(line.done), of: Number(line.of) }, line.answer as Answer | undefined);
  });
  if (!answer)
    throw new ProblemError({ title: "The answer broke off", status: 500, detail: "The server closed the connection before the end." });
  return answer;
}

/** The picture of an answer, as the server draws it. */
export function picture(operator: string, question: Question, theme: string, width: number, signal?: AbortSignal): Promise<string> {
  return drawn(`/api/ask/${operator}?format=svg&theme=${theme}`, width, { method: "POST", signal, ...bodyOf(question) });
}

/** A server that draws at one width only refuses the wish for another. */
async function drawn(path: string, width: number, init: RequestInit): Promise<string> {
  try {
    return await (await send(`${path}&width=${width}`, init)).text();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status !== 400) throw error;
    return (await send(path, init)).text();
  }
}

export function mapPicture(kind: string, name: string, theme: string, width: number, signal?: AbortSignal): Promise<string> {
  return drawn(`/api/map/${kind}?format=svg&theme=${theme}${name ? `&name=${encodeURIComponent(name)}` : ""}`, width, { signal });
}

/** The questions behind the numbers of a map, in reading order; the picture itself names only their cells. */
export async function mapQuestions(kind: string, name: string, signal?: AbortSignal): Promise<MapQuestion[]> {
  return questionsIn(await get<unknown>(`/api/map/${kind}?format=json${name ? `&name=${encodeURIComponent(name)}` : ""}`, signal));
}

function questionsIn(value: unknown): MapQuestion[] {
  if (Array.isArray(value)) return value.flatMap(questionsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]) => (field === "question" && inner ? [inner as MapQuestion] : questionsIn(inner)));
}

export interface Who {
  operator: string;
  question: Question;
  cell: string;
  group?: string | null;
}

export const who = ({ operator, question, cell, group }: Who, offset = 0, limit = 200, signal?: AbortSignal) =>
  post<People>(`/api/who/${operator}`, { ...question, cell, ...(group == null ? {} : { group }), offset, limit }, signal);

export const sql = (query: string, signal?: AbortSignal) => post<SqlResult>("/api/sql", { query, limit: 1000 }, signal);

export const spec = (signal?: AbortSignal) => get<{ text: string; etag: string }>("/api/spec", signal);
export const checkSpec = (text: string) =>
  post<{ ok: boolean; problem?: Problem | null; findings: Finding[] }>("/api/spec/check", { text });
export async function saveSpec(text: string, etag: string): Promise<{ etag: string }> {
  return (await send("/api/spec", { method: "PUT", ...bodyOf({ text, etag }) })).json();
}

export const profile = (files: string[]) => post<Profile>("/api/profile", { files });

/** Sends a file into the workspace; XMLHttpRequest, because fetch does not tell how much was sent. */
export function upload(file: File, onProgress: (sent: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api/files/${encodeURIComponent(file.name)}`);
    request.setRequestHeader("x-diptych", "1");
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => {
      if (request.status < 300) return resolve();
      let problem: Problem = { title: "The file was refused", status: request.status, detail: request.responseText };
      try {
        problem = JSON.parse(request.responseText) as Problem;
      } catch {
        // the text of the answer is shown as it is
      }
      reject(new ProblemError(problem));
    };
    request.onerror = () =>
      reject(new ProblemError({ title: "The upload broke off", status: 0, detail: `${file.name} was not sent whole; nothing was kept.` }));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

async function importing(response: Response, onProgress: (progress: ImportProgress) => void): Promise<Imported[]> {
  let imported: Imported[] = [];
  await lines(response, (line) => {
    if (line.type === "error") raise(line);
    if (line.type === "progress") onProgress(line as unknown as ImportProgress);
    if (line.type === "done") imported = line.imported as Imported[];
  });
  return imported;
}

export async function importFiles(
  files: string[] | undefined,
  onProgress: (progress: ImportProgress) => void,
  signal?: AbortSignal,
): Promise<Imported[]> {
  const body = files ? { files } : {};
  return importing(await send("/api/import?stream=1", { method: "POST", signal, ...bodyOf(body) }), onProgress);
}

/** Imports a corrected export of rejected rows; without rows, all rejected rows are tried again. */
export async function retryRejected(csv: Blob | "", source: string, onProgress: (progress: ImportProgress) => void): Promise<Imported[]> {
  const init = { method: "POST", body: csv, headers: { "content-type": "text/csv" } };
  const query = source ? `&source=${encodeURIComponent(source)}` : "";
  return importing(await send(`/api/quarantine/retry?stream=1${query}`, init), onProgress);
}

export const quarantine = (source: string, offset: number, limit: number, signal?: AbortSignal) =>
  get<{ rows: Rejection[]; total: number }>(
    `/api/quarantine?format=json&offset=${offset}&limit=${limit}${source ? `&source=${encodeURIComponent(source)}` : ""}`,
    signal,
  );

/** Fetches a file and hands it to the browser for saving. */
export async function save(path: string, name: string, body?: unknown): Promise<void> {
  const response = await send(path, body === undefined ? {} : { method: "POST", ...bodyOf(body) });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
