/** An answer: its picture, its table, how it counts, and what to know about it. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { Link } from "wouter";
import { picture } from "../api/client";
import type { Answer, Question } from "../api/types";
import { count } from "../format/number";
import { day } from "../format/time";
import { exploreHref, tidy } from "../question/url";
import { useTheme } from "../theme";
import { useWorkspace } from "../workspace";
import { CellTable } from "./CellTable";
import { answerFormats, ExportMenu } from "./ExportMenu";
import { Picture } from "./Picture";
import { Empty, Loading, ProblemCard } from "./States";
import { type Asked, useAnswer } from "./useAnswer";
import { useWidth } from "./useWidth";
import { useWho } from "./who";
import "./figure.css";

interface Props {
  operator: string;
  question?: Question;
  title?: string;
  /** Shown between the title and the picture. */
  children?: (answer: Answer) => ReactNode;
  drawn?: boolean;
  explorable?: boolean;
}

export function AnswerFigure({ operator, question = {}, title, children, drawn = true, explorable = true }: Props) {
  const asked = useAnswer(operator, question);
  const theme = useTheme();
  const { answer } = asked;
  const body = tidy(question);
  return (
    <figure className="answer" data-operator={operator}>
      <div className="spread">
        <h2>{title ?? answer?.title ?? "…"}</h2>
        <div className="row">
          {explorable && (
            <Link className="button small quiet" href={exploreHref(operator, body)}>
              Open in Explore
            </Link>
          )}
          {answer && <ExportMenu formats={answerFormats(operator, body, theme)} />}
        </div>
      </div>
      <Waiting asked={asked} />
      {asked.counting && asked.partial && (
        <div className="partial">
          <p role="status">
            Partial: {count(asked.progress?.done ?? 0)} of {count(asked.progress?.of ?? 0)} parts of the data are counted; every number here
            will still change.
          </p>
          <CellTable answer={asked.partial} operator={operator} question={body} partial />
        </div>
      )}
      {answer && !asked.counting && (
        <>
          {answer.base.actors === 0 || answer.cells.length === 0 ? (
            <Empty title="Nobody to count">
              <p>No row of the data is in this question. Widen the dates or the conditions, or add data.</p>
            </Empty>
          ) : (
            <>
              {children?.(answer)}
              {drawn && <Drawn operator={operator} question={body} />}
              <CellTable answer={answer} operator={operator} question={body} />
            </>
          )}
          <Counting answer={answer} />
        </>
      )}
    </figure>
  );
}

/** Progress with a way out, an error with a way on. */
export function Waiting({ asked }: { asked: Asked }) {
  if (asked.error) return <ProblemCard error={asked.error} retry={asked.again} />;
  if (asked.cancelled) {
    return (
      <p className="cancelled">
        The question was cancelled.{" "}
        <button type="button" className="button small" onClick={asked.again}>
          Ask again
        </button>
      </p>
    );
  }
  if (!asked.counting) return null;
  const { progress } = asked;
  return (
    <Loading>
      {progress && (
        <progress value={progress.done} max={progress.of} aria-label="Parts of the data counted">
          {`${progress.done} of ${progress.of}`}
        </progress>
      )}
      <button type="button" className="button small" onClick={asked.cancel}>
        Cancel
      </button>
    </Loading>
  );
}

/** The picture of the answer, drawn for the place where it stands. */
export function Drawn({ operator, question }: { operator: string; question: Question }) {
  const theme = useTheme();
  const { generation } = useWorkspace();
  const { open } = useWho();
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const asked = JSON.stringify([generation, operator, question]);
  const drawn = useQuery({
    queryKey: ["picture", generation, operator, question, theme, width],
    queryFn: ({ signal }) => picture(operator, question, theme, width, signal),
    enabled: width > 0,
    placeholderData: (before, query) => (JSON.stringify(query?.queryKey.slice(1, 4)) === asked ? before : undefined),
  });
  return (
    <div className="drawn" ref={holder}>
      {drawn.data && <Picture svg={drawn.data} onOpen={({ cell, group }) => open({ operator, question, cell, group })} />}
      {drawn.isPending && <div className="drawn-wait" aria-hidden="true" />}
      {drawn.error && <p className="hint">There is no picture of this answer: {drawn.error.message} The table has every number.</p>}
    </div>
  );
}

/** How it counts, over which time, on what base, and what to know. */
export function Counting({ answer }: { answer: Answer }) {
  const { window, base, notes, counting, panel, modifiers } = answer;
  const actors = panel === "user" && !modifiers.accounts ? "people" : "accounts";
  const said = [
    modifiers.where && `only where ${modifiers.where}`,
    modifiers.actors && `only ${actors} with ${modifiers.actors}`,
    modifiers.by && `split by ${modifiers.by}`,
    modifiers.versus && `comparing ${modifiers.versus}`,
  ].filter(Boolean);
  return (
    <figcaption className="counting">
      <p>
        <strong>How it counts.</strong> {counting}
      </p>
      <p>
        {day(window.from ?? window.observed_from, window.zone)} to {day(window.to ?? window.observed_until, window.zone)}, days of{" "}
        {window.zone}; {count(base.events)} events of {count(base.actors)} {actors}
        {said.length > 0 && `; ${said.join("; ")}`}.
      </p>
      {(notes?.length ?? 0) > 0 && (
        <ul>
          {notes?.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </figcaption>
  );
}
