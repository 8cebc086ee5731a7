/** Explore: any operator; the form is made from its parameters, and the address asks the question again. */
import { useState } from "react";
import { Link, useLocation, useRoute, useSearch } from "wouter";
import type { Operator } from "../../api/types";
import { PANEL_WORDS } from "../../format/words";
import { AnswerFigure } from "../../parts/AnswerFigure";
import { Motif } from "../../parts/Motif";
import { Empty } from "../../parts/States";
import { QuestionForm } from "../../question/QuestionForm";
import { exploreHref, read, tidy } from "../../question/url";
import { useKnown } from "../../workspace";
import { SaveSegment } from "./SaveSegment";
import { SqlBox } from "./SqlBox";
import "./explore.css";

export default function Explore() {
  const [, params] = useRoute("/explore/:operator");
  const { operators } = useKnown();
  if (params?.operator === "sql") return <SqlBox />;
  if (!params?.operator) return <Index operators={operators} />;
  const operator = operators.find(({ id }) => id === params.operator);
  if (!operator) {
    return (
      <Empty whole title={`There is no operator “${params.operator}”`}>
        <Link href="/explore">All questions</Link>
      </Empty>
    );
  }
  return <Asking key={operator.id} operator={operator} />;
}

function Index({ operators }: { operators: Operator[] }) {
  return (
    <>
      <div className="screen-head">
        <h1>Explore</h1>
        <p>Every question that Diptych answers. Each can be narrowed, split and compared, and every number opens the people in it.</p>
      </div>
      <div className="explore-index">
        {(["user", "customer", "hinge"] as const).map((panel) => (
          <section key={panel} aria-labelledby={`of-${panel}`}>
            <h2 id={`of-${panel}`} className={`of ${panel}`}>
              <Motif part={panel} size={24} /> {PANEL_WORDS[panel]}
            </h2>
            <ul>
              {operators
                .filter((operator) => operator.panel === panel)
                .map((operator) => (
                  <li key={operator.id}>
                    <Link href={`/explore/${operator.id}`}>{operator.title}</Link>
                    <p className="hint">{operator.question}</p>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
      <p className="explore-sql">
        <Link href="/explore/sql">Ask in SQL</Link> <span className="hint">about the tables of events, users and sessions; read-only</span>
      </p>
    </>
  );
}

function Asking({ operator }: { operator: Operator }) {
  const search = useSearch();
  const [, navigate] = useLocation();
  const question = tidy(read(search));
  const needed = (operator.params.required ?? []).filter((name) => question.params?.[name] === undefined);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(window.location.origin + exploreHref(operator.id, question));
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <>
      <div className="screen-head">
        <p>
          <Link href="/explore">Explore</Link> <span className={`tag ${operator.panel}`}>{PANEL_WORDS[operator.panel]}</span>
        </p>
        <h1>{operator.title}</h1>
        <p>{operator.question}</p>
      </div>
      <div className="stack">
        <section className="card" aria-label="Question">
          <QuestionForm
            key={JSON.stringify(question)}
            operator={operator}
            question={question}
            onAsk={(next) => navigate(exploreHref(operator.id, next))}
          />
        </section>
        {needed.length > 0 ? (
          <Empty title={`Say ${needed.join(" and ")} first`}>
            <p>Then the answer stands here.</p>
          </Empty>
        ) : (
          <>
            <div className="row">
              <button type="button" className="button small" onClick={copy}>
                {copied ? "Copied" : "Copy the link to this question"}
              </button>
              <SaveSegment question={question} />
            </div>
            <AnswerFigure key={JSON.stringify(question)} operator={operator.id} question={question} explorable={false} />
          </>
        )}
        <details className="definition">
          <summary>Definition of this question</summary>
          <pre>{operator.spec}</pre>
        </details>
      </div>
    </>
  );
}
