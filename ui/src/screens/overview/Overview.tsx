/** Both panels side by side, and the hinge between them. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Cell, DropOff, Fact, Report } from "../../api/types";
import { count } from "../../format/number";
import { day } from "../../format/time";
import { humane, signalName } from "../../format/words";
import { ExportMenu } from "../../parts/ExportMenu";
import { Loading, ProblemCard } from "../../parts/States";
import { Value } from "../../parts/Value";
import { reportQuery } from "../../queries";
import { useWorkspace } from "../../workspace";
import "./overview.css";

export function useReport() {
  const { generation } = useWorkspace();
  return useQuery(reportQuery(generation));
}

export function Overview() {
  const workspace = useWorkspace();
  const asked = useReport();
  return (
    <>
      <div className="screen-head">
        <div className="spread">
          <h1>{workspace.name}</h1>
          <ExportMenu
            label="Export report"
            formats={["html", "pdf", "json"].map((format) => ({
              name: format.toUpperCase(),
              path: `/api/report?format=${format}`,
              file: `report.${format}`,
            }))}
          />
        </div>
        <p>
          {workspace.observed_from && workspace.observed_until && (
            <>
              {day(workspace.observed_from, workspace.zone)} to {day(workspace.observed_until, workspace.zone)}, days of {workspace.zone};{" "}
            </>
          )}
          {count(workspace.events)} events of {count(workspace.users)} people.
        </p>
      </div>
      {asked.isPending && <Loading label="Counting both panels" />}
      {asked.error && <ProblemCard error={asked.error} retry={() => asked.refetch()} />}
      {asked.data && <Diptych report={asked.data} />}
    </>
  );
}

function Diptych({ report: { panels, users_customers, drop_offs, first, cannot_say } }: { report: Report }) {
  return (
    <div className="overview">
      {first.length > 0 && (
        <section className="first" aria-labelledby="first">
          <h2 id="first">What to do first</h2>
          <ol>
            {first.map((line) => (
              <First key={line} line={line} drops={drop_offs} />
            ))}
          </ol>
        </section>
      )}
      <section aria-label="Both panels">
        <div className="diptych">
          <div className="diptych-head">
            <h2 className="panel-title user">User journey</h2>
            <span className="pin" aria-hidden="true" />
            <h2 className="panel-title customer">Customer journey</h2>
          </div>
          {panels.map(({ aspect, user, customer }) => (
            <div className="aspect" key={aspect}>
              <h3>
                <span>{aspect}</span>
              </h3>
              <Side facts={user} side="user" aspect={aspect} />
              <Side facts={customer} side="customer" aspect={aspect} />
            </div>
          ))}
        </div>
      </section>
      <section className="hinge-section" aria-labelledby="uses-pays">
        <h2 id="uses-pays">The hinge: who uses and who pays</h2>
        <UsesPays facts={users_customers} />
      </section>
      <section className="hinge-section" aria-labelledby="drops">
        <div className="spread">
          <h2 id="drops">The hinge: where accounts are lost</h2>
          <Link href="/hinge">Open the hinge</Link>
        </div>
        {drop_offs.length === 0 ? <NoStages /> : <DropOffs drops={drop_offs} />}
      </section>
      {cannot_say.length > 0 && (
        <section className="cannot" aria-labelledby="cannot">
          <h2 id="cannot">What the data cannot say</h2>
          <ul>
            {cannot_say.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** What the report names first, with the way to it. */
function First({ line, drops }: { line: string; drops: DropOff[] }) {
  const found = drops
    .flatMap((drop) => drop.signals.map((signal) => ({ drop, signal })))
    .find(({ drop, signal }) => line.startsWith(`${signal.signal} `) && line.includes(` ${drop.stage} → ${drop.next}`));
  if (!found) return <li>{line}</li>;
  const { drop, signal } = found;
  return (
    <li className="first-item">
      <div>
        <h3>
          <Link href={`/hinge?stage=${encodeURIComponent(drop.stage)}`}>{signalName(signal.signal)}</Link>
        </h3>
        <p className="hint">
          {humane(drop.stage)} → {humane(drop.next)}
          {signal.owner && ` · ${signal.owner}`}
        </p>
      </div>
      <p className="first-sentence">{signal.sentence}</p>
      {signal.money && (
        <div>
          <p className="hint">money associated with it</p>
          <Value cell={signal.money} size="large" origin={{ operator: "behind", question: { params: { stage: drop.stage } } }} />
        </div>
      )}
    </li>
  );
}

const FACTS = 6;

function Side({ facts, side, aspect }: { facts: Fact[]; side: "user" | "customer"; aspect: string }) {
  const rest = facts.length - FACTS;
  const item = (fact: Fact) => (
    <li key={fact.text}>
      <FactLine fact={fact} />
    </li>
  );
  return (
    <div className={`side ${side}`}>
      <h4 className="visually-hidden">{`${side === "user" ? "User journey" : "Customer journey"}: ${aspect}`}</h4>
      {facts.length === 0 ? (
        <p className="muted">Nothing yet. diptych.yaml says what to look for.</p>
      ) : (
        <ul>{facts.slice(0, rest > 1 ? FACTS : undefined).map(item)}</ul>
      )}
      {rest > 1 && (
        <details>
          <summary>{rest} more</summary>
          <ul>{facts.slice(FACTS).map(item)}</ul>
        </details>
      )}
    </div>
  );
}

function FactLine({ fact }: { fact: Fact }) {
  const { cell, operator } = fact;
  if (!cell) return <span>{fact.text}</span>;
  return (
    <span className="fact">
      <span className="fact-label">{humane(cell.label)}</span>
      <Value cell={cell} origin={operator ? { operator, question: fact.params ? { params: fact.params } : {} } : undefined} />
    </span>
  );
}

/** Four fields: uses or not, pays or not. */
function UsesPays({ facts }: { facts: Fact[] }) {
  const cells = new Map(facts.flatMap((fact) => (fact.cell ? [[fact.cell.id, fact.cell] as const] : [])));
  const field = (id: string) => {
    const cell = cells.get(id);
    return <td>{cell ? <Value cell={cell} size="large" origin={{ operator: "users_customers" }} /> : "–"}</td>;
  };
  return (
    <div className="uses-pays">
      <table>
        <caption className="visually-hidden">Accounts by whether they use and whether they pay</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">pays</th>
            <th scope="col">does not pay</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">uses</th>
            {field("uses_pays")}
            {field("uses_only")}
          </tr>
          <tr>
            <th scope="row">does not use</th>
            {field("pays_only")}
            {field("neither")}
          </tr>
        </tbody>
      </table>
    </div>
  );
}

function NoStages() {
  return (
    <p className="muted">
      No stages are named yet, so no drop-offs can be counted. <Link href="/start?step=journeys">Name the stages</Link> of the relationship.
    </p>
  );
}

function DropOffs({ drops }: { drops: DropOff[] }) {
  return (
    <ul className="drops">
      {drops.map((drop) => (
        <li key={drop.stage} className="drop">
          <div>
            <h3>
              <Link href={`/hinge?stage=${encodeURIComponent(drop.stage)}`}>
                {humane(drop.stage)} → {humane(drop.next)}
              </Link>
            </h3>
            <p className="hint">
              {drop.owner ? `${drop.owner} · ` : ""}
              {count(drop.at_risk)} accounts at risk
            </p>
          </div>
          <Labelled label="lost, of those decided" cell={drop.rate} operator="drop_offs" />
          <Labelled
            label={drop.at_stake?.label.split(" at stake")[0] ? `${drop.at_stake?.label.split(" at stake")[0]} at stake` : "at stake"}
            cell={drop.at_stake}
            operator="drop_offs"
          />
          <TopSignal drop={drop} />
        </li>
      ))}
    </ul>
  );
}

function Labelled({ label, cell, operator }: { label: string; cell?: Cell | null; operator: string }) {
  return (
    <div>
      <p className="hint">{label}</p>
      {cell ? <Value cell={cell} size="large" origin={{ operator }} /> : "–"}
    </div>
  );
}

function TopSignal({ drop }: { drop: DropOff }) {
  const named = drop.signals.filter((signal) => signal.named);
  const question = { params: { stage: drop.stage } };
  return (
    <div className="drop-signals">
      <p className="hint">associated with it</p>
      {named.length === 0 && <p>nothing told from chance</p>}
      {named.map((signal) => (
        <div key={signal.signal} className="drop-signal">
          <Link href={`/hinge?stage=${encodeURIComponent(drop.stage)}#${signal.signal}`}>{signalName(signal.signal)}</Link>
          {signal.money && <Value cell={signal.money} origin={{ operator: "behind", question }} />}
        </div>
      ))}
    </div>
  );
}
