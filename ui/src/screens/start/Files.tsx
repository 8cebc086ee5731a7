/** Files dropped or chosen, sent with progress, each of them cancellable. */
import { useRef, useState } from "react";
import { profile, spec, upload } from "../../api/client";
import type { Profile } from "../../api/types";
import { bytes } from "../../format/time";
import { Loading, ProblemCard, problemOf } from "../../parts/States";
import { useData } from "../data/Data";

const FORMATS = ".csv,.tsv,.txt,.xlsx,.jsonl,.ndjson,.json,.parquet,.gz,.zst";

interface Sending {
  name: string;
  size: number;
  sent: number;
  state: "sending" | "here" | "failed" | "cancelled";
  said?: string;
  control?: AbortController;
}

export interface Refused {
  file: string;
  why: string;
}

export function Files({ onProfiled }: { onProfiled: (profile: Profile, refused: Refused[], spec: string, etag: string) => void }) {
  const [files, setFiles] = useState<Sending[]>([]);
  const [over, setOver] = useState(false);
  const [looking, setLooking] = useState(false);
  const [refused, setRefused] = useState<Refused[]>([]);
  const [error, setError] = useState<unknown>(null);
  const input = useRef<HTMLInputElement>(null);
  const known = useData().data;
  const imported = new Set(known?.sources.flatMap((source) => source.files.map(({ file }) => file.split("/").at(-1))));
  const waiting = (known?.uploads ?? []).filter(({ file }) => !imported.has(file) && !files.some(({ name }) => name === file));

  const change = (name: string, part: Partial<Sending>) =>
    setFiles((before) => before.map((file) => (file.name === name ? { ...file, ...part } : file)));

  async function send(chosen: File[]) {
    for (const file of chosen) {
      const control = new AbortController();
      setFiles((before) => [
        ...before.filter(({ name }) => name !== file.name),
        { name: file.name, size: file.size, sent: 0, state: "sending", control },
      ]);
      try {
        await upload(file, (sent) => change(file.name, { sent }), control.signal);
        change(file.name, { state: "here", sent: file.size });
      } catch (failed) {
        if (control.signal.aborted) change(file.name, { state: "cancelled" });
        else change(file.name, { state: "failed", said: problemOf(failed).detail ?? problemOf(failed).title });
      }
    }
  }

  /** Looks at each file alone first, so that one that cannot be used does not stop the others. */
  async function look() {
    setLooking(true);
    setError(null);
    const usable: string[] = [];
    const without: Refused[] = [];
    try {
      for (const { name } of files.filter(({ state }) => state === "here")) {
        try {
          await profile([name]);
          usable.push(name);
        } catch (failed) {
          const problem = problemOf(failed);
          if (problem.status === 0 || problem.status >= 500) throw failed;
          without.push({ file: name, why: problem.detail ?? problem.title });
        }
      }
      setRefused(without);
      if (usable.length === 0) return;
      const [found, now] = await Promise.all([profile(usable), spec().catch(() => ({ text: "", etag: "" }))]);
      onProfiled(found, without, now.text, now.etag);
    } catch (failed) {
      setError(failed);
    } finally {
      setLooking(false);
    }
  }

  const here = files.filter(({ state }) => state === "here");
  const busy = files.some(({ state }) => state === "sending");
  return (
    <div className="stack">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button inside is the first */}
      <div
        className="dropzone"
        data-over={over}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          send([...event.dataTransfer.files]);
        }}
      >
        <p className="dropzone-title">Drop files here</p>
        <p className="muted">CSV, Excel, JSON Lines or Parquet; also compressed with gzip or zstandard</p>
        <button type="button" className="button primary" onClick={() => input.current?.click()}>
          Choose files
        </button>
        <input
          ref={input}
          type="file"
          multiple
          accept={FORMATS}
          className="visually-hidden"
          tabIndex={-1}
          aria-label="Files"
          onChange={(event) => {
            send([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
      </div>
      {files.length > 0 && (
        <ul className="uploads" aria-label="Files">
          {files.map((file) => (
            <li key={file.name}>
              <span className="upload-name">{file.name}</span>
              <span className="muted">{bytes(file.size)}</span>
              {file.state === "sending" && <progress aria-label={`Sending ${file.name}`} value={file.sent} max={file.size} />}
              {file.state === "here" && <span className="upload-state">here</span>}
              {file.state === "cancelled" && <span className="muted">cancelled, nothing was kept</span>}
              {file.state === "failed" && <span className="upload-bad">{file.said}</span>}
              <button
                type="button"
                className="button small quiet"
                aria-label={`${file.state === "sending" ? "Cancel" : "Leave out"} ${file.name}`}
                onClick={() =>
                  file.state === "sending" ? file.control?.abort() : setFiles(files.filter(({ name }) => name !== file.name))
                }
              >
                {file.state === "sending" ? "Cancel" : "×"}
              </button>
            </li>
          ))}
        </ul>
      )}
      {waiting.length > 0 && (
        <div className="row">
          <span className="hint">Already in the workspace:</span>
          {waiting.map(({ file, bytes: size }) => (
            <button
              key={file}
              type="button"
              className="button small"
              onClick={() => setFiles([...files, { name: file, size, sent: size, state: "here" }])}
            >
              + {file}
            </button>
          ))}
        </div>
      )}
      <RefusedFiles refused={refused} />
      {error !== null && <ProblemCard error={error} />}
      {looking ? (
        <Loading label="Looking at the columns" />
      ) : (
        <div className="row">
          <button type="button" className="button primary" disabled={here.length === 0 || busy} onClick={look}>
            Look at the columns
          </button>
          {busy && <span className="hint">when all files are here</span>}
        </div>
      )}
    </div>
  );
}

export function RefusedFiles({ refused }: { refused: Refused[] }) {
  if (refused.length === 0) return null;
  return (
    <div className="refused" role="status">
      <p>
        <strong>
          {refused.length === 1
            ? "This file cannot be used as it is, and is left out:"
            : "These files cannot be used as they are, and are left out:"}
        </strong>
      </p>
      <ul>
        {refused.map(({ file, why }) => (
          <li key={file}>
            <strong>{file}</strong>: {why}
          </li>
        ))}
      </ul>
    </div>
  );
}
