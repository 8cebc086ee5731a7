/** First run, or more data: files in, plain questions about their columns, the change as text, the import, and the journeys. */
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { saveSpec } from "../../api/client";
import type { Imported, Profile } from "../../api/types";
import { ImportResult } from "../../parts/ImportRun";
import { Motif } from "../../parts/Motif";
import { useForgetAnswers, useWorkspace } from "../../workspace";
import { Columns } from "./Columns";
import { Files, type Refused, RefusedFiles } from "./Files";
import { Importing } from "./Importing";
import { Journeys } from "./Journeys";
import { Review } from "./Review";
import "./start.css";

type Step =
  | { name: "files" }
  | { name: "columns" | "review"; profile: Profile; refused: Refused[]; before: string; etag: string; text: string }
  | { name: "import"; files: string[] }
  | { name: "done"; imported: Imported[] };

const STEPS: [Step["name"] | "journeys", string][] = [
  ["files", "Files"],
  ["columns", "Columns"],
  ["review", "Review"],
  ["import", "Import"],
  ["journeys", "Journeys"],
];

export default function Start() {
  const [params, setParams] = useSearchParams();
  const workspace = useWorkspace();
  const forget = useForgetAnswers();
  const [step, setStep] = useState<Step>({ name: "files" });
  const journeys = params.get("step") === "journeys" && workspace.state === "ready";
  const here = journeys ? "journeys" : step.name === "done" ? "import" : step.name;
  return (
    <div className="start">
      <div className="start-head">
        <Motif size={44} />
        <div>
          <h1>{workspace.state === "empty" ? "Put your journeys side by side" : journeys ? "Name the journeys" : "Add data"}</h1>
          <p className="muted">
            {workspace.state === "empty"
              ? "Drop in what you have. Diptych asks what the columns mean, shows what it writes down, and counts. Nothing leaves this computer."
              : journeys
                ? "Which contacts, stages, goals and obstacles are there? All of it can be changed later; answers about the past follow."
                : "More files for this workspace. Rows that were imported before are recognised."}
          </p>
        </div>
      </div>
      <ol className="start-steps" aria-label="Steps">
        {STEPS.map(([name, said]) => (
          <li key={name} aria-current={name === here ? "step" : undefined}>
            {said}
          </li>
        ))}
      </ol>
      {journeys ? (
        <Journeys />
      ) : (
        <>
          {step.name === "files" && (
            <Files
              onProfiled={(profile, refused, before, etag) =>
                setStep({ name: "columns", profile, refused, before, etag, text: profile.spec })
              }
            />
          )}
          {step.name === "columns" && <RefusedFiles refused={step.refused} />}
          {step.name === "columns" && (
            <Columns
              profile={step.profile}
              text={step.text}
              onBack={() => setStep({ name: "files" })}
              onChange={(text) => setStep({ ...step, text })}
              onNext={() => setStep({ ...step, name: "review" })}
            />
          )}
          {step.name === "review" && (
            <Review
              before={step.before}
              after={step.text}
              onBack={() => setStep({ ...step, name: "columns" })}
              onSave={async () => {
                await saveSpec(step.text, step.etag);
                setStep({ name: "import", files: step.profile.files.map(({ file }) => file) });
              }}
            />
          )}
          {step.name === "import" && (
            <Importing
              files={step.files}
              onDone={(imported) => {
                forget();
                setStep({ name: "done", imported });
              }}
            />
          )}
          {step.name === "done" && (
            <div className="card stack">
              <h2>The data is in</h2>
              <ImportResult imported={step.imported} />
              <p>
                Next, say which channels, stages, tasks and frictions there are: then the customer journey map, the drop-offs and the hinge
                have something to count.
              </p>
              <div className="row">
                <button type="button" className="button primary" onClick={() => setParams({ step: "journeys" })}>
                  Name the journeys
                </button>
                <Link href="/" className="button">
                  See both panels
                </Link>
              </div>
            </div>
          )}
        </>
      )}
    </div>
  );
}
