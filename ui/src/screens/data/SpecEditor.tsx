/** diptych.yaml as text: checked against its rules and the data, shown as a change, then saved. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { check, checkSpec, ProblemError, saveSpec, spec } from "../../api/client";
import type { Finding, Problem } from "../../api/types";
import { Loading, ProblemCard } from "../../parts/States";
import { TextDiff } from "../../parts/TextDiff";
import { useForgetAnswers } from "../../workspace";

const CodeEditor = lazy(() => import("../../parts/CodeEditor"));

export function SpecEditor() {
  const asked = useQuery({ queryKey: ["spec"], queryFn: ({ signal }) => spec(signal), staleTime: 0 });
  if (asked.isPending) return <Loading label="Reading diptych.yaml" />;
  if (asked.error) return <ProblemCard error={asked.error} retry={() => asked.refetch()} />;
  return <Editing key={asked.data.etag} text={asked.data.text} etag={asked.data.etag} />;
}

function Editing({ text, etag }: { text: string; etag: string }) {
  const forget = useForgetAnswers();
  const [draft, setDraft] = useState(text);
  const [findings, setFindings] = useState<Finding[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const changed = draft !== text;
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    setProblem(null);
    try {
      await work();
    } catch (failed) {
      if (failed instanceof ProblemError && failed.problem.status === 422) setProblem(failed.problem);
      else setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const verify = () =>
    attempt(async () => {
      const found = await checkSpec(draft);
      if (found.problem) setProblem(found.problem);
      setFindings(found.ok ? found.findings : null);
    });
  const keep = () =>
    attempt(async () => {
      await saveSpec(draft, etag);
      forget();
    });
  return (
    <div className="stack">
      <p className="hint">
        Everything that Diptych knows about this business, as text for review. Answers about the past follow a change of it.
      </p>
      <Suspense fallback={<Loading label="Opening the editor" />}>
        <CodeEditor label="diptych.yaml" language="yaml" text={draft} line={problem?.place?.line} onChange={setDraft} />
      </Suspense>
      {problem && <ProblemCard error={new ProblemError(problem)} />}
      {error !== null && <ProblemCard error={error} />}
      <div className="row">
        <button type="button" className="button" disabled={busy} onClick={verify}>
          Check
        </button>
        <button type="button" className="button primary" disabled={busy || !changed} onClick={keep}>
          Save
        </button>
        {changed && (
          <button type="button" className="button quiet" onClick={() => setDraft(text)}>
            Undo all changes
          </button>
        )}
        <span role="status" className="hint">
          {findings && findings.length === 0 && "It can be read, and nothing in it misses the data."}
        </span>
      </div>
      {findings && findings.length > 0 && <Findings findings={findings} />}
      {changed && <TextDiff before={text} after={draft} label="What changes in diptych.yaml" />}
      {!changed && <CheckOfData />}
    </div>
  );
}

function Findings({ findings }: { findings: Finding[] }) {
  return (
    <table>
      <caption className="visually-hidden">The spec against the data</caption>
      <tbody>
        {findings.map(({ about, what }) => (
          <tr key={about + what}>
            <th scope="row">{about}</th>
            <td>{what}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function CheckOfData() {
  const asked = useQuery({ queryKey: ["check"], queryFn: ({ signal }) => check(signal) });
  if (!asked.data) return null;
  const findings = Array.isArray(asked.data) ? asked.data : asked.data.findings;
  return (
    <section className="card stack" aria-labelledby="check">
      <h2 id="check">The spec against the data</h2>
      {findings.length === 0 ? (
        <p>The spec and the data fit together: no unknown events, no task that is never started, no stage that nobody enters.</p>
      ) : (
        <Findings findings={findings} />
      )}
    </section>
  );
}
