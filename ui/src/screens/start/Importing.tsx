/** The import of the files, with progress and a way out. */
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { importFiles } from "../../api/client";
import type { Imported, ImportProgress } from "../../api/types";
import { ImportBar } from "../../parts/ImportRun";
import { ProblemCard } from "../../parts/States";

export function Importing({ files, onDone }: { files: string[]; onDone: (imported: Imported[]) => void }) {
  const [progress, setProgress] = useState<ImportProgress | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [cancelled, setCancelled] = useState(false);
  const [turn, setTurn] = useState(0);
  const control = useRef<AbortController>(null);
  const started = useRef(-1);
  const done = useRef(onDone);
  done.current = onDone;
  useEffect(() => {
    if (started.current === turn) return;
    started.current = turn;
    const now = new AbortController();
    control.current = now;
    importFiles(files, setProgress, now.signal).then(
      (imported) => done.current(imported),
      (failed) => (now.signal.aborted ? setCancelled(true) : setError(failed)),
    );
  }, [files, turn]);
  const again = () => {
    setError(null);
    setCancelled(false);
    setProgress(null);
    setTurn(turn + 1);
  };
  return (
    <div className="card stack">
      <h2>Importing</h2>
      {error !== null ? (
        <>
          <ProblemCard error={error} retry={again} />
          <p>
            <Link href="/data/spec">Correct diptych.yaml</Link>
          </p>
        </>
      ) : cancelled ? (
        <div className="row">
          <p>The import was cancelled. What was read whole is kept, and the next import goes on from there.</p>
          <button type="button" className="button" onClick={again}>
            Go on
          </button>
        </div>
      ) : (
        <ImportBar progress={progress} onCancel={() => control.current?.abort()} />
      )}
    </div>
  );
}
