/** The shapes of the HTTP API; docs/reference/answer.schema.json says what the parts of an answer mean. */

export type Panel = "user" | "customer" | "hinge";
export type Unit = "actor" | "session" | "event" | "attempt" | "episode" | "duration" | "money";

export interface Cell {
  id: string;
  label: string;
  unit: Unit;
  x?: number | null;
  n: number;
  people: number;
  value?: number | null;
  lo?: number | null;
  hi?: number | null;
  method?: string | null;
  flags?: string[];
}

export interface Group {
  group: string | null;
  cells: Cell[];
}

export interface Difference {
  id: string;
  value?: number | null;
  lo?: number | null;
  hi?: number | null;
  method: string;
}

export interface Window {
  from?: string | null;
  to?: string | null;
  zone: string;
  observed_from: string;
  observed_until: string;
}

export interface Knowledge {
  identified: number;
  merged: number;
  memberships: number;
  profile_values: number;
  withdrawn: number;
}

export interface Answer {
  operator: string;
  panel: Panel;
  title: string;
  question: string;
  counting: string;
  parameters: Record<string, unknown>;
  modifiers: { where?: string | null; actors?: string | null; by?: string | null; versus?: string | null; accounts?: boolean };
  window: Window;
  knows: Knowledge;
  base: { events: number; actors: number };
  cells: Cell[];
  groups?: Group[];
  differences?: Difference[];
  notes?: string[];
}

/** What is asked of an operator: its parameters and the modifiers. */
export interface Question {
  params?: Record<string, unknown>;
  where?: string;
  actors?: string;
  by?: string;
  versus?: string;
  from?: string;
  to?: string;
  accounts?: boolean;
  groups?: number;
}

export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  place?: { file?: string; line?: number; column?: number; field?: string } | null;
  fix?: string | null;
}

export interface Workspace {
  name: string;
  state: "ready" | "empty" | "broken_spec" | "gone";
  problem?: Problem | null;
  simulated: boolean;
  zone: string;
  currency: string | null;
  events: number;
  users: number;
  observed_from: string | null;
  observed_until: string | null;
  generation: string | number;
  names: { name: string; n: number }[];
  columns: { name: string; kind: string; of?: "user" | "account" }[];
  stages: string[];
  tasks: string[];
  frictions: string[];
  channels: string[];
  has: { accounts: boolean; stages: boolean; tasks: boolean; frictions: boolean; channels: boolean; money: boolean; survey: boolean };
  segments: Record<string, string>;
  replay_url?: string | null;
  version: string;
}

export interface Schema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  minimum?: number;
  maximum?: number;
}

export interface Operator {
  id: string;
  panel: Panel;
  title: string;
  question: string;
  anchor: string;
  counting: string;
  sources: string[];
  chart: string;
  params: Schema;
  spec: string;
}

export interface Fact {
  text: string;
  operator?: string;
  /** Parameters of the operator that the cell was asked with, where they are not the usual ones. */
  params?: Record<string, unknown>;
  cell?: Cell;
}

export interface Aspect {
  aspect: string;
  user: Fact[];
  customer: Fact[];
}

export interface Signal {
  signal: string;
  sentence: string;
  named: boolean;
  p_adjusted?: number | null;
  lost?: Cell | null;
  money?: Cell | null;
  owner?: string | null;
}

export interface DropOff {
  stage: string;
  next: string;
  owner?: string | null;
  at_risk: number;
  rate?: Cell | null;
  at_stake?: Cell | null;
  signals: Signal[];
  detectable?: string[];
  cases?: string[];
}

export interface Report {
  name: string;
  window: Window;
  knows: Knowledge;
  panels: Aspect[];
  users_customers: Fact[];
  drop_offs: DropOff[];
  first: string[];
  cannot_say: string[];
}

export interface People {
  cell: Cell;
  units_total: number;
  actors_total: number;
  units: { actor: string; rows: [number, string][] }[];
  more: boolean;
}

export interface JourneyEvent {
  time_us: number;
  name: string;
  page?: string | null;
  element?: string | null;
  channel?: string | null;
  device?: string | null;
  source?: string | null;
  member?: string | null;
  value?: number | string | null;
  value_cents?: number | null;
  /** On timelines of accounts: in the workspace's currency, refunds negative. */
  revenue_cents?: number | null;
  properties?: Record<string, unknown>;
}

export interface Session {
  start_us: number;
  end_us: number;
  events: JourneyEvent[];
  replay_url?: string | null;
}

export interface User {
  user: string;
  ids: string[];
  accounts: { account: string; role?: string | null; from?: unknown; to?: unknown }[];
  profile: Record<string, unknown>;
  /** The newest sessions; `sessions_total` says how many there are. */
  sessions: Session[];
  sessions_total?: number;
  events_total?: number;
  /** What is no activity of the person: letters, the till. */
  outside?: JourneyEvent[];
  tasks?: { task: string; outcome: string; start_us: number; end_us: number; n_errors: number }[];
  frictions?: { friction: string; start_us: number; met_us: number }[];
}

export interface Account {
  account: string;
  members: { user: string; role?: string | null; from?: unknown; to?: unknown }[];
  stage?: string | null;
  stages: { stage: string; entered_us: number; left_us?: number | null; end?: string }[];
  profile?: Record<string, unknown>;
  events_total?: number;
  net_cents?: number | null;
  currency?: string | null;
  events: JourneyEvent[];
}

export interface SourceFile {
  file: string;
  rows: number;
  accepted: number;
  duplicates: number;
  rejected: number;
  skipped: number;
}

export interface Data {
  sources: { name: string; kind: string; files: SourceFile[]; observed_until?: string | null }[];
  quarantine: { rows: number; reasons: Record<string, number> };
  uploads: { file: string; bytes: number }[];
}

export interface ColumnProfile {
  name: string;
  kind: string;
  n_distinct: number;
  blank: number;
  samples: { text: string; n: number }[];
  /** What the column seems to be; nothing where it is only a property. */
  role?: string | null;
  sure?: "sure" | "likely" | "guess" | null;
  /** Share of the values that fit the kind. */
  fitting?: number | null;
  why?: string | null;
}

export interface FileProfile {
  file: string;
  format: string;
  rows_seen: number;
  columns: ColumnProfile[];
  rows: unknown[][];
}

export interface Profile {
  files: FileProfile[];
  spec: string;
  said: string[];
}

export interface Rejection {
  rejection: string;
  source: string;
  file: string;
  line: number;
  reason: string;
  original: string;
}

export interface Finding {
  about: string;
  what: string;
}

export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  elapsed_ms: number;
}

export interface Progress {
  done: number;
  of: number;
}

export interface ImportProgress {
  stage?: "file" | "timelines";
  file?: string;
  rows: number;
  rows_total?: number | null;
  bytes?: number;
  bytes_total?: number;
}

export interface Imported {
  file?: string;
  source?: string;
  rows?: number;
  accepted?: number;
  duplicates?: number;
  rejected?: number;
  skipped?: number;
  reasons?: [string, number][];
}

/** The question behind a number of a map. */
export interface MapQuestion {
  operator: string;
  params: Record<string, unknown>;
  cell: string;
}
