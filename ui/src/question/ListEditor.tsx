/** A list of events or words, in order: add, move, remove, all by keyboard. */
import { useId, useRef, useState } from "react";
import "./question.css";

interface Props {
  label: string;
  hint?: string;
  values: string[];
  suggestions: string[];
  ordered?: boolean;
  /** Whether the most frequent suggestions stand there as buttons. */
  offered?: boolean;
  onChange: (values: string[]) => void;
}

const CHIPS = 6;

export function ListEditor({ label, hint, values, suggestions, ordered = false, offered = false, onChange }: Props) {
  const [draft, setDraft] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const put = (text: string) => {
    if (!text.trim()) return;
    onChange([...values, text.trim()]);
    setDraft("");
  };
  const add = () => {
    put(draft);
    input.current?.focus();
  };
  const chips = offered ? suggestions.filter((name) => !values.includes(name)).slice(0, CHIPS) : [];
  const move = (from: number, to: number) => {
    const next = [...values];
    const [moved] = next.splice(from, 1);
    if (moved !== undefined) next.splice(to, 0, moved);
    onChange(next);
  };
  return (
    <fieldset className="list-editor">
      <legend>{label}</legend>
      {hint && <p className="hint">{hint}</p>}
      {values.length > 0 && (
        <ol className={ordered ? "list-items ordered" : "list-items"}>
          {values.map((value, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the same event can stand twice
            <li key={`${i}/${value}`}>
              <input
                aria-label={`${label} ${i + 1}`}
                list={`${id}-names`}
                defaultValue={value}
                onBlur={(event) => {
                  const text = event.target.value.trim();
                  if (text && text !== value) onChange(values.map((old, j) => (j === i ? text : old)));
                }}
              />
              {ordered && (
                <>
                  <button
                    type="button"
                    className="button small quiet"
                    aria-label={`Move ${value} up`}
                    disabled={i === 0}
                    onClick={() => move(i, i - 1)}
                  >
                    ↑
                  </button>
                  <button
                    type="button"
                    className="button small quiet"
                    aria-label={`Move ${value} down`}
                    disabled={i === values.length - 1}
                    onClick={() => move(i, i + 1)}
                  >
                    ↓
                  </button>
                </>
              )}
              <button
                type="button"
                className="button small quiet"
                aria-label={`Remove ${value}`}
                onClick={() => onChange(values.filter((_, j) => j !== i))}
              >
                ×
              </button>
            </li>
          ))}
        </ol>
      )}
      <div className="list-add">
        <input
          ref={input}
          aria-label={`Add to ${label}`}
          list={`${id}-names`}
          value={draft}
          placeholder={suggestions[0] ? `for example ${suggestions[0]}` : ""}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={() => suggestions.includes(draft) && put(draft)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
        />
        <button type="button" className="button small" onClick={add}>
          Add
        </button>
      </div>
      {chips.length > 0 && (
        <div className="chips">
          {chips.map((name) => (
            <button key={name} type="button" className="button small" aria-label={`Add ${name} to ${label}`} onClick={() => put(name)}>
              + {name}
            </button>
          ))}
        </div>
      )}
      <datalist id={`${id}-names`}>
        {suggestions.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </fieldset>
  );
}
