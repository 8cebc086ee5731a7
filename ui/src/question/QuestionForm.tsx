/** The form of a question, made from the operator's parameters, with the modifiers that every operator has. */
import { type FormEvent, useId, useState } from "react";
import type { Operator, Question } from "../api/types";
import { humane } from "../format/words";
import { useWorkspace } from "../workspace";
import { ListEditor } from "./ListEditor";
import { type Field, fieldsOf, parameter, type Words } from "./schema";
import { tidy } from "./url";
import "./question.css";

interface Props {
  operator: Operator;
  question: Question;
  onAsk: (question: Question) => void;
}

export function QuestionForm({ operator, question, onAsk }: Props) {
  const [draft, setDraft] = useState<Question>(question);
  const fields = fieldsOf(operator.params);
  const words = useWords();
  const setParam = (name: string, value: unknown) => setDraft((before) => ({ ...before, params: { ...before.params, [name]: value } }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onAsk(tidy(draft));
  };
  const rest = fields.filter((field) => field.kind !== "steps");
  return (
    <form className="question" onSubmit={submit}>
      {fields
        .filter((field) => field.kind === "steps")
        .map((field) => (
          <ListEditor
            key={field.name}
            label={humane(field.name)}
            hint="In order. Several events in one step: “buy | subscribe”. With a condition: “view where page = '/price'”."
            ordered
            values={listOf(draft.params?.[field.name])}
            suggestions={words(field.words)}
            onChange={(values) => setParam(field.name, values)}
          />
        ))}
      {rest.length > 0 && (
        <div className="question-fields">
          {rest.map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              value={draft.params?.[field.name]}
              suggestions={words(field.words)}
              onChange={(value) => setParam(field.name, value)}
            />
          ))}
        </div>
      )}
      <Modifiers draft={draft} onChange={setDraft} panel={operator.panel} anchor={operator.anchor} />
      <div className="row">
        <button type="submit" className="button primary">
          Ask
        </button>
        <button type="button" className="button quiet" onClick={() => setDraft({})}>
          Clear
        </button>
      </div>
    </form>
  );
}

/** Descriptions speak of options of the command line; forms have fields instead. */
function plain(description: string): string {
  return description.replaceAll(/`?--(\w+)`?/g, "“$1”").replaceAll("`", "");
}

/** A step in parts is written as text. */
export function listOf(value: unknown): string[] {
  if (value === undefined || value === null || value === "") return [];
  const values = Array.isArray(value) ? value : [value];
  return values.map((one) => {
    if (typeof one === "string") return one;
    const { events, where } = one as { events?: string[]; where?: string };
    return `${(events ?? []).join(" | ")}${where ? ` where ${where}` : ""}`;
  });
}

export function useWords() {
  const { names, stages, tasks, frictions, columns } = useWorkspace();
  return (words: Words): string[] => {
    if (words === "names") return names.map(({ name }) => name);
    if (words === "columns") return columns.map(({ name }) => name);
    if (words === "none") return [];
    return { stages, tasks, frictions }[words];
  };
}

interface FieldInputProps {
  field: Field;
  value: unknown;
  suggestions: string[];
  onChange: (value: unknown) => void;
}

function FieldInput({ field, value, suggestions, onChange }: FieldInputProps) {
  const id = useId();
  const label = `${humane(field.name)}${field.required ? " (needed)" : ""}`;
  const usual = field.fallback == null ? "" : Array.isArray(field.fallback) ? field.fallback.join(", ") : String(field.fallback);
  if (field.kind === "list") {
    return (
      <ListEditor label={label} hint={plain(field.description)} values={listOf(value)} suggestions={suggestions} onChange={onChange} />
    );
  }
  if (field.kind === "choice" || (field.words === "stages" && suggestions.length > 0)) {
    const choices = field.kind === "choice" ? field.choices : suggestions.map((name) => ({ value: name, said: undefined }));
    return (
      <div className="field">
        <label htmlFor={id}>{label}</label>
        <select
          id={id}
          aria-describedby={`${id}-hint`}
          value={value == null ? "" : String(value)}
          onChange={(event) => onChange(event.target.value || undefined)}
        >
          <option value="">{usual ? `${humane(usual)} (usual)` : field.required ? "choose" : "not set"}</option>
          {choices
            .filter((choice) => choice.value !== usual || value === choice.value)
            .map((choice) => (
              <option key={choice.value} value={choice.value}>
                {humane(choice.value)}
              </option>
            ))}
        </select>
        <span className="hint" id={`${id}-hint`}>
          {plain(field.description)}
        </span>
      </div>
    );
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        aria-describedby={`${id}-hint`}
        inputMode={field.kind === "number" ? "numeric" : undefined}
        list={suggestions.length ? `${id}-list` : undefined}
        placeholder={usual}
        value={value == null ? "" : String(value)}
        onChange={(event) => onChange(parameter(field, event.target.value))}
      />
      {suggestions.length > 0 && (
        <datalist id={`${id}-list`}>
          {suggestions.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
      <span className="hint" id={`${id}-hint`}>
        {plain(field.description)}
      </span>
    </div>
  );
}

interface ModifiersProps {
  draft: Question;
  panel: Operator["panel"];
  anchor: string;
  onChange: (question: Question) => void;
}

/** `where`, `actors`, `by`, `versus`, `from`, `to`: the same for every operator. */
export function Modifiers({ draft, panel, anchor, onChange }: ModifiersProps) {
  const { columns, segments } = useWorkspace();
  const id = useId();
  const set = (change: Partial<Question>) => onChange({ ...draft, ...change });
  const used = Boolean(draft.where || draft.actors || draft.by || draft.versus || draft.from || draft.to || draft.accounts);
  const text = (name: "where" | "actors" | "by" | "versus", label: string, placeholder: string, list?: string) => (
    <div className="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        list={list}
        placeholder={placeholder}
        value={draft[name] ?? ""}
        spellCheck={false}
        onChange={(event) => set({ [name]: event.target.value })}
      />
    </div>
  );
  const date = (name: "from" | "to", label: string) => (
    <div className="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <input
        id={`${id}-${name}`}
        type="date"
        value={draft[name]?.slice(0, 10) ?? ""}
        onChange={(event) => set({ [name]: event.target.value })}
      />
    </div>
  );
  const saved = Object.entries(segments);
  return (
    <details className="modifiers" open={used || undefined}>
      <summary>Narrow, split, compare</summary>
      {anchor && <p className="hint">{plain(anchor)}</p>}
      <div className="question-fields">
        {text("by", "Split by", "device", `${id}-columns`)}
        {text("where", "Only where", "device = 'phone'")}
        {text("versus", "Compare those where", "device = 'phone'")}
        {text("actors", panel === "user" ? "Only people with" : "Only accounts with", "n_events > 3")}
        {saved.length > 0 && (
          <div className="field">
            <label htmlFor={`${id}-segment`}>Saved segment</label>
            <select id={`${id}-segment`} value="" onChange={(event) => event.target.value && set({ actors: event.target.value })}>
              <option value="">choose, to fill in “only with”</option>
              {saved.map(([name, condition]) => (
                <option key={name} value={condition}>
                  {humane(name)}
                </option>
              ))}
            </select>
          </div>
        )}
        {date("from", "From")}
        {date("to", "Before")}
        {panel === "user" && (
          <div className="field check">
            <label>
              <input type="checkbox" checked={draft.accounts ?? false} onChange={(event) => set({ accounts: event.target.checked })} /> Ask
              about accounts and all that their members did
            </label>
          </div>
        )}
      </div>
      <datalist id={`${id}-columns`}>
        {columns.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </details>
  );
}
