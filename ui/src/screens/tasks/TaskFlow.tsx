/** A task as planned and as done, drawn by the server. */
import { useState } from "react";
import { humane } from "../../format/words";
import { ExportMenu } from "../../parts/ExportMenu";
import { MapPicture } from "../../parts/MapPicture";

export function TaskFlow({ tasks }: { tasks: string[] }) {
  const [task, setTask] = useState(tasks[0] ?? "");
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
      <MapPicture kind="task" name={task} />
    </section>
  );
}
