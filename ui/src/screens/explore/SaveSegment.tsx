/** Keeps the condition on people under a name, in diptych.yaml. */
import { useState } from "react";
import { saveSpec, spec } from "../../api/client";
import type { Question } from "../../api/types";
import { problemOf } from "../../parts/States";
import { useForgetAnswers } from "../../workspace";

export function SaveSegment({ question }: { question: Question }) {
  const [name, setName] = useState("");
  const [said, setSaid] = useState("");
  const forget = useForgetAnswers();
  const condition = question.actors;
  if (!condition) return null;
  const keep = async () => {
    try {
      const { setIn } = await import("../../spec/edit");
      const { text, etag } = await spec();
      await saveSpec(setIn(text, ["segments", name.trim()], condition), etag);
      setSaid(`Kept as “${name.trim()}”.`);
      setName("");
      forget();
    } catch (error) {
      setSaid(problemOf(error).detail ?? problemOf(error).title);
    }
  };
  return (
    <div className="row">
      <input
        aria-label="Name of the segment"
        placeholder="name of this segment"
        style={{ width: "14rem" }}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="button" className="button small" disabled={!/^\w+$/.test(name.trim())} onClick={keep}>
        Save segment
      </button>
      <span role="status" className="hint">
        {said}
      </span>
    </div>
  );
}
