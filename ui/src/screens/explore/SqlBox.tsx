/** A query in SQL, for what no operator asks; the server only reads. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { sql } from "../../api/client";
import { count } from "../../format/number";
import { ExportMenu } from "../../parts/ExportMenu";
import { Scroll } from "../../parts/Scroll";
import { Loading, ProblemCard } from "../../parts/States";
import { useWorkspace } from "../../workspace";

const CodeEditor = lazy(() => import("../../parts/CodeEditor"));
const FIRST = "select name, count(*) as n, count(distinct actor) as people\nfrom events\ngroup by name\norder by n desc";

export function SqlBox() {
  const { generation } = useWorkspace();
  const [params, setParams] = useSearchParams();
  const query = params.get("sql") ?? "";
  const [draft, setDraft] = useState(query || FIRST);
  const asked = useQuery({ queryKey: ["sql", generation, query], queryFn: ({ signal }) => sql(query, signal), enabled: query !== "" });
  const file = (format: string) => ({
    name: format.toUpperCase(),
    path: `/api/sql?format=${format}`,
    file: `query.${format}`,
    body: { query },
  });
  return (
    <>
      <div className="screen-head">
        <p>
          <Link href="/explore">Explore</Link>
        </p>
        <h1>Ask in SQL</h1>
        <p>Tables: events, users, sessions, quarantine, imports. A query can only read, and is stopped when it takes too long.</p>
      </div>
      <div className="stack">
        <Suspense fallback={<Loading label="Opening the editor" />}>
          <CodeEditor label="SQL query" language="sql" text={draft} onChange={setDraft} />
        </Suspense>
        <div className="row">
          <button type="button" className="button primary" onClick={() => setParams({ sql: draft })}>
            Ask
          </button>
          {asked.data && <ExportMenu formats={[file("csv"), file("xlsx")]} />}
        </div>
        {asked.isFetching && <Loading label="Reading" />}
        {asked.error && <ProblemCard error={asked.error} />}
        {asked.data && (
          <section className="card stack" aria-label="Result">
            <p className="hint">
              {count(asked.data.rows.length)} rows{asked.data.truncated && ", and more that are not shown"} in {asked.data.elapsed_ms} ms
            </p>
            <Scroll label="Rows">
              <table>
                <thead>
                  <tr>
                    {asked.data.columns.map(({ name }) => (
                      <th key={name} scope="col">
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {asked.data.rows.map((row, i) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: rows of a query have no name
                    <tr key={i}>
                      {row.map((value, j) => (
                        // biome-ignore lint/suspicious/noArrayIndexKey: nor have their values
                        <td key={j} className={typeof value === "number" ? "number" : undefined}>
                          {value === null || value === undefined ? (
                            <span className="muted">–</span>
                          ) : typeof value === "object" ? (
                            JSON.stringify(value)
                          ) : (
                            String(value)
                          )}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          </section>
        )}
      </div>
    </>
  );
}
