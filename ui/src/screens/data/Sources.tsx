import { useState } from "react";
import { Link } from "wouter";
import { importFiles } from "../../api/client";
import type { Imported, ImportProgress } from "../../api/types";
import { count } from "../../format/number";
import { bytes, day } from "../../format/time";
import { ImportBar, ImportResult } from "../../parts/ImportRun";
import { Scroll } from "../../parts/Scroll";
import { Empty, Loading, ProblemCard } from "../../parts/States";
import { useForgetAnswers, useWorkspace } from "../../workspace";
import { useData } from "./Data";

export function Sources() {
  const { zone } = useWorkspace();
  const asked = useData();
  const forget = useForgetAnswers();
  const [progress, setProgress] = useState<ImportProgress | null>(null);
  const [running, setRunning] = useState<AbortController | null>(null);
  const [imported, setImported] = useState<Imported[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  if (asked.isPending) return <Loading label="Reading the sources" />;
  if (asked.error) return <ProblemCard error={asked.error} retry={() => asked.refetch()} />;
  const { sources, uploads } = asked.data;
  const known = new Set(sources.flatMap(({ files }) => files.map(({ file }) => file.split("/").at(-1))));
  const waiting = uploads.filter(({ file }) => !known.has(file));
  const run = async (files: string[] | undefined) => {
    const control = new AbortController();
    setRunning(control);
    setError(null);
    setImported(null);
    try {
      setImported(await importFiles(files, setProgress, control.signal));
      forget();
    } catch (problem) {
      if (!control.signal.aborted) setError(problem);
    } finally {
      setRunning(null);
      setProgress(null);
    }
  };
  return (
    <div className="stack">
      {sources.length === 0 && uploads.length === 0 && (
        <Empty title="No data yet">
          <Link href="/start" className="button primary">
            Add data
          </Link>
        </Empty>
      )}
      {running && <ImportBar progress={progress} onCancel={() => running.abort()} />}
      {error !== null && <ProblemCard error={error} />}
      {imported && <ImportResult imported={imported} />}
      {sources.map(({ name, kind, files, observed_until }) => (
        <section key={name} className="card stack" aria-labelledby={`source-${name}`}>
          <div className="spread">
            <h2 id={`source-${name}`}>{name}</h2>
            <p className="hint">
              {kind}
              {observed_until && ` · observed until ${day(observed_until, zone)}`}
            </p>
          </div>
          <Scroll label="Files of this source">
            <table>
              <thead>
                <tr>
                  <th scope="col">File</th>
                  {["Rows", "Accepted", "Duplicates", "Rejected", "Skipped"].map((head) => (
                    <th key={head} scope="col" className="number">
                      {head}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {files.map((file) => (
                  <tr key={file.file}>
                    <th scope="row">{file.file}</th>
                    <td className="number">{count(file.rows)}</td>
                    <td className="number">{count(file.accepted)}</td>
                    <td className="number">{count(file.duplicates)}</td>
                    <td className="number">
                      {file.rejected ? (
                        <Link href={`/data/quarantine?source=${encodeURIComponent(name)}`}>{count(file.rejected)}</Link>
                      ) : (
                        "0"
                      )}
                    </td>
                    <td className="number">{count(file.skipped)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </section>
      ))}
      {waiting.length > 0 && (
        <section className="card stack" aria-labelledby="waiting">
          <h2 id="waiting">Beside the sources</h2>
          <p className="hint">These files lie in the workspace and no source has read them.</p>
          <ul>
            {waiting.map(({ file, bytes: size }) => (
              <li key={file}>
                {file} <span className="muted">{bytes(size)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className="row">
        <Link href="/start" className="button">
          Add data
        </Link>
        {sources.length > 0 && (
          <button type="button" className="button" disabled={running !== null} onClick={() => run(undefined)}>
            Import new rows of all sources
          </button>
        )}
      </div>
    </div>
  );
}
