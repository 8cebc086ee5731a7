/** Loading, empty and error: designed, and said to screen readers. */
import type { ReactNode } from "react";
import { ProblemError } from "../api/client";
import type { Problem } from "../api/types";
import { Motif } from "./Motif";
import "./states.css";

export function Loading({ label = "Counting", children }: { label?: string; children?: ReactNode }) {
  return (
    <div className="loading" role="status">
      <span className="loading-panels" aria-hidden="true">
        <i />
        <i />
      </span>
      <span>{label} …</span>
      {children}
    </div>
  );
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { title: "This screen failed", status: 500, detail: error instanceof Error ? error.message : String(error) };
}

export function ProblemCard({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = problemOf(error);
  const { place } = problem;
  const where =
    place &&
    [place.file, place.line && `line ${place.line}`, place.column && `column ${place.column}`, place.field].filter(Boolean).join(", ");
  return (
    <div className="problem" role="alert">
      <p className="problem-title">{problem.title}</p>
      {where && <p className="problem-place">{where}</p>}
      {problem.detail && <p>{problem.detail}</p>}
      {problem.fix && <p className="problem-fix">{problem.fix}</p>}
      {retry && (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** `whole`: nothing else stands on the screen, so its title is the screen's heading. */
export function Empty({ title, whole = false, children }: { title: string; whole?: boolean; children?: ReactNode }) {
  const Title = whole ? "h1" : "p";
  return (
    <div className="empty">
      <Motif />
      <Title className="empty-title">{title}</Title>
      <div className="empty-text">{children}</div>
    </div>
  );
}
