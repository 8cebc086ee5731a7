/** One account: its stage, its money, its members in lanes, and all that happened. */
import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { account } from "../../api/client";
import type { Account } from "../../api/types";
import { count, money } from "../../format/number";
import { day } from "../../format/time";
import { humane } from "../../format/words";
import { Loading, ProblemCard } from "../../parts/States";
import { useWidth } from "../../parts/useWidth";
import { useWorkspace } from "../../workspace";
import { EventList } from "./UserJourney";
import "./journey.css";

export function AccountJourney({ id, level, onMember }: { id: string; level: 2 | 3; onMember?: (member: string) => void }) {
  const { zone, generation } = useWorkspace();
  const asked = useQuery({ queryKey: ["account", generation, id], queryFn: ({ signal }) => account(id, signal) });
  const [shownEvents, setShownEvents] = useState(40);
  if (asked.isPending) return <Loading label="Reading the account" />;
  if (asked.error) return <ProblemCard error={asked.error} />;
  const found = asked.data;
  const Title = level === 2 ? "h2" : "h3";
  const newest = found.events.toReversed();
  const alone = found.members.length === 0 || (found.members.length === 1 && found.members[0]?.user === found.account);
  return (
    <div className="journey customer">
      <dl className="facts">
        <div>
          <dt>Stage now</dt>
          <dd>{found.stage ? humane(found.stage) : "in no stage"}</dd>
        </div>
        {found.net_cents != null && (
          <div>
            <dt>Net revenue</dt>
            <dd>{money(found.net_cents, found.currency)}</dd>
          </div>
        )}
        <div>
          <dt>Members</dt>
          <dd>
            {found.members.length === 0 && "nobody by name"}
            {found.members.map(({ user, role }) =>
              onMember ? (
                <button key={user} type="button" className="linklike id" onClick={() => onMember(user)}>
                  {user}
                  {role ? ` (${role})` : ""}
                </button>
              ) : (
                <a key={user} className="id" href={`/people?user=${encodeURIComponent(user)}`}>
                  {user}
                  {role ? ` (${role})` : ""}
                </a>
              ),
            )}
          </dd>
        </div>
      </dl>
      {found.events.length > 0 && <Lanes account={found} zone={zone} />}
      {alone && found.members[0] && onMember && (
        <p>
          <button type="button" className="button" onClick={() => onMember(found.members[0]?.user ?? found.account)}>
            Their sessions
          </button>
        </p>
      )}
      <Title>{count(found.events_total ?? found.events.length)} events, newest first</Title>
      <div className="account-events">
        <EventList events={newest.slice(0, shownEvents)} zone={zone} dated lone={alone} />
      </div>
      {newest.length > shownEvents && (
        <button type="button" className="button" onClick={() => setShownEvents(shownEvents + 200)}>
          Show more of {count(newest.length)} events
        </button>
      )}
    </div>
  );
}

const LANE = 26;

/** Stages above, then one lane per member, and one for what belongs to nobody by name. */
function Lanes({ account: found, zone }: { account: Account; zone: string }) {
  const holder = useRef<HTMLDivElement>(null);
  const wide = useWidth(holder) || 720;
  const times = found.events.map((event) => event.time_us);
  const from = Math.min(...times, ...found.stages.map((stage) => stage.entered_us));
  const to = Math.max(...times);
  const x = (time: number) => (to === from ? wide / 2 : 8 + ((wide - 16) * (Math.min(time, to) - from)) / (to - from));
  const owners = new Map<string, number[]>();
  for (const event of found.events) {
    const owner = event.member ?? "";
    owners.set(owner, [...(owners.get(owner) ?? []), event.time_us]);
  }
  const lanes = [...owners].sort((a, b) => b[1].length - a[1].length).slice(0, 12);
  const height = 34 + lanes.length * LANE + 8;
  const said = `Timeline from ${day(from, zone)} to ${day(to, zone)}: ${found.stages.map((stage) => humane(stage.stage)).join(", then ") || "no stages"}; ${lanes
    .map(([owner, events]) => `${owner || "the account itself"} ${events.length} events`)
    .join(", ")}`;
  return (
    <div className="lanes" ref={holder}>
      <svg viewBox={`0 0 ${wide} ${height}`} role="img" aria-label={said}>
        {found.stages.map((stage, i) => {
          const left = x(stage.entered_us);
          const right = x(stage.left_us ?? found.stages[i + 1]?.entered_us ?? to);
          return (
            <g key={`${stage.stage}/${stage.entered_us}`}>
              <rect x={left} y={2} width={Math.max(right - left - 1, 2)} height={20} rx={3} className={i % 2 ? "stage odd" : "stage"} />
              {right - left > 60 && (
                <text x={left + 6} y={16} className="stage-name">
                  {humane(stage.stage)}
                </text>
              )}
            </g>
          );
        })}
        {lanes.map(([owner, events], row) => (
          <g key={owner}>
            <line x1={8} x2={wide - 8} y1={34 + row * LANE + LANE / 2} y2={34 + row * LANE + LANE / 2} className="lane" />
            {events.map((time, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two events can share an instant
              <circle key={`${time}/${i}`} cx={x(time)} cy={34 + row * LANE + LANE / 2} r={3.2} className={owner ? "dot member" : "dot"} />
            ))}
          </g>
        ))}
      </svg>
      <div className="spread hint">
        <span>{day(from, zone)}</span>
        <span>
          {lanes.length} {lanes.length === 1 ? "lane" : "lanes"}: {lanes.map(([owner]) => owner || "the account itself").join(", ")}
        </span>
        <span>{day(to, zone)}</span>
      </div>
      {found.stages.length > 0 && (
        <p className="hint">
          {found.stages
            .map(
              (stage) =>
                `${humane(stage.stage)} from ${day(stage.entered_us, zone)}${stage.left_us ? ` to ${day(stage.left_us, zone)}` : ""}`,
            )
            .join("; ")}
        </p>
      )}
    </div>
  );
}
