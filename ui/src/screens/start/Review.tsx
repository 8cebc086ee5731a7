/** What will stand in diptych.yaml, as a change of its text, checked before it is saved. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { checkSpec, ProblemError } from "../../api/client";
import { Loading, ProblemCard } from "../../parts/States";
import { TextDiff } from "../../parts/TextDiff";

interface Props {
  before: string;
  after: string;
  onBack: () => void;
  onSave: () => Promise<void>;
  backLabel?: string;
  saveLabel?: string;
}

export function Review({ before, after, onBack, onSave, backLabel = "Back to the questions", saveLabel = "Save and import" }: Props) {
  const checked = useQuery({ queryKey: ["check of a draft", after], queryFn: () => checkSpec(after), staleTime: 0 });
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const save = async () => {
    setSaving(true);
    setError(null);
    try {
      await onSave();
    } catch (failed) {
      setError(failed);
      setSaving(false);
    }
  };
  return (
    <div className="card stack">
      <h2>This is written into diptych.yaml</h2>
      <p className="hint">Plain text in the workspace’s folder, for you and for review; nobody has to read it, everybody can.</p>
      <TextDiff before={before} after={after} label="What is written" />
      {checked.isPending && <Loading label="Checking" />}
      {checked.error && <ProblemCard error={checked.error} />}
      {checked.data?.problem && <ProblemCard error={new ProblemError(checked.data.problem)} />}
      {error !== null && <ProblemCard error={error} />}
      <div className="row">
        <button type="button" className="button" onClick={onBack}>
          {backLabel}
        </button>
        <button type="button" className="button primary" disabled={saving || !checked.data?.ok} onClick={save}>
          {saveLabel}
        </button>
      </div>
    </div>
  );
}
