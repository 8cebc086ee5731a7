/** The frame: names of the workspace and of the screens, and the panel with the people behind a number. */
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { ProblemError } from "./api/client";
import type { Problem } from "./api/types";
import { Boundary } from "./parts/Boundary";
import { Motif, type Part } from "./parts/Motif";
import { PeoplePanel } from "./parts/PeoplePanel";
import { Empty, Loading, ProblemCard } from "./parts/States";
import { ThemeSwitch } from "./parts/ThemeSwitch";
import { Overview } from "./screens/overview/Overview";
import { useTheme } from "./theme";
import { KnownContext, useOperatorsQuery, useWorkspaceQuery } from "./workspace";
import "./app.css";

const JourneyMap = lazy(() => import("./screens/map/JourneyMap"));
const Tasks = lazy(() => import("./screens/tasks/Tasks"));
const Hinge = lazy(() => import("./screens/hinge/Hinge"));
const Explore = lazy(() => import("./screens/explore/Explore"));
const People = lazy(() => import("./screens/people/People"));
const Data = lazy(() => import("./screens/data/Data"));
const Start = lazy(() => import("./screens/start/Start"));

const SCREENS: { path: string; name: string; part: Part }[] = [
  { path: "/", name: "Overview", part: "both" },
  { path: "/map", name: "Customer journey map", part: "customer" },
  { path: "/tasks", name: "Tasks and flows", part: "user" },
  { path: "/hinge", name: "Hinge", part: "hinge" },
  { path: "/explore", name: "Explore", part: "none" },
  { path: "/people", name: "People", part: "none" },
  { path: "/data", name: "Data", part: "none" },
];

export function App() {
  useTheme();
  const workspace = useWorkspaceQuery();
  const operators = useOperatorsQuery();
  if (workspace.isPending || operators.isPending) return <Alone>{<Loading label="Opening the workspace" />}</Alone>;
  const error = workspace.error ?? operators.error;
  if (error || !workspace.data || !operators.data) {
    const retry = () => {
      workspace.refetch();
      operators.refetch();
    };
    return <Alone>{<ProblemCard error={error} retry={retry} />}</Alone>;
  }
  return (
    <KnownContext value={{ workspace: workspace.data, operators: operators.data }}>
      <Frame />
    </KnownContext>
  );
}

function Alone({ children }: { children: ReactNode }) {
  return (
    <main className="alone">
      <h1>Diptych</h1>
      {children}
    </main>
  );
}

function Frame() {
  const workspace = useWorkspaceQuery().data;
  const [location] = useLocation();
  const [open, setOpen] = useState(false);
  const here = SCREENS.findLast(({ path }) => (path === "/" ? location === "/" : location.startsWith(path)));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes whenever the place changes
  useEffect(() => setOpen(false), [location]);
  useEffect(() => {
    const screen = location.startsWith("/start") ? "Add data" : here?.name;
    document.title = [screen, workspace?.name, "Diptych"].filter(Boolean).join(" · ");
  }, [location, here, workspace?.name]);
  if (!workspace) return null;
  if (workspace.state === "gone") {
    const gone = {
      title: "The workspace is gone",
      status: 404,
      detail: "The folder that Diptych was started with cannot be found any more.",
    };
    return <Alone>{<ProblemCard error={new ProblemError(workspace.problem ?? gone)} />}</Alone>;
  }
  const first = workspace.state === "empty";
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <div className="frame">
        <header className="rail" data-open={open}>
          <div className="brand">
            <Link href="/" className="brand-link">
              <Motif size={30} />
              <span>Diptych</span>
            </Link>
            <button
              type="button"
              className="button small menu-button"
              aria-expanded={open}
              aria-controls="rail-body"
              onClick={() => setOpen(!open)}
            >
              {open ? "Close" : "Menu"}
            </button>
          </div>
          <div className="rail-name">
            <p>{workspace.name || "New workspace"}</p>
            {workspace.simulated && <span className="tag hinge">simulated</span>}
          </div>
          <div className="rail-body" id="rail-body">
            <nav aria-label="Screens">
              <ul>
                {SCREENS.map(({ path, name, part }) => (
                  <li key={path}>
                    <Link href={path} aria-current={here?.path === path && !location.startsWith("/start") ? "page" : undefined}>
                      <Motif part={part} size={18} />
                      {name}
                    </Link>
                  </li>
                ))}
              </ul>
            </nav>
            <div className="rail-end">
              <Link href="/start" className="button">
                Add data
              </Link>
              <ThemeSwitch />
            </div>
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          <Boundary place={location}>
            <Suspense fallback={<Loading label="Opening" />}>
              <Switch>
                <Route path="/start" component={Start} />
                <Route path="/data/:tab?" component={Data} />
                {first && (
                  <Route>
                    <Redirect to="/start" replace />
                  </Route>
                )}
                {workspace.state === "broken_spec" && (
                  <Route>
                    <Broken problem={workspace.problem} />
                  </Route>
                )}
                <Route path="/" component={Overview} />
                <Route path="/map" component={JourneyMap} />
                <Route path="/tasks/:view?" component={Tasks} />
                <Route path="/hinge" component={Hinge} />
                <Route path="/explore/:operator?" component={Explore} />
                <Route path="/people" component={People} />
                <Route>
                  <Empty whole title="There is no such page">
                    <Link href="/">Go to the overview</Link>
                  </Empty>
                </Route>
              </Switch>
            </Suspense>
          </Boundary>
        </main>
      </div>
      <PeoplePanel />
    </>
  );
}

function Broken({ problem }: { problem?: Problem | null }) {
  return (
    <div className="stack">
      <h1>diptych.yaml has to be put right first</h1>
      <ProblemCard error={new ProblemError(problem ?? { title: "diptych.yaml cannot be used", status: 422 })} />
      <p>
        <Link href="/data/spec" className="button primary">
          Open diptych.yaml
        </Link>
      </p>
    </div>
  );
}
