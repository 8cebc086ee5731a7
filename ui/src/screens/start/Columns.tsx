/** Each guess about a column as a plain question, with rows of the file in view. */
import { useState } from "react";
import type { ColumnProfile, FileProfile, Profile } from "../../api/types";
import { count, percent } from "../../format/number";
import { Scroll } from "../../parts/Scroll";
import { readSpec, setEventName, setIn, setRole } from "../../spec/edit";
import { eventNameOf, ROLES, type Role, rolesOf, sourceOf } from "../../spec/sources";

interface Props {
  profile: Profile;
  text: string;
  onChange: (text: string) => void;
  onBack: () => void;
  onNext: () => void;
}

const FIRST_ROLES = 5;

export function Columns({ profile, text, onChange, onBack, onNext }: Props) {
  const named = readSpec(text);
  return (
    <div className="stack">
      <section className="card stack" aria-labelledby="business">
        <h2 id="business">The business</h2>
        <div className="question-fields">
          <label className="field">
            <span className="label">What is it called?</span>
            <input value={String(named.name ?? "")} onChange={(event) => onChange(setIn(text, ["name"], event.target.value))} />
          </label>
          <label className="field">
            <span className="label">In which time zone are its days?</span>
            <input
              list="zones"
              value={String(named.zone ?? "UTC")}
              onChange={(event) => onChange(setIn(text, ["zone"], event.target.value))}
            />
            <datalist id="zones">
              {Intl.supportedValuesOf("timeZone").map((zone) => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </label>
          <label className="field">
            <span className="label">In which currency is its money?</span>
            <input
              value={String(named.currency ?? "")}
              maxLength={3}
              onChange={(event) => onChange(setIn(text, ["currency"], event.target.value.toUpperCase() || undefined))}
            />
          </label>
        </div>
      </section>
      {profile.files.map((file) => (
        <FileQuestions key={file.file} file={file} text={text} onChange={onChange} />
      ))}
      <div className="row">
        <button type="button" className="button" onClick={onBack}>
          Back
        </button>
        <button type="button" className="button primary" onClick={onNext}>
          Review what is written
        </button>
      </div>
    </div>
  );
}

function FileQuestions({ file, text, onChange }: { file: FileProfile; text: string; onChange: (text: string) => void }) {
  const source = sourceOf(text, file.file);
  const [all, setAll] = useState(false);
  if (!source) return null;
  const roles = rolesOf(text, source);
  const used = ROLES.filter(({ role }, i) => i < FIRST_ROLES || roles[role] !== undefined);
  const visible = all ? ROLES : used;
  return (
    <section className="card stack" aria-labelledby={`file-${file.file}`}>
      <div className="spread">
        <h2 id={`file-${file.file}`}>{file.file}</h2>
        <p className="hint">{count(file.rows_seen)} rows seen</p>
      </div>
      <Sample file={file} roles={roles} name={eventNameOf(text, source).column} />
      <div className="questions">
        <EventName file={file} text={text} source={source} onChange={onChange} />
        {visible.map(({ role, question, ...rest }) => (
          <RoleQuestion
            key={role}
            role={role}
            question={question}
            hint={"hint" in rest ? rest.hint : undefined}
            file={file}
            column={roles[role]}
            onChoose={(column) => {
              const before = roles[role];
              const cleared = before ? setRole(text, source, before, null) : text;
              onChange(column ? setRole(cleared, source, column, role) : cleared);
            }}
          />
        ))}
      </div>
      {!all && visible.length < ROLES.length && (
        <div>
          <button type="button" className="button small" onClick={() => setAll(true)}>
            More questions about this file
          </button>
        </div>
      )}
    </section>
  );
}

const WORDS: Record<Role, string> = {
  time: "when",
  user: "who uses",
  customer: "who pays",
  anonymous: "not yet known",
  value: "money",
  channel: "channel",
  event_id: "number",
  page: "page",
  device: "device",
  place: "place",
  order_id: "order",
};

/** The first rows, with what each column was taken for. */
function Sample({ file, roles, name }: { file: FileProfile; roles: Partial<Record<Role, string>>; name?: string }) {
  const taken = new Map(Object.entries(roles).map(([role, column]) => [column, WORDS[role as Role]]));
  if (name) taken.set(name, "what happened");
  return (
    <Scroll label={`First rows of ${file.file}`} className="sample">
      <table>
        <thead>
          <tr>
            {file.columns.map(({ name: column }) => (
              <th key={column} scope="col">
                {column}
                <span className="sample-role">{taken.get(column) ?? ""}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {file.rows.slice(0, 6).map((row, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a file have no name
            <tr key={i}>
              {row.map((value, j) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: nor have their values
                <td key={j}>{value === null || value === undefined ? "" : String(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const SURE = { sure: "sure", likely: "likely", guess: "a guess, please check" };

function Guess({ column }: { column?: ColumnProfile }) {
  if (!column) return null;
  const examples = column.samples
    .slice(0, 3)
    .map(({ text }) => text)
    .join(", ");
  return (
    <p className="hint">
      {column.role && column.sure && <span className={`sure ${column.sure}`}>{SURE[column.sure]}</span>} {column.why}
      {column.fitting != null && column.fitting < 1 && ` ${percent(column.fitting)} of the values fit.`}
      {examples && ` For example ${examples}.`}
    </p>
  );
}

interface RoleQuestionProps {
  role: Role;
  question: string;
  hint?: string;
  file: FileProfile;
  column?: string;
  onChoose: (column: string) => void;
}

function RoleQuestion({ role, question, hint, file, column, onChoose }: RoleQuestionProps) {
  const profile = file.columns.find(({ name }) => name === column);
  const foreign = column && !profile ? column : undefined;
  const id = `${file.file}-${role}`;
  return (
    <div className="asked">
      <label htmlFor={id}>{question}</label>
      <select id={id} value={column ?? ""} onChange={(event) => onChoose(event.target.value)}>
        <option value="">none</option>
        {foreign && <option value={foreign}>{foreign}</option>}
        {file.columns.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      {profile ? (
        <Guess column={profile.role === role ? profile : { ...profile, role: null, why: "" }} />
      ) : (
        hint && <p className="hint">{hint}</p>
      )}
    </div>
  );
}

function EventName({
  file,
  text,
  source,
  onChange,
}: {
  file: FileProfile;
  text: string;
  source: string;
  onChange: (text: string) => void;
}) {
  const { column, constant } = eventNameOf(text, source);
  const id = `${file.file}-name`;
  const profile = file.columns.find(({ name }) => name === column);
  return (
    <div className="asked">
      <label htmlFor={id}>Which column says what happened?</label>
      <select
        id={id}
        value={column ?? ""}
        onChange={(event) =>
          onChange(event.target.value ? setRole(text, source, event.target.value, "name") : setEventName(text, source, constant ?? "event"))
        }
      >
        <option value="">none: every row is the same</option>
        {column && !profile && <option value={column}>{column}</option>}
        {file.columns.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      {column === undefined && (
        <label className="field">
          <span className="hint">Every row is a</span>
          <input value={constant ?? ""} onChange={(event) => onChange(setEventName(text, source, event.target.value))} />
        </label>
      )}
      {profile && <Guess column={profile} />}
    </div>
  );
}
