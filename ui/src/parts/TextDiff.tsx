/** A change of a text, as lines that go and lines that come. */
import { diff, hunks } from "../spec/diff";
import "./diff.css";

const MARK = { same: " ", new: "+", old: "−" };
const SAID = { same: "", new: "new: ", old: "removed: " };

export function TextDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const found = hunks(diff(before, after));
  if (found.length === 0) return <p className="hint">Nothing changes.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard
    <section className="diff" aria-label={label} tabIndex={0}>
      {found.map((hunk) => (
        <div key={hunk.at}>
          {hunk.at > 1 && <p className="diff-at">line {hunk.at}</p>}
          {hunk.lines.map((line, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines of a text have no other name
            <p key={i} className={`diff-line ${line.kind}`}>
              <span aria-hidden="true">{MARK[line.kind]}</span>
              <span className="visually-hidden">{SAID[line.kind]}</span>
              {line.text || " "}
            </p>
          ))}
        </div>
      ))}
    </section>
  );
}
