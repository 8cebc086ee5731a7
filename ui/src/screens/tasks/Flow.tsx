/** What people do next: from everything, or after or before one event. */
import { useId } from "react";
import { useLocation, useSearch } from "wouter";
import { AnswerFigure } from "../../parts/AnswerFigure";
import { useWords } from "../../question/QuestionForm";
import { read, tidy, write } from "../../question/url";

export function Flow() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const question = tidy(read(search));
  const names = useWords()("names");
  const id = useId();
  const params = question.params ?? {};
  const set = (change: Record<string, unknown>) => navigate(`/tasks/flow${write({ ...question, params: { ...params, ...change } })}`);
  const pick = (name: "after" | "before", label: string, extra: string[]) => (
    <div className="field">
      <label htmlFor={`${id}-${name}`}>{label}</label>
      <select
        id={`${id}-${name}`}
        value={String(params[name] ?? "")}
        onChange={(event) => set({ [name]: event.target.value || undefined })}
      >
        <option value="">any event</option>
        {[...extra, ...names].map((event) => (
          <option key={event} value={event}>
            {event}
          </option>
        ))}
      </select>
    </div>
  );
  return (
    <div className="stack">
      <div className="card question-fields">
        {pick("after", "After", ["(start)"])}
        {pick("before", "Before", ["(end)", "(open)"])}
        <div className="field">
          <label htmlFor={`${id}-top`}>Shown, the most frequent first</label>
          <select id={`${id}-top`} value={String(params.top ?? 50)} onChange={(event) => set({ top: Number(event.target.value) })}>
            {[10, 20, 50, 200].map((top) => (
              <option key={top}>{top}</option>
            ))}
          </select>
        </div>
        <div className="field">
          <label htmlFor={`${id}-repeats`}>Repeats of an event</label>
          <select id={`${id}-repeats`} value={String(params.repeats ?? "keep")} onChange={(event) => set({ repeats: event.target.value })}>
            <option value="keep">kept</option>
            <option value="collapse">counted once</option>
          </select>
        </div>
      </div>
      <p className="hint">Three arrows in a row are not one way: each counts pairs of neighbouring events only.</p>
      <AnswerFigure operator="transitions" question={question} title="What people do next" />
    </div>
  );
}
