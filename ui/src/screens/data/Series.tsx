/** Totals and dated facts that stand beside the journeys; they never claim persons. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { series } from "../../api/client";
import { count } from "../../format/number";
import { day } from "../../format/time";
import { humane } from "../../format/words";
import { Scroll } from "../../parts/Scroll";
import { Empty, Loading, ProblemCard } from "../../parts/States";
import { useWorkspace } from "../../workspace";
import { monthly, readNotes, readPoints } from "./points";

export function Series() {
  const { zone, generation } = useWorkspace();
  const asked = useQuery({ queryKey: ["series", generation], queryFn: ({ signal }) => series(signal) });
  if (asked.isPending) return <Loading label="Reading notes and series" />;
  if (asked.error) return <ProblemCard error={asked.error} retry={() => asked.refetch()} />;
  const points = readPoints(asked.data.series);
  const notes = readNotes(asked.data.notes);
  const tables = monthly(points);
  if (points.length === 0 && notes.length === 0) {
    return (
      <Empty title="No notes and no series yet">
        <p>
          Totals per day (map views, impressions, footfall) and dated facts (price list, campaign, holiday) come from sources with{" "}
          <code>series:</code> or <code>notes:</code> in <Link href="/data/spec">diptych.yaml</Link>.
        </p>
      </Empty>
    );
  }
  return (
    <div className="stack">
      {notes.length > 0 && (
        <section className="card stack" aria-labelledby="notes">
          <h2 id="notes">Notes</h2>
          <table>
            <tbody>
              {notes.map((note) => (
                <tr key={`${note.time}${note.name}${note.text}`}>
                  <th scope="row" style={{ whiteSpace: "nowrap" }}>
                    {note.time ? day(note.time, zone) : ""}
                  </th>
                  <td>{humane(note.name)}</td>
                  <td>{note.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {tables.map(({ name, months, columns, sums }) => (
        <section key={name} className="card stack" aria-label={humane(name)}>
          <h2>{humane(name)}</h2>
          <Scroll label="Sums per month">
            <table>
              <caption className="visually-hidden">{`${humane(name)}, sums per month`}</caption>
              <thead>
                <tr>
                  <th scope="col">Month</th>
                  {columns.map((column) => (
                    <th key={column} scope="col" className="number">
                      {humane(column)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {months.map((month) => (
                  <tr key={month}>
                    <th scope="row">{month}</th>
                    {columns.map((column) => {
                      const sum = sums.get(`${month}|${column}`);
                      return (
                        <td key={column} className="number">
                          {sum === undefined ? "–" : count(sum)}
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </section>
      ))}
    </div>
  );
}
