/** Tasks and flows: how attempts end, a funnel to build, and what people do next. */
import { useRoute } from "wouter";
import { Tabs } from "../../parts/Tabs";
import { Flow } from "./Flow";
import { FunnelBuilder } from "./FunnelBuilder";
import { TaskList } from "./TaskList";
import "./tasks.css";

export default function Tasks() {
  const [, params] = useRoute("/tasks/:view?");
  const view = params?.view;
  return (
    <>
      <div className="screen-head">
        <h1>Tasks and flows</h1>
        <p>Can people reach their goal, with how little friction, and which way do they take?</p>
      </div>
      <Tabs
        label="Tasks and flows"
        tabs={[
          { href: "/tasks", name: "Tasks" },
          { href: "/tasks/funnel", name: "Funnel" },
          { href: "/tasks/flow", name: "Flow" },
          { href: "/tasks/frictions", name: "Frictions" },
        ]}
      />
      {view === "funnel" ? <FunnelBuilder /> : view === "flow" ? <Flow /> : <TaskList frictions={view === "frictions"} />}
    </>
  );
}
