/** Rejected rows: seen, saved for correction, and imported again. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useSearchParams } from "wouter";
import { quarantine, retryRejected } from "../../api/client";
import type { Imported, ImportProgress } from "../../api/types";
import { count } from "../../format/number";
import { ExportMenu } from "../../parts/ExportMenu";
import { ImportBar, ImportResult } from "../../parts/ImportRun";
import { Scroll } from "../../parts/Scroll";
import { Empty, Loading, ProblemCard } from "../../parts/States";
import { useForgetAnswers, useWorkspace } from "../../workspace";
import { useData } from "./Data";
import "./data.css";

const PAGE = 50;

export function Quarantine() {
  const { generation } = useWorkspace();
  const [params, setParams] = useSearchParams();
  const source = params.get("source") ?? "";
  const [page, setPage] = useState(0);
  const all = useData();
  const asked = useQuery({
    queryKey: ["quarantine", generation, source, page],
    queryFn: ({ signal }) => quarantine(source, page * PAGE, PAGE, signal),
    // An import changes the generation: what it said must not go away while the rows are read again.
    placeholderData: keepPreviousData,
  });
  if (asked.isPending || all.isPending) return <Loading label="Reading the rejected rows" />;
  if (asked.error) return <ProblemCard error={asked.error} retry={() => asked.refetch()} />;
  const { rows, total } = asked.data;
  const sources = [...new Set(all.data?.sources.filter(({ files }) => files.some(({ rejected }) => rejected > 0)).map(({ name }) => name))];
  const reasons = Object.entries(all.data?.quarantine.reasons ?? {}).sort((a, b) => b[1] - a[1]);
  return (
    <div className="stack">
      {total === 0 && (
        <Empty title="No row was rejected">
          <p>Every row that was read became an event, a duplicate, or was skipped by a rule of diptych.yaml.</p>
        </Empty>
      )}
      {reasons.length > 0 && (
        <section className="card stack" aria-labelledby="reasons">
          <h2 id="reasons">Why</h2>
          <table>
            <tbody>
              {reasons.map(([reason, rowsOf]) => (
                <tr key={reason}>
                  <th scope="row">{reason}</th>
                  <td className="number">{count(rowsOf)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {(total > 0 || source) && (
        <>
          <Retry sources={sources} source={source} />
          <section className="card stack" aria-labelledby="rejected">
            <div className="spread">
              <h2 id="rejected">{count(total)} rejected rows</h2>
              <div className="row">
                <select
                  aria-label="Source"
                  style={{ width: "auto" }}
                  value={source}
                  onChange={(event) => {
                    setPage(0);
                    setParams(event.target.value ? { source: event.target.value } : {});
                  }}
                >
                  <option value="">all sources</option>
                  {sources.map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
                <ExportMenu
                  formats={[
                    {
                      name: "CSV",
                      path: `/api/quarantine?format=csv${source ? `&source=${encodeURIComponent(source)}` : ""}`,
                      file: `rejected${source ? `-${source}` : ""}.csv`,
                    },
                  ]}
                />
              </div>
            </div>
            <Scroll label="Rejected rows">
              <table className="rejected">
                <thead>
                  <tr>
                    <th scope="col">Where</th>
                    <th scope="col">Why</th>
                    <th scope="col">Row</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => (
                    <tr key={row.rejection}>
                      <th scope="row">
                        {row.file.split("/").at(-1)}, line {count(row.line)}
                      </th>
                      <td>{row.reason}</td>
                      <td>
                        <code>{typeof row.original === "string" ? row.original : JSON.stringify(row.original)}</code>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
            {total > PAGE && (
              <div className="row">
                <button type="button" className="button small" disabled={page === 0} onClick={() => setPage(page - 1)}>
                  Before
                </button>
                <span className="hint">
                  {count(page * PAGE + 1)} to {count(Math.min(total, (page + 1) * PAGE))}
                </span>
                <button type="button" className="button small" disabled={(page + 1) * PAGE >= total} onClick={() => setPage(page + 1)}>
                  Next
                </button>
              </div>
            )}
          </section>
        </>
      )}
    </div>
  );
}

function Retry({ sources, source }: { sources: string[]; source: string }) {
  const forget = useForgetAnswers();
  const file = useRef<HTMLInputElement>(null);
  const [running, setRunning] = useState(false);
  const [progress, setProgress] = useState<ImportProgress | null>(null);
  const [imported, setImported] = useState<Imported[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const one = source || (sources.length === 1 ? (sources[0] ?? "") : "");
  const run = async (csv: Blob | "") => {
    setRunning(true);
    setError(null);
    setImported(null);
    try {
      setImported(await retryRejected(csv, csv === "" ? source : one, setProgress));
      forget();
    } catch (problem) {
      setError(problem);
    } finally {
      setRunning(false);
      setProgress(null);
      if (file.current) file.current.value = "";
    }
  };
  return (
    <section className="card stack" aria-labelledby="retry">
      <h2 id="retry">Correct and import again</h2>
      <p className="hint">
        Export the rows as CSV, correct them in any editor, and hand the file back here. Or correct diptych.yaml, and try the rows as they
        are again.
      </p>
      <div className="row">
        <label className="button">
          Import a corrected file
          <input
            ref={file}
            type="file"
            accept=".csv,text/csv"
            className="visually-hidden"
            disabled={running}
            onChange={(event) => {
              const chosen = event.target.files?.[0];
              if (chosen) run(chosen);
            }}
          />
        </label>
        <button type="button" className="button" disabled={running} onClick={() => run("")}>
          Try the rows as they are again
        </button>
        {!one && sources.length > 1 && <span className="hint">For a corrected file, choose its source below first.</span>}
      </div>
      {running && <ImportBar progress={progress} />}
      {error !== null && <ProblemCard error={error} />}
      {imported && <ImportResult imported={imported} />}
    </section>
  );
}
