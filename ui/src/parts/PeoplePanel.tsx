/** Who is in this number: the people or accounts behind a cell, and then one of them. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link } from "wouter";
import { who as askWho, type Who } from "../api/client";
import type { Cell } from "../api/types";
import { count, shown } from "../format/number";
import { instant } from "../format/time";
import { humane } from "../format/words";
import { exploreHref } from "../question/url";
import { AccountJourney } from "../screens/people/AccountJourney";
import { UserJourney } from "../screens/people/UserJourney";
import { useKnown, useOfAccounts, useWorkspace } from "../workspace";
import { ExportMenu } from "./ExportMenu";
import { Empty, Loading, ProblemCard } from "./States";
import { useWho } from "./who";
import "./people.css";

export function PeoplePanel() {
  const { who, person, member, choose, chooseMember, close } = useWho();
  const ofAccounts = useOfAccounts();
  const dialog = useRef<HTMLDialogElement>(null);
  const before = useRef<Element | null>(null);
  const isOpen = who !== null;

  useEffect(() => {
    const element = dialog.current;
    if (!element) return;
    if (isOpen && !element.open) {
      before.current = document.activeElement;
      element.showModal();
    }
    if (!isOpen && element.open) element.close();
  }, [isOpen]);

  const heading = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the focus follows what the panel shows
  useEffect(() => {
    if (isOpen) heading.current?.focus();
  }, [isOpen, person, member]);

  const accounts = who ? ofAccounts(who.operator, who.question.accounts) : false;
  const back = member ? () => chooseMember(null) : () => choose(null);
  return (
    <dialog
      ref={dialog}
      className="people-panel"
      aria-labelledby="people-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClose={() => {
        if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      {who && (
        <div className="people-body">
          <div className="people-bar">
            {person ? (
              <button type="button" className="button small" onClick={back}>
                ← {member ? `Account ${person}` : accounts ? "All accounts" : "All people"}
              </button>
            ) : (
              <span className="hint">Who is in this number</span>
            )}
            <button type="button" className="button small" onClick={close}>
              Close
            </button>
          </div>
          {person ? (
            <>
              <h2 id="people-title" tabIndex={-1} ref={heading}>
                {member ? `Member ${member}` : `${accounts ? "Account" : "Person"} ${person}`}
              </h2>
              <p>
                <Link href={`/people?${accounts && !member ? "account" : "user"}=${encodeURIComponent(member ?? person)}`}>
                  Open in People
                </Link>
              </p>
              {member ? (
                <UserJourney id={member} level={3} />
              ) : accounts ? (
                <AccountJourney id={person} level={3} onMember={chooseMember} />
              ) : (
                <UserJourney id={person} level={3} />
              )}
            </>
          ) : (
            <List who={who} accounts={accounts} heading={heading} onChoose={choose} />
          )}
        </div>
      )}
    </dialog>
  );
}

interface ListProps {
  who: Who;
  accounts: boolean;
  heading: React.RefObject<HTMLHeadingElement | null>;
  onChoose: (person: string) => void;
}

function List({ who, accounts, heading, onChoose }: ListProps) {
  const { zone, generation } = useWorkspace();
  const { operators } = useKnown();
  const asked = useInfiniteQuery({
    queryKey: ["who", generation, who],
    queryFn: ({ pageParam, signal }) => askWho(who, pageParam, 200, signal),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => (last.more ? pages.reduce((sum, page) => sum + page.units.length, 0) : undefined),
  });
  const first = asked.data?.pages[0];
  const units = asked.data?.pages.flatMap((page) => page.units) ?? [];
  const title = operators.find(({ id }) => id === who.operator)?.title ?? who.operator;
  const body = { ...who.question, cell: who.cell, ...(who.group == null ? {} : { group: who.group }) };
  const words = accounts ? "accounts" : "people";
  return (
    <>
      <h2 id="people-title" tabIndex={-1} ref={heading}>
        {first ? first.cell.label : title}
        {who.group != null && <span className="muted"> · {who.group}</span>}
      </h2>
      {first && <CellNumber cell={first.cell} />}
      <div className="spread">
        <p className="hint">
          From <Link href={exploreHref(who.operator, who.question)}>{title}</Link>
          {first && (
            <>
              {" "}
              · {count(first.actors_total)} {words}
              {first.units_total !== first.actors_total && `, ${count(first.units_total)} ${unitWords(first.cell)}`}
            </>
          )}
        </p>
        {first && (
          <ExportMenu
            formats={["csv", "xlsx"].map((format) => ({
              name: format.toUpperCase(),
              path: `/api/who/${who.operator}?format=${format}`,
              file: `${who.operator}-people.${format}`,
              body,
            }))}
          />
        )}
      </div>
      {asked.isPending && <Loading label={`Listing the ${words}`} />}
      {asked.error && <ProblemCard error={asked.error} retry={() => asked.refetch()} />}
      {first && units.length === 0 && (
        <Empty title="Nobody">
          <p>There is nobody in this number.</p>
        </Empty>
      )}
      <ul className="people-list">
        {units.map((unit, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: one person may have many units, which have no name of their own
          <li key={`${unit.actor}/${i}`}>
            <button type="button" onClick={() => onChoose(unit.actor)}>
              <span className="people-name">{unit.actor}</span>
              {unit.rows[0] && <span className="people-when">{instant(unit.rows[0][0], zone)}</span>}
              <span className="people-what">
                {unit.rows
                  .slice(0, 6)
                  .map(([, name]) => humane(name))
                  .join(" → ")}
                {unit.rows.length > 6 && ` → … (${unit.rows.length})`}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {asked.hasNextPage && (
        <button type="button" className="button" disabled={asked.isFetchingNextPage} onClick={() => asked.fetchNextPage()}>
          Show more
        </button>
      )}
    </>
  );
}

function unitWords(cell: Cell): string {
  const words = {
    actor: "stays",
    session: "sessions",
    event: "events",
    attempt: "attempts",
    episode: "episodes",
    duration: "times",
    money: "rows",
  };
  return words[cell.unit];
}

function CellNumber({ cell }: { cell: Cell }) {
  const { currency } = useWorkspace();
  const { text, base, interval, reason } = shown(cell, currency);
  return (
    <p className="people-number">
      <span>{text}</span>{" "}
      <span className="muted">{[base, interval && `95 % interval ${interval}`, reason].filter(Boolean).join(" · ")}</span>
    </p>
  );
}
