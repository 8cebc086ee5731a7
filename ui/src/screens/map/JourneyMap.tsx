/** The customer journey map: stages across, lanes down, and in every field a live number or nothing. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { spec } from "../../api/client";
import type { Answer, Cell, DropOff, Question, Report } from "../../api/types";
import { day } from "../../format/time";
import { humane, signalName } from "../../format/words";
import { ExportMenu } from "../../parts/ExportMenu";
import { MapPicture } from "../../parts/MapPicture";
import { Scroll } from "../../parts/Scroll";
import { Empty, Loading, ProblemCard } from "../../parts/States";
import { useAnswer } from "../../parts/useAnswer";
import { Value } from "../../parts/Value";
import { exploreHref, write } from "../../question/url";
import { useWorkspace } from "../../workspace";
import { useReport } from "../overview/Overview";
import "./map.css";

const FORMATS = ["svg", "png", "pdf", "html", "md", "json"];

export default function JourneyMap() {
  const workspace = useWorkspace();
  const [paper, setPaper] = useState(false);
  return (
    <>
      <div className="screen-head">
        <div className="spread">
          <h1>Customer journey map</h1>
          <div className="row">
            <fieldset className="segmented">
              <legend className="visually-hidden">View</legend>
              <button type="button" aria-pressed={!paper} onClick={() => setPaper(false)}>
                Live
              </button>
              <button type="button" aria-pressed={paper} onClick={() => setPaper(true)}>
                On paper
              </button>
            </fieldset>
            <ExportMenu
              formats={FORMATS.map((format) => ({
                name: format.toUpperCase(),
                path: `/api/map/customer?format=${format}`,
                file: `customer-journey-map.${format}`,
              }))}
            />
          </div>
        </div>
        <p>
          The relationship from first contact on. Every number is counted from the data
          {workspace.observed_until && ` up to ${day(workspace.observed_until, workspace.zone)}`} and opens the accounts in it; every field
          opens its question.
        </p>
      </div>
      {workspace.stages.length === 0 ? (
        <Empty title="No stages are named yet">
          <p>The stages of the relationship are the columns of the map.</p>
          <p>
            <Link href="/start?step=journeys" className="button">
              Name the stages
            </Link>
          </p>
        </Empty>
      ) : paper ? (
        <div className="card">
          <MapPicture kind="customer" />
        </div>
      ) : (
        <Live stages={workspace.stages} />
      )}
    </>
  );
}

interface StageSpec {
  name: string;
  enter?: unknown;
  path?: string[];
}

function useStageSpecs(): StageSpec[] {
  const { generation } = useWorkspace();
  const asked = useQuery({
    queryKey: ["stages of the spec", generation],
    queryFn: async ({ signal }) => {
      const [{ text }, { readSpec }] = await Promise.all([spec(signal), import("../../spec/edit")]);
      return (readSpec(text).stages ?? []) as StageSpec[];
    },
  });
  return asked.data ?? [];
}

function Live({ stages }: { stages: string[] }) {
  const stays = useAnswer("stages");
  const report = useReport();
  const specs = useStageSpecs();
  const { has } = useWorkspace();
  if (stays.error) return <ProblemCard error={stays.error} retry={stays.again} />;
  if (!stays.answer) return <Loading label="Counting the stages" />;
  const cells = new Map<string, Cell>(stays.answer.cells.map((cell) => [cell.id, cell]));
  const ofStage = (stage: string) => ({
    stage,
    cells,
    answer: stays.answer as Answer,
    report: report.data,
    spec: specs.find(({ name }) => name === stage),
  });
  const lane = (name: string, hint: string, field: (stage: OfStage) => ReactNode) => (
    <tr>
      <th scope="row">
        {name}
        <span className="map-hint">{hint}</span>
      </th>
      {stages.map((stage) => (
        <td key={stage}>{field(ofStage(stage))}</td>
      ))}
    </tr>
  );
  return (
    <>
      <Scroll label="Customer journey map" className="map">
        <table>
          <caption className="visually-hidden">Stages across, lanes down</caption>
          <thead>
            <tr>
              <td />
              {stages.map((stage, i) => (
                <th key={stage} scope="col">
                  <span className="map-number">{i + 1}</span> {humane(stage)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lane("Accounts", "ever here, and now", (of) => (
              <Here {...of} />
            ))}
            {lane("Touchpoints", "contact in the 90 days before", (of) => (
              <Touchpoints {...of} />
            ))}
            {lane("What they do", "entering, and the way on", (of) => (
              <Doing {...of} />
            ))}
            {has.survey && (
              <tr>
                <th scope="row">
                  Feeling
                  <span className="map-hint">asked, over all stages</span>
                </th>
                <td colSpan={stages.length}>
                  <Feeling />
                </td>
              </tr>
            )}
            {lane("Going on", "of ended stays", (of) => (
              <GoingOn {...of} />
            ))}
            {lane("Pains", "met on the way, associated with loss", (of) => (
              <Pains {...of} />
            ))}
            {lane("Money", "at stake here", (of) => (
              <Money {...of} />
            ))}
            {lane("Owner", "who answers for it", (of) => (
              <Owner {...of} />
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="map-counting">
        <strong>How it counts.</strong> {stays.answer.counting} {stays.answer.notes?.join("; ")}
      </p>
    </>
  );
}

interface OfStage {
  stage: string;
  cells: Map<string, Cell>;
  answer: Answer;
  report?: Report;
  spec?: StageSpec;
}

function Ask({ operator, question, what }: { operator: string; question?: Question; what: string }) {
  return (
    <Link className="map-ask" href={exploreHref(operator, question)} aria-label={`Open the question: ${what}`}>
      question
    </Link>
  );
}

function Here({ stage, cells }: OfStage) {
  const ever = cells.get(`stage:${stage}:accounts`);
  const now = cells.get(`stage:${stage}:now`);
  return (
    <>
      {ever && <Value cell={ever} size="large" origin={{ operator: "stages" }} />}
      {now && (
        <p className="map-line">
          <span>now</span>
          <Value cell={now} origin={{ operator: "stages" }} />
        </p>
      )}
      <Ask operator="stages" what={`accounts in ${humane(stage)}`} />
    </>
  );
}

const CHANNELS = 4;

function Touchpoints({ stage }: OfStage) {
  const { has } = useWorkspace();
  const question = { params: { stage } };
  const { answer, error } = useAnswer("channels", question, has.channels);
  if (!has.channels) return <span className="muted">no channels are named</span>;
  if (error) return <span className="muted">{error.message}</span>;
  if (!answer) return <Counting />;
  const before = answer.cells.filter(({ id, value }) => id.startsWith("before:") && value).sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  return (
    <>
      {before.length === 0 && <span className="muted">none</span>}
      {before.slice(0, CHANNELS).map((cell) => (
        <p key={cell.id} className="map-line">
          <span>{humane(cell.id.slice("before:".length))}</span>
          <Value cell={cell} origin={{ operator: "channels", question }} />
        </p>
      ))}
      <Ask operator="channels" question={question} what={`touchpoints before ${humane(stage)}`} />
    </>
  );
}

function words(match: unknown): string {
  if (typeof match === "string") return humane(match);
  if (match && typeof match === "object" && "events" in match)
    return ((match as { events: string[] }).events ?? []).map(humane).join(" | ");
  return "";
}

function Doing({ spec: found }: OfStage) {
  if (!found) return <span className="muted">…</span>;
  const path = found.path ?? [];
  return (
    <>
      <p>
        <span className="muted">enters with</span> {words(found.enter)}
      </p>
      {path.length > 1 && (
        <p>
          <Link href={`/tasks/funnel${write({ params: { steps: path } })}`}>{path.map(humane).join(" → ")}</Link>
        </p>
      )}
    </>
  );
}

function Feeling() {
  const { answer, error } = useAnswer("nps");
  const score = answer?.cells.find(({ id }) => id === "score");
  if (error) return <span className="muted">{error.message}</span>;
  if (!score) return <Counting />;
  return (
    <div className="row">
      <span>{score.label}</span>
      <Value cell={score} origin={{ operator: "nps" }} />
      <Ask operator="nps" what="net promoter score" />
    </div>
  );
}

function GoingOn({ stage, cells, answer }: OfStage) {
  const moves = answer.cells.filter(({ id, x }) => id.startsWith(`move:${stage}→`) && x);
  const lost = cells.get(`lost:${stage}`);
  const time = cells.get(`time:${stage}:ended`);
  const origin = { operator: "stages" };
  if (moves.length === 0 && !lost) return <span className="muted">the relationship can rest here</span>;
  return (
    <>
      {moves.map((cell) => (
        <p key={cell.id} className="map-line">
          <span>→ {humane(cell.id.split("→")[1] ?? "")}</span>
          <Value cell={cell} origin={origin} />
        </p>
      ))}
      {lost && (
        <p className="map-line lost">
          <span>lost</span>
          <Value cell={lost} origin={origin} />
        </p>
      )}
      {time && (
        <p className="map-line">
          <span>stay, median</span>
          <Value cell={time} origin={origin} />
        </p>
      )}
    </>
  );
}

function dropOf(stage: string, report?: Report): DropOff | undefined {
  return report?.drop_offs.find((drop) => drop.stage === stage);
}

function Pains({ stage, report }: OfStage) {
  const drop = dropOf(stage, report);
  if (!report) return <Counting />;
  if (!drop) return <span className="muted">no drop-off is counted here</span>;
  const named = drop.signals.filter((signal) => signal.named);
  const href = `/hinge?stage=${encodeURIComponent(stage)}`;
  return (
    <>
      {named.map((signal) => (
        <p key={signal.signal} className="map-line">
          <Link href={href}>{signalName(signal.signal)}</Link>
          {signal.lost && <Value cell={signal.lost} origin={{ operator: "behind", question: { params: { stage } } }} />}
        </p>
      ))}
      {named.length === 0 && <p className="muted">nothing told from chance</p>}
      <Link className="map-ask" href={href} aria-label={`Open the hinge at ${humane(stage)}`}>
        hinge
      </Link>
    </>
  );
}

function Money({ stage, report }: OfStage) {
  const stake = dropOf(stage, report)?.at_stake;
  if (!report) return <Counting />;
  if (!stake) return <span className="muted">–</span>;
  return (
    <>
      <Value cell={stake} origin={{ operator: "drop_offs" }} />
      <Ask operator="drop_offs" what={`money at stake in ${humane(stage)}`} />
    </>
  );
}

/** The report names owners as text: `awareness: Marketing, Anna Gruber`. */
/** Stands in a field until its numbers are there. */
function Counting() {
  return (
    <span className="muted" data-pending>
      counting …
    </span>
  );
}

function Owner({ stage, report }: OfStage) {
  if (!report) return <Counting />;
  return ownerOf(stage, report) ?? <span className="muted">nobody is named</span>;
}

function ownerOf(stage: string, report?: Report): string | undefined {
  const facts = report?.panels.find(({ aspect }) => aspect === "owner")?.customer ?? [];
  return facts.find(({ text }) => text.startsWith(`${stage}: `))?.text.slice(stage.length + 2);
}
