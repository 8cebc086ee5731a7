/** One user: who they are known as, and what they did, session by session. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { user } from "../../api/client";
import type { JourneyEvent, Session, User } from "../../api/types";
import { count, duration, money } from "../../format/number";
import { clock, instant } from "../../format/time";
import { humane } from "../../format/words";
import { Loading, ProblemCard } from "../../parts/States";
import { useWorkspace } from "../../workspace";
import "./journey.css";

const SESSIONS = 12;

export function UserJourney({ id, level }: { id: string; level: 2 | 3 }) {
  const { zone, generation } = useWorkspace();
  const asked = useQuery({ queryKey: ["user", generation, id], queryFn: ({ signal }) => user(id, signal) });
  const [shownSessions, setShownSessions] = useState(SESSIONS);
  if (asked.isPending) return <Loading label="Reading the sessions" />;
  if (asked.error) return <ProblemCard error={asked.error} />;
  const { ids, accounts, profile, sessions, outside = [], sessions_total = sessions.length } = asked.data;
  const Title = level === 2 ? "h2" : "h3";
  const events = asked.data.events_total ?? sessions.reduce((sum, session) => sum + session.events.length, 0);
  return (
    <div className="journey user">
      <dl className="facts">
        {ids.length > 0 && <Fact name="Known as" values={ids} />}
        {accounts.length > 0 && (
          <div>
            <dt>Accounts</dt>
            <dd>
              {accounts.map(({ account, role }) => (
                <Link key={account} href={`/people?account=${encodeURIComponent(account)}`}>
                  {account}
                  {role ? ` (${role})` : ""}
                </Link>
              ))}
            </dd>
          </div>
        )}
        {Object.entries(profile ?? {}).map(([name, value]) => (
          <Fact key={name} name={humane(name)} values={[String(value)]} />
        ))}
      </dl>
      <Title>
        {count(sessions_total)} {sessions_total === 1 ? "session" : "sessions"}, {count(events)} events
      </Title>
      <ol className="sessions">
        {newestFirst(sessions)
          .slice(0, shownSessions)
          .map((session, i) => (
            <SessionItem
              key={`${session.start_us}/${session.events.length}`}
              session={withMet(session, asked.data)}
              open={i === 0}
              zone={zone}
              level={level}
            />
          ))}
      </ol>
      {sessions.length > shownSessions && (
        <button type="button" className="button" onClick={() => setShownSessions(shownSessions + 50)}>
          Show more of {count(sessions_total)} sessions
        </button>
      )}
      {outside.length > 0 && (
        <details className="session">
          <summary>
            <span className="session-when">Outside of sessions</span>
            <span className="session-what">{count(outside.length)} events that are no activity in the product: letters, the till</span>
          </summary>
          <EventList events={outside} zone={zone} dated />
        </details>
      )}
    </div>
  );
}

function newestFirst(sessions: Session[]): Session[] {
  return sessions.toSorted((a, b) => b.start_us - a.start_us);
}

/** Puts the tasks and frictions that were met into the session in which they were. */
function withMet(session: Session, { tasks = [], frictions = [] }: User): Session {
  const inside = (time: number) => time >= session.start_us && time <= session.end_us;
  const met: JourneyEvent[] = [
    ...tasks
      .filter((task) => inside(task.end_us))
      .map(({ task, outcome, end_us }) => ({ time_us: end_us, name: `task:${task}:${outcome}` })),
    ...frictions
      .filter((friction) => inside(friction.met_us))
      .map(({ friction, met_us }) => ({ time_us: met_us, name: `friction:${friction}` })),
  ];
  return met.length === 0 ? session : { ...session, events: [...session.events, ...met].sort((a, b) => a.time_us - b.time_us) };
}

function Fact({ name, values }: { name: string; values: string[] }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {values.map((value) => (
          <span key={value} className="id">
            {value}
          </span>
        ))}
      </dd>
    </div>
  );
}

function SessionItem({ session, open, zone }: { session: Session; open: boolean; zone: string; level: 2 | 3 }) {
  const first = session.events[0];
  return (
    <li>
      <details className="session" open={open}>
        <summary>
          <span className="session-when">{instant(session.start_us, zone)}</span>
          <span className="session-what">
            {session.events.length === 1
              ? humane(first?.name ?? "")
              : `${count(session.events.length)} events in ${duration(session.end_us - session.start_us)}`}
            {first?.device && ` · ${first.device}`}
            {first?.channel && ` · ${first.channel}`}
          </span>
        </summary>
        {session.replay_url?.startsWith("http") && (
          <p>
            <a href={session.replay_url} rel="noreferrer">
              Watch the recording
            </a>
          </p>
        )}
        <EventList events={session.events} zone={zone} />
      </details>
    </li>
  );
}

interface EventListProps {
  events: JourneyEvent[];
  zone: string;
  /** Whether days are shown, for events of many sessions. */
  dated?: boolean;
  /** Whether there is one member only, who need not be named. */
  lone?: boolean;
}

export function EventList({ events, zone, dated = false, lone = true }: EventListProps) {
  const { currency, frictions } = useWorkspace();
  return (
    <ol className="events">
      {events.map((event, i) => {
        const derived = event.name.startsWith("friction:") || frictions.includes(event.name);
        const cents = event.revenue_cents ?? event.value_cents;
        const bad = derived || event.name.endsWith(":failed") || event.name.endsWith(":abandoned");
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the same event can happen twice at one instant
          <li key={`${event.time_us}/${i}`} className={bad ? "bad" : undefined}>
            <span className="event-time">{dated ? instant(event.time_us, zone) : clock(event.time_us, zone)}</span>
            <span className="event-name">{eventWords(event.name)}</span>
            {cents != null && cents !== 0 && <span className="event-money">{money(cents, currency)}</span>}
            <span className="event-more">{more(event, lone)}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** Derived rows as words: `task:order:abandoned` → `task order: abandoned`. */
function eventWords(name: string): string {
  const [kind, what, outcome] = name.split(":");
  if (kind === "task" && what) return `task ${humane(what)}${outcome ? `: ${outcome}` : ""}`;
  if (kind === "friction" && what) return `friction: ${humane(what)}`;
  if (name === "session:started") return "session started";
  return humane(name);
}

function more(event: JourneyEvent, lone: boolean): string {
  const named = [event.page, event.element, !lone && event.member && `member ${event.member}`, event.channel].filter(Boolean);
  const rest = Object.entries(event.properties ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${humane(name)} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return [...named, ...rest].join(" · ");
}
