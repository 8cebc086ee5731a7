/** Channels, stages, tasks and frictions, named by forms from the events seen; written as text, shown as a change. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { saveSpec, spec } from "../../api/client";
import { humane } from "../../format/words";
import { Loading, ProblemCard } from "../../parts/States";
import { putKeyed, putNamed, readSpec, remove } from "../../spec/edit";
import { useForgetAnswers } from "../../workspace";
import { EntryForm } from "./EntryForm";
import { type Entry, FORMS, type FormKind, listEntries, toSpec } from "./entries";
import { Review } from "./Review";

export function Journeys() {
  const asked = useQuery({ queryKey: ["spec"], queryFn: ({ signal }) => spec(signal), staleTime: 0 });
  if (asked.isPending) return <Loading label="Reading diptych.yaml" />;
  if (asked.error) return <ProblemCard error={asked.error} retry={() => asked.refetch()} />;
  return <Naming key={asked.data.etag} before={asked.data.text} etag={asked.data.etag} />;
}

function Naming({ before, etag }: { before: string; etag: string }) {
  const [text, setText] = useState(before);
  const [open, setOpen] = useState<{ kind: FormKind; entry: Entry | null } | null>(null);
  const [, navigate] = useLocation();
  const forget = useForgetAnswers();
  const read = readSpec(text);
  const put = (kind: FormKind, entry: Entry) => {
    const { name, ...fields } = toSpec(kind, entry);
    setText(kind === "channels" || kind === "stages" ? putNamed(text, kind, { name, ...fields }) : putKeyed(text, kind, name, fields));
    setOpen(null);
  };
  return (
    <div className="stack">
      {(Object.keys(FORMS) as FormKind[]).map((kind) => {
        const entries = listEntries(kind, read);
        const form = FORMS[kind];
        const editing = open?.kind === kind;
        return (
          <section key={kind} className="card stack" aria-labelledby={`name-${kind}`}>
            <div className="spread">
              <h2 id={`name-${kind}`}>{form.title}</h2>
              <p className="hint">{form.what}</p>
            </div>
            {entries.length > 0 && (
              <ul className="entries">
                {entries.map((entry) => (
                  <li key={entry.name}>
                    <button type="button" className="linklike" onClick={() => setOpen({ kind, entry })}>
                      {humane(entry.name)}
                    </button>
                    <span className="muted">{form.said(entry)}</span>
                    <button
                      type="button"
                      className="button small quiet"
                      aria-label={`Remove ${humane(entry.name)}`}
                      onClick={() => setText(remove(text, kind, entry.name))}
                    >
                      ×
                    </button>
                  </li>
                ))}
              </ul>
            )}
            {editing ? (
              <EntryForm
                key={open.entry?.name ?? "new"}
                kind={kind}
                entry={open.entry}
                onPut={(entry) => put(kind, entry)}
                onCancel={() => setOpen(null)}
              />
            ) : (
              <div>
                <button type="button" className="button" onClick={() => setOpen({ kind, entry: null })}>
                  Add a {form.one}
                </button>
              </div>
            )}
          </section>
        );
      })}
      {text !== before ? (
        <Review
          before={before}
          after={text}
          onBack={() => setText(before)}
          backLabel="Undo all changes"
          saveLabel="Save and count"
          onSave={async () => {
            await saveSpec(text, etag);
            await forget();
            navigate("/");
          }}
        />
      ) : (
        <p className="hint">Nothing is changed yet.</p>
      )}
    </div>
  );
}
