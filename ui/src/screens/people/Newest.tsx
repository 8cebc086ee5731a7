/** Who did something last: somewhere to begin without an id. */
import { useQuery } from "@tanstack/react-query";
import { sql } from "../../api/client";
import { count } from "../../format/number";
import { Scroll } from "../../parts/Scroll";
import { useWorkspace } from "../../workspace";

export function Newest({ onChoose }: { onChoose: (id: string) => void }) {
  const { generation } = useWorkspace();
  const asked = useQuery({
    queryKey: ["newest", generation],
    queryFn: ({ signal }) =>
      sql("select actor, n_events, cast(last_seen as varchar) as last_seen from users order by last_seen desc limit 12", signal),
  });
  if (!asked.data || asked.data.rows.length === 0) return null;
  return (
    <section className="card stack" aria-labelledby="newest">
      <h2 id="newest">Seen last</h2>
      <Scroll label="Seen last">
        <table>
          <thead>
            <tr>
              <th scope="col">Id</th>
              <th scope="col" className="number">
                Events
              </th>
              <th scope="col">Last seen</th>
            </tr>
          </thead>
          <tbody>
            {asked.data.rows.map(([actor, events, last]) => (
              <tr key={String(actor)}>
                <th scope="row">
                  <button type="button" className="linklike id" onClick={() => onChoose(String(actor))}>
                    {String(actor)}
                  </button>
                </th>
                <td className="number">{count(Number(events))}</td>
                <td>{String(last).slice(0, 16).replace("T", " ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
