/** One number of an answer: what it is, its base and interval, and a way to the people in it. */
import type { Cell, Question } from "../api/types";
import { count, sentence, shown } from "../format/number";
import { useWorkspace } from "../workspace";
import { useWho } from "./who";
import "./value.css";

export interface Origin {
  operator: string;
  question?: Question;
  group?: string | null;
}

/** The number, as a button that opens the people in it. */
export function Value({ cell, origin, size = "normal" }: { cell: Cell; origin?: Origin; size?: "normal" | "large" }) {
  const { currency } = useWorkspace();
  const who = useWho();
  const { text, base, interval, reason, incomplete } = shown(cell, currency);
  const line = sentence(cell, currency);
  const number = (
    <>
      {text}
      {incomplete && <span aria-hidden="true">*</span>}
    </>
  );
  return (
    <span className={`value ${size}`} data-cell-id={cell.id}>
      {origin && cell.people > 0 ? (
        <button
          type="button"
          className="value-number linklike"
          title={line}
          aria-label={`${line}. Open the ${count(cell.people)} behind it`}
          onClick={() => who.open({ operator: origin.operator, question: origin.question ?? {}, cell: cell.id, group: origin.group })}
        >
          {number}
        </button>
      ) : (
        <span className="value-number" title={line}>
          {number}
        </span>
      )}
      {(base || interval || reason) && (
        <span className="value-more">
          {reason && <span>{reason}</span>}
          {base && <span>{base}</span>}
          {interval && <span className="value-interval">{interval}</span>}
        </span>
      )}
    </span>
  );
}
