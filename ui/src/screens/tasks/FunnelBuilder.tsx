/** Builds a funnel step by step; every step opens the people who took it and those who did not. */
import { useState } from "react";
import { useLocation, useSearch } from "wouter";
import type { Answer, Cell, Question } from "../../api/types";
import { humane } from "../../format/words";
import { AnswerFigure } from "../../parts/AnswerFigure";
import { Scroll } from "../../parts/Scroll";
import { Empty } from "../../parts/States";
import { Value } from "../../parts/Value";
import { ListEditor } from "../../question/ListEditor";
import { listOf, Modifiers, useWords } from "../../question/QuestionForm";
import { read, tidy, write } from "../../question/url";
import { useKnown } from "../../workspace";

const WINDOWS = ["30m", "1h", "24h", "7d", "14d", "30d", "90d"];

export function FunnelBuilder() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const question = tidy(read(search));
  const steps = listOf(question.params?.steps);
  return (
    <div className="stack">
      <Builder key={JSON.stringify(question)} question={question} onAsk={(next) => navigate(`/tasks/funnel${write(next)}`)} />
      {steps.length < 2 ? (
        <Empty title="Choose two steps or more">
          <p>
            A step is an event, or several of which any will do. The funnel then shows how many people take all of them in time, and where
            the others stop.
          </p>
        </Empty>
      ) : (
        <FunnelAnswer key={JSON.stringify(question)} question={question} />
      )}
    </div>
  );
}

function Builder({ question, onAsk }: { question: Question; onAsk: (question: Question) => void }) {
  const [draft, setDraft] = useState(question);
  const { operators } = useKnown();
  const words = useWords();
  const names = words("names");
  const params = draft.params ?? {};
  const set = (change: Record<string, unknown>) => setDraft({ ...draft, params: { ...params, ...change } });
  const choice = (name: string, label: string, choices: [string, string][]) => (
    <label className="field">
      <span className="label">{label}</span>
      <select value={String(params[name] ?? "")} onChange={(event) => set({ [name]: event.target.value || undefined })}>
        {choices.map(([value, said]) => (
          <option key={value} value={value}>
            {said}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form
      className="card funnel-builder"
      onSubmit={(event) => {
        event.preventDefault();
        onAsk(tidy(draft));
      }}
    >
      <ListEditor
        label="Steps"
        hint="In order. Several events in one step: “buy | subscribe”. With a condition: “view where page = '/price'”."
        ordered
        values={listOf(params.steps)}
        suggestions={names}
        onChange={(steps) => set({ steps })}
      />
      <div className="funnel-side">
        <div className="question-fields">
          <label className="field">
            <span className="label">Within</span>
            <input
              list="windows"
              placeholder="14d"
              value={String(params.window ?? "")}
              onChange={(event) => set({ window: event.target.value || undefined })}
            />
          </label>
          <datalist id="windows">
            {WINDOWS.map((window) => (
              <option key={window} value={window} />
            ))}
          </datalist>
          {choice("order", "Order", [
            ["", "in order, others between"],
            ["strict", "in order, nothing between"],
            ["any", "in any order"],
          ])}
          {choice("per", "Count", [
            ["", "people"],
            ["session", "sessions"],
          ])}
          {choice("entry", "Which attempt", [
            ["", "the one that gets furthest"],
            ["first", "the first"],
          ])}
        </div>
        <ListEditor
          label="Ended by"
          hint="Events that end an attempt; the steps before them count."
          values={listOf(params.exclude)}
          suggestions={names}
          onChange={(exclude) => set({ exclude })}
        />
      </div>
      <div className="funnel-wide">
        <Modifiers draft={draft} panel="user" anchor={operators.find(({ id }) => id === "funnel")?.anchor ?? ""} onChange={setDraft} />
      </div>
      <div className="funnel-wide">
        <button type="submit" className="button primary" disabled={listOf(params.steps).length < 2}>
          Count
        </button>
      </div>
    </form>
  );
}

function FunnelAnswer({ question }: { question: Question }) {
  const [of, setOf] = useState<"first" | "previous">("first");
  return (
    <AnswerFigure operator="funnel" question={question}>
      {(answer) => (
        <>
          <fieldset className="segmented funnel-switch">
            <legend className="visually-hidden">Percentages of</legend>
            <button type="button" aria-pressed={of === "first"} onClick={() => setOf("first")}>
              of the first step
            </button>
            <button type="button" aria-pressed={of === "previous"} onClick={() => setOf("previous")}>
              of the previous step
            </button>
          </fieldset>
          <Steps answer={answer} question={question} of={of} />
        </>
      )}
    </AnswerFigure>
  );
}

/** Step by step: who took it, who stopped, and how long it took. */
function Steps({ answer, question, of }: { answer: Answer; question: Question; of: "first" | "previous" }) {
  const cells = new Map<string, Cell>(answer.cells.map((cell) => [cell.id, cell]));
  const steps = answer.cells.filter(({ id }) => /^step:\d+$/.test(id));
  const origin = { operator: "funnel", question };
  return (
    <Scroll label="Steps of the funnel">
      <table className="funnel-steps">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Took it</th>
            <th scope="col">Stopped here</th>
            <th scope="col">Of these, still in time</th>
            <th scope="col">Time from the step before, median</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((first, i) => {
            const number = i + 1;
            const taken = (of === "previous" && cells.get(`of_previous:${number}`)) || first;
            const stopped = cells.get(`stopped:${number}`);
            const open = cells.get(`open:${number}`);
            const time = cells.get(`time:${number}`);
            return (
              <tr key={first.id}>
                <th scope="row">
                  <span className="muted">{number}</span> {humane(first.label)}
                </th>
                <td>
                  <Value cell={taken} origin={origin} />
                </td>
                <td>{stopped ? <Value cell={stopped} origin={origin} /> : <span className="muted">reached the end</span>}</td>
                <td>{open ? <Value cell={open} origin={origin} /> : ""}</td>
                <td>{time ? <Value cell={time} origin={origin} /> : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
