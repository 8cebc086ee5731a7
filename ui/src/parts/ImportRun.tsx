/** An import while it runs, and what it brought. */
import { Link } from "wouter";
import type { Imported, ImportProgress } from "../api/types";
import { count } from "../format/number";
import { bytes } from "../format/time";
import { Scroll } from "./Scroll";

export function ImportBar({ progress, onCancel }: { progress: ImportProgress | null; onCancel?: () => void }) {
  const done = progress?.bytes_total ? progress.bytes : progress?.rows;
  const total = progress?.bytes_total || progress?.rows_total || undefined;
  return (
    <div className="stack" role="status">
      <p>
        {!progress && "Starting the import …"}
        {progress?.stage === "timelines" && `Building the timelines: ${count(progress.rows)} rows`}
        {progress && progress.stage !== "timelines" && (
          <>
            Reading {progress.file}: {count(progress.rows)} rows
            {progress.bytes_total ? `, ${bytes(progress.bytes ?? 0)} of ${bytes(progress.bytes_total)}` : ""}
          </>
        )}
      </p>
      <progress aria-label="Import" value={total ? done : undefined} max={total} style={{ width: "100%" }} />
      {onCancel && (
        <div>
          <button type="button" className="button small" onClick={onCancel}>
            Cancel
          </button>
        </div>
      )}
    </div>
  );
}

export function ImportResult({ imported }: { imported: Imported[] }) {
  const rejected = imported.reduce((sum, one) => sum + (one.rejected ?? 0), 0);
  return (
    <div className="stack">
      <Scroll label="Imported files">
        <table>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Source</th>
              {["Rows", "Accepted", "Duplicates", "Rejected", "Skipped"].map((name) => (
                <th key={name} scope="col" className="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {imported.map((one) => (
              <tr key={one.file}>
                <th scope="row">{one.file?.split("/").at(-1)}</th>
                <td>{one.source}</td>
                {[one.rows, one.accepted, one.duplicates, one.rejected, one.skipped].map((number, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: the columns are fixed
                  <td key={i} className="number">
                    {count(number ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {rejected > 0 && (
        <p>
          {rejected === 1
            ? "1 row was rejected and kept with its reason."
            : `${count(rejected)} rows were rejected and kept with their reasons.`}{" "}
          <Link href="/data/quarantine">See and correct them</Link>
        </p>
      )}
    </div>
  );
}
