/** A task as planned and as done, drawn by the server. */
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { mapPicture } from "../../api/client";
import { humane } from "../../format/words";
import { ExportMenu } from "../../parts/ExportMenu";
import { Picture } from "../../parts/Picture";
import { Loading } from "../../parts/States";
import { useWidth } from "../../parts/useWidth";
import { useWho } from "../../parts/who";
import { useTheme } from "../../theme";
import { useWorkspace } from "../../workspace";

export function TaskFlow({ tasks }: { tasks: string[] }) {
  const { generation } = useWorkspace();
  const theme = useTheme();
  const { open } = useWho();
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const [task, setTask] = useState(tasks[0] ?? "");
  const drawn = useQuery({
    queryKey: ["map", generation, "task", task, theme, width],
    queryFn: ({ signal }) => mapPicture("task", task, theme, width, signal),
    enabled: width > 0,
  });
  return (
    <section className="card stack" aria-labelledby="task-flow">
      <div className="spread">
        <h2 id="task-flow">Planned and done</h2>
        <div className="row">
          <select aria-label="Task" style={{ width: "auto" }} value={task} onChange={(event) => setTask(event.target.value)}>
            {tasks.map((name) => (
              <option key={name} value={name}>
                {humane(name)}
              </option>
            ))}
          </select>
          <ExportMenu
            formats={["svg", "png", "pdf", "html", "md", "json"].map((format) => ({
              name: format.toUpperCase(),
              path: `/api/map/task?format=${format}&name=${encodeURIComponent(task)}`,
              file: `task-${task}.${format}`,
            }))}
          />
        </div>
      </div>
      <div ref={holder}>
        {drawn.isPending && <Loading label="Drawing" />}
        {drawn.error && <p className="hint">There is no picture of this task: {drawn.error.message}</p>}
        {drawn.data && (
          <Picture
            svg={drawn.data}
            onOpen={({ cell, group }) => open({ operator: "tasks", question: { params: { task: [task] } }, cell, group })}
          />
        )}
      </div>
    </section>
  );
}
