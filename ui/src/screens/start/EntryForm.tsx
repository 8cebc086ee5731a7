/** One channel, stage, task or friction. */
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { sql } from "../../api/client";
import { ListEditor } from "../../question/ListEditor";
import { listOf, useWords } from "../../question/QuestionForm";
import { useWorkspace } from "../../workspace";
import { type Entry, eventsOf, FORMS, type FormKind, type Input, RULES } from "./entries";

interface Props {
  kind: FormKind;
  entry: Entry | null;
  onPut: (entry: Entry) => void;
  onCancel: () => void;
}

export function EntryForm({ kind, entry, onPut, onCancel }: Props) {
  const [draft, setDraft] = useState<Entry>(entry ?? { name: "" });
  const id = useId();
  const form = FORMS[kind];
  const rule = String(draft.rule ?? "event");
  const inputs = form.inputs.filter(({ rules }) => !rules || rules.includes(rule));
  const missing = inputs.find(({ needed, field }) => needed && eventsOf(draft[field]).length === 0);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (draft.name.trim() && !missing) onPut(draft);
  };
  return (
    <form className="entry-form" onSubmit={submit}>
      <div className="field">
        <label htmlFor={`${id}-name`}>What is this {form.one} called?</label>
        <input
          id={`${id}-name`}
          value={draft.name}
          disabled={entry !== null}
          pattern="[^\s:]+"
          title="one word; write several with _ between them"
          onChange={(event) => setDraft({ ...draft, name: event.target.value.replaceAll(" ", "_") })}
        />
      </div>
      {inputs.map((input) => (
        <EntryInput key={input.field} input={input} draft={draft} onChange={setDraft} />
      ))}
      <div className="row">
        <button type="submit" className="button primary" disabled={!draft.name.trim() || missing !== undefined}>
          {entry ? "Change" : `Add this ${form.one}`}
        </button>
        <button type="button" className="button quiet" onClick={onCancel}>
          Cancel
        </button>
        {missing && <span className="hint">still needed: {missing.label}</span>}
      </div>
    </form>
  );
}

function EntryInput({ input, draft, onChange }: { input: Input; draft: Entry; onChange: (entry: Entry) => void }) {
  const id = useId();
  const words = useWords();
  const [outer, inner] = input.field.split(".") as [string, string | undefined];
  const owner = (draft[outer] ?? {}) as Record<string, unknown>;
  const value = inner ? owner[inner] : draft[outer];
  const set = (next: unknown) => onChange({ ...draft, [outer]: inner ? { ...owner, [inner]: next } : next });
  if (input.kind === "where") return <Where label={input.label} value={String(value ?? "")} onChange={set} />;
  if (input.kind === "event" || input.kind === "path") {
    return (
      <ListEditor
        label={input.label}
        ordered={input.kind === "path"}
        values={input.kind === "event" ? eventsOf(value) : listOf(value)}
        suggestions={words("names")}
        offered={input.needed}
        onChange={set}
      />
    );
  }
  if (input.kind === "flag") {
    return (
      <label className="field-check">
        <input type="checkbox" checked={Boolean(value)} onChange={(event) => set(event.target.checked)} /> {input.label}
      </label>
    );
  }
  if (input.kind === "rule") {
    return (
      <div className="field">
        <label htmlFor={id}>{input.label}</label>
        <select id={id} value={String(value ?? "event")} onChange={(event) => set(event.target.value)}>
          {RULES.map(([rule, said]) => (
            <option key={rule} value={rule}>
              {said}
            </option>
          ))}
        </select>
      </div>
    );
  }
  return (
    <div className="field">
      <label htmlFor={id}>{input.label}</label>
      <input
        id={id}
        placeholder={input.hint}
        inputMode={input.kind === "number" ? "numeric" : undefined}
        value={value == null ? "" : String(value)}
        onChange={(event) => set(event.target.value)}
      />
    </div>
  );
}

/** A condition on rows: a column and one of the values seen in it; or any SQL. */
function Where({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const { columns, generation } = useWorkspace();
  const offered = ["channel", "source", "name", "place", "device", "page"].filter((name) => columns.some((column) => column.name === name));
  const [column, setColumn] = useState(offered[0] ?? "name");
  const id = useId();
  const seen = useQuery({
    queryKey: ["values", generation, column],
    queryFn: ({ signal }) =>
      sql(`select "${column}" as v, count(*) as n from events where "${column}" is not null group by 1 order by n desc limit 20`, signal),
    enabled: offered.length > 0,
  });
  return (
    <fieldset className="list-editor">
      <legend>{label}</legend>
      <div className="row">
        <span>those whose</span>
        <select aria-label="Column" style={{ width: "auto" }} value={column} onChange={(event) => setColumn(event.target.value)}>
          {offered.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <span>is</span>
        <select
          aria-label="Value"
          style={{ width: "auto", maxWidth: "14rem" }}
          value=""
          onChange={(event) => event.target.value && onChange(`${column} = '${event.target.value.replaceAll("'", "''")}'`)}
        >
          <option value="">choose</option>
          {seen.data?.rows.map(([seenValue]) => (
            <option key={String(seenValue)} value={String(seenValue)}>
              {String(seenValue)}
            </option>
          ))}
        </select>
      </div>
      <label className="field" htmlFor={id}>
        <span className="hint">or any condition in SQL</span>
        <input id={id} spellCheck={false} value={value} placeholder="channel = 'shop'" onChange={(event) => onChange(event.target.value)} />
      </label>
    </fieldset>
  );
}
