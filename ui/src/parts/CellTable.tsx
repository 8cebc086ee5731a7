/** The table twin of a picture: every cell with its base, interval, people and flags. */
import { useState } from "react";
import type { Answer, Cell, Question } from "../api/types";
import { count, kind, percent, sentence, shown } from "../format/number";
import { flagMeaning, flagWords } from "../format/words";
import { useWorkspace } from "../workspace";
import { Scroll } from "./Scroll";
import { useWho } from "./who";
import "./table.css";

const FIRST_ROWS = 14;

interface Row {
  group: string | null | undefined;
  cell: Cell;
}

export function CellTable({
  answer,
  operator,
  question,
  partial = false,
}: {
  answer: Answer;
  operator: string;
  question: Question;
  partial?: boolean;
}) {
  const [all, setAll] = useState(false);
  const grouped = (answer.groups?.length ?? 0) > 0;
  const everything: Row[] = [
    ...answer.cells.map((cell) => ({ group: undefined, cell })),
    ...(answer.groups ?? []).flatMap(({ group, cells }) => cells.map((cell) => ({ group, cell }))),
  ];
  const cohorts = everything.filter(({ cell }) => cell.id.startsWith("cohort:"));
  const list = everything.filter(({ cell }) => !cell.id.startsWith("cohort:"));
  const rows = all ? list : list.slice(0, FIRST_ROWS);
  return (
    <div className="cells">
      <Scroll label={`Table: ${answer.title}`}>
        <table>
          <caption className="visually-hidden">{`${answer.title}: every number with its base and 95 % interval`}</caption>
          <thead>
            <tr>
              {grouped && <th scope="col">Group</th>}
              <th scope="col">What</th>
              <th scope="col" className="number">
                Value
              </th>
              <th scope="col" className="number">
                x
              </th>
              <th scope="col" className="number">
                n
              </th>
              <th scope="col" className="number">
                95 % interval
              </th>
              <th scope="col" className="number">
                {answer.panel === "user" && !answer.modifiers.accounts ? "People" : "Accounts"}
              </th>
              <th scope="col">Flags</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ group, cell }) => (
              <CellRow
                key={`${group}/${cell.id}`}
                row={{ group, cell }}
                grouped={grouped}
                operator={operator}
                question={question}
                partial={partial}
              />
            ))}
          </tbody>
        </table>
      </Scroll>
      {list.length > FIRST_ROWS && (
        <button type="button" className="button small" onClick={() => setAll(!all)}>
          {all ? "Show fewer rows" : `Show all ${list.length} rows`}
        </button>
      )}
      {cohorts.length > 0 && <CohortGrid rows={cohorts} operator={operator} question={question} />}
      {(answer.differences?.length ?? 0) > 0 && <Differences answer={answer} />}
    </div>
  );
}

interface CellRowProps {
  row: Row;
  grouped: boolean;
  operator: string;
  question: Question;
  partial: boolean;
}

function CellRow({ row: { group, cell }, grouped, operator, question, partial }: CellRowProps) {
  const { currency } = useWorkspace();
  const who = useWho();
  const { text, interval, reason, incomplete } = shown(cell, currency);
  return (
    <tr data-row={cell.id}>
      {grouped && <td>{group === undefined ? "all" : (group ?? "(none)")}</td>}
      <th scope="row">{cell.label}</th>
      <td className="number strong">
        {text}
        {incomplete && "*"}
        {reason && <span className="reason">{reason}</span>}
      </td>
      <td className="number">{cell.x == null ? "" : count(cell.x)}</td>
      <td className="number">{count(cell.n)}</td>
      <td className="number" title={cell.method ? `method: ${cell.method}` : undefined}>
        {interval}
      </td>
      <td className="number">
        {cell.people > 0 && !partial ? (
          <button
            type="button"
            className="linklike"
            aria-label={`Open the ${count(cell.people)} of: ${cell.label}${group ? `, ${group}` : ""}`}
            onClick={() => who.open({ operator, question, cell: cell.id, group })}
          >
            {count(cell.people)}
          </button>
        ) : (
          count(cell.people)
        )}
      </td>
      <td className="flags" title={(cell.flags ?? []).map(flagMeaning).join("; ") || undefined}>
        {(cell.flags ?? []).map(flagWords).join("; ")}
      </td>
    </tr>
  );
}

/** Cohorts down, periods across; one colour scale for the whole grid. */
function CohortGrid({ rows, operator, question }: { rows: Row[]; operator: string; question: Question }) {
  const { currency } = useWorkspace();
  const who = useWho();
  const heads = rows.filter(({ cell }) => !cell.id.includes("/"));
  const inner = new Map(rows.map((row) => [`${row.group}|${row.cell.id}`, row.cell]));
  const periods = [...new Set(rows.filter(({ cell }) => cell.id.includes("/")).map(({ cell }) => Number(cell.id.split("/")[1])))]
    .sort((a, b) => a - b)
    .slice(0, 31);
  const values = rows.filter(({ cell }) => cell.id.includes("/")).map(({ cell }) => cell.value ?? 0);
  const most = Math.max(...values, 0) || 1;
  const [all, setAll] = useState(false);
  const visible = all ? heads : heads.slice(0, 24);
  return (
    <>
      <Scroll label="Cohorts">
        <table className="cohorts">
          <caption>Cohorts down, periods across. One colour scale for the whole grid; an asterisk marks what is not complete yet.</caption>
          <thead>
            <tr>
              <th scope="col">Cohort</th>
              <th scope="col" className="number">
                n
              </th>
              {periods.map((period) => (
                <th key={period} scope="col" className="number">
                  {period}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {visible.map(({ cell, group }) => (
              <tr key={`${group}/${cell.id}`}>
                <th scope="row">{`${group ? `${group}: ` : ""}${cell.id.slice("cohort:".length)}`}</th>
                <td className="number">{count(cell.n)}</td>
                {periods.map((period) => {
                  const one = inner.get(`${group}|${cell.id}/${period}`);
                  if (!one) return <td key={period} />;
                  const { text, incomplete } = shown(one, currency);
                  const short = kind(one) === "share" && one.value != null ? percent(one.value, 0) : text;
                  return (
                    <td
                      key={period}
                      className="number heat"
                      style={{ "--heat": one.value == null ? 0 : one.value / most } as React.CSSProperties}
                    >
                      <button
                        type="button"
                        title={sentence(one, currency)}
                        disabled={one.people === 0}
                        onClick={() => who.open({ operator, question, cell: one.id, group })}
                      >
                        {short}
                        {incomplete && "*"}
                        <span className="visually-hidden"> {sentence(one, currency)}</span>
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {heads.length > 24 && (
        <button type="button" className="button small" onClick={() => setAll(!all)}>
          {all ? "Show fewer cohorts" : `Show all ${heads.length} cohorts`}
        </button>
      )}
    </>
  );
}

function Differences({ answer }: { answer: Answer }) {
  const points = (value: number | null | undefined) =>
    value == null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
  const labels = new Map(answer.cells.map((cell) => [cell.id, cell.label]));
  return (
    <Scroll label="Differences">
      <table>
        <caption>First group minus second.</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" className="number">
              Difference
            </th>
            <th scope="col" className="number">
              95 % interval
            </th>
          </tr>
        </thead>
        <tbody>
          {answer.differences?.map((difference) => (
            <tr key={difference.id}>
              <th scope="row">{labels.get(difference.id) ?? difference.id}</th>
              <td className="number strong">{points(difference.value)}</td>
              <td className="number" title={`method: ${difference.method}`}>
                {difference.lo == null ? "" : `${points(difference.lo)} to ${points(difference.hi)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
