import { Link } from "wouter";
import type { Answer, Cell } from "../../api/types";
import { humane } from "../../format/words";
import { AnswerFigure } from "../../parts/AnswerFigure";
import { Scroll } from "../../parts/Scroll";
import { Empty } from "../../parts/States";
import { Value } from "../../parts/Value";
import { useWorkspace } from "../../workspace";
import { TaskFlow } from "./TaskFlow";

export function TaskList({ frictions }: { frictions: boolean }) {
  const { tasks, frictions: names } = useWorkspace();
  if (frictions) {
    if (names.length === 0) return <Nothing what="frictions" />;
    return <AnswerFigure operator="frictions" />;
  }
  if (tasks.length === 0) return <Nothing what="tasks" />;
  return (
    <div className="stack">
      <AnswerFigure operator="tasks">{(answer) => <TaskTable answer={answer} />}</AnswerFigure>
      <TaskFlow tasks={tasks} />
    </div>
  );
}

function Nothing({ what }: { what: string }) {
  return (
    <Empty title={`No ${what} are named yet`}>
      <p>diptych.yaml says which events make one.</p>
      <p>
        <Link href="/start?step=journeys" className="button">
          Name {what}
        </Link>
      </p>
    </Empty>
  );
}

const COLUMNS: [string, string][] = [
  ["attempts", "Attempts"],
  ["success", "Succeeded"],
  ["failed", "Failed"],
  ["abandoned", "Abandoned"],
  ["elapsed:succeeded", "Time to succeed, median"],
  ["with_error", "With an error"],
];

/** One row per task. */
function TaskTable({ answer }: { answer: Answer }) {
  const cells = new Map<string, Cell>(answer.cells.map((cell) => [cell.id, cell]));
  const tasks = answer.cells.filter(({ id }) => id.endsWith(":attempts")).map(({ id }) => id.slice("task:".length, -":attempts".length));
  return (
    <Scroll label="Tasks at a glance">
      <table className="tasks-table">
        <thead>
          <tr>
            <th scope="col">Task</th>
            {COLUMNS.map(([, name]) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tasks.map((task) => (
            <tr key={task}>
              <th scope="row">{humane(task)}</th>
              {COLUMNS.map(([suffix]) => {
                const cell = cells.get(`task:${task}:${suffix}`);
                return <td key={suffix}>{cell ? <Value cell={cell} origin={{ operator: "tasks" }} /> : "–"}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
