/** The hinge: pick a drop-off; what goes with it, how strongly, for how much money, and who. */
import { Link, useSearchParams } from "wouter";
import type { Answer, DropOff } from "../../api/types";
import { count } from "../../format/number";
import { humane, signalName } from "../../format/words";
import { AnswerFigure } from "../../parts/AnswerFigure";
import { Empty, Loading, ProblemCard } from "../../parts/States";
import { Value } from "../../parts/Value";
import { useReport } from "../overview/Overview";
import { evidence, named, type SignalCells, signalsOf } from "./signals";
import "./hinge.css";

export default function Hinge() {
  const asked = useReport();
  return (
    <>
      <div className="screen-head">
        <h1>Hinge</h1>
        <p>
          Where accounts are lost, and which task failures and frictions of their members go with it. Nothing here was randomised: it says
          “associated with”, and what could mislead.
        </p>
      </div>
      {asked.isPending && <Loading label="Counting the drop-offs" />}
      {asked.error && <ProblemCard error={asked.error} retry={() => asked.refetch()} />}
      {asked.data &&
        (asked.data.drop_offs.length === 0 ? (
          <Empty title="No stages are named yet">
            <p>A drop-off is a loss of accounts on the way from one stage to the next. diptych.yaml says what the stages are.</p>
            <p>
              <Link href="/start?step=journeys" className="button">
                Name the stages
              </Link>
            </p>
          </Empty>
        ) : (
          <Behind drops={asked.data.drop_offs} />
        ))}
    </>
  );
}

function Behind({ drops }: { drops: DropOff[] }) {
  const [params, setParams] = useSearchParams();
  const drop = drops.find(({ stage }) => stage === params.get("stage")) ?? drops[0];
  if (!drop) return null;
  const question = { params: { stage: drop.stage } };
  return (
    <div className="stack">
      <fieldset className="drop-picker">
        <legend className="visually-hidden">Drop-off</legend>
        {drops.map((one) => (
          <button key={one.stage} type="button" aria-pressed={one === drop} onClick={() => setParams({ stage: one.stage })}>
            <span className="drop-picker-name">
              {humane(one.stage)} → {humane(one.next)}
            </span>
            <span className="drop-picker-more">
              {count(one.at_risk)} at risk{one.owner ? ` · ${one.owner}` : ""}
            </span>
          </button>
        ))}
      </fieldset>
      <section className="card hinge-head" aria-label="This drop-off">
        <div>
          <p className="hint">lost, of those decided</p>
          {drop.rate ? <Value cell={drop.rate} size="large" origin={{ operator: "drop_offs" }} /> : "–"}
        </div>
        <div>
          <p className="hint">{drop.at_stake?.label ?? "at stake"}</p>
          {drop.at_stake ? <Value cell={drop.at_stake} size="large" origin={{ operator: "drop_offs" }} /> : "–"}
        </div>
        <div>
          <p className="hint">who answers for it</p>
          <p>{drop.owner ?? "nobody is named"}</p>
        </div>
      </section>
      <AnswerFigure key={drop.stage} operator="behind" question={question} title={`Behind ${humane(drop.stage)} → ${humane(drop.next)}`}>
        {(answer) => <Signals answer={answer} drop={drop} />}
      </AnswerFigure>
    </div>
  );
}

function Signals({ answer, drop }: { answer: Answer; drop: DropOff }) {
  const signals = signalsOf(answer.cells);
  const told = signals.filter(({ effect }) => named(effect));
  const rest = signals.filter(({ effect }) => !named(effect));
  const owner = (name: string) => drop.signals.find(({ signal }) => signal === name)?.owner;
  const item = (signal: SignalCells) => <Signal key={signal.name} signal={signal} stage={drop.stage} owner={owner(signal.name)} />;
  return (
    <div className="signals">
      {told.length === 0 && <p>Nothing stands out here: no signal is told from chance.</p>}
      <ol>{told.map(item)}</ol>
      {rest.length > 0 && (
        <details open={told.length === 0}>
          <summary>Not told from chance: {rest.length}</summary>
          <ol>{rest.map(item)}</ol>
        </details>
      )}
    </div>
  );
}

function Signal({ signal: { name, effect, parts }, stage, owner }: { signal: SignalCells; stage: string; owner?: string | null }) {
  const origin = { operator: "behind", question: { params: { stage } } };
  const priced = named(effect) && parts.money;
  return (
    <li className={named(effect) ? "signal named" : "signal"} id={name}>
      <div className="signal-head">
        <h3>{signalName(name)}</h3>
        <span className={named(effect) ? "tag hinge" : "tag"}>{evidence(effect)}</span>
        {owner && <span className="hint">{owner}</span>}
      </div>
      <p className="signal-sentence">{effect.label}</p>
      <div className="signal-cells">
        <Part label="more accounts lost, adjusted">
          <Value cell={effect} origin={origin} />
        </Part>
        {parts.exposed && (
          <Part label="lost among those who met it">
            <Value cell={parts.exposed} origin={origin} />
          </Part>
        )}
        {parts.comparison && (
          <Part label="expected of them without it">
            <Value cell={parts.comparison} />
          </Part>
        )}
        {parts.lost && (
          <Part label="accounts lost beyond those expected">
            <Value cell={parts.lost} origin={origin} />
          </Part>
        )}
        {priced && (
          <Part label="money associated with it">
            <Value cell={priced} origin={origin} />
          </Part>
        )}
        {parts.p_adjusted && (
          <Part label="p, adjusted for all signals">
            <Value cell={parts.p_adjusted} />
          </Part>
        )}
        {named(effect) && parts.e_value && (
          <Part label="E-value">
            <Value cell={parts.e_value} />
          </Part>
        )}
      </div>
    </li>
  );
}

function Part({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <p className="hint">{label}</p>
      {children}
    </div>
  );
}
