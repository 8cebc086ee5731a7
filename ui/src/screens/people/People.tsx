/** People: look somebody up by id; a user's sessions, or an account's timeline. */
import { type FormEvent, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { Empty } from "../../parts/States";
import { AccountJourney } from "./AccountJourney";
import { Newest } from "./Newest";
import { UserJourney } from "./UserJourney";

export default function People() {
  const [params] = useSearchParams();
  const [, navigate] = useLocation();
  const user = params.get("user");
  const account = params.get("account");
  const [kind, setKind] = useState<"user" | "account">(account ? "account" : "user");
  const [id, setId] = useState(account ?? user ?? "");
  const search = (event: FormEvent) => {
    event.preventDefault();
    if (id.trim()) navigate(`/people?${kind}=${encodeURIComponent(id.trim())}`);
  };
  return (
    <>
      <div className="screen-head">
        <h1>People</h1>
        <p>One user’s sessions, or one account’s timeline with its members in lanes and its stage.</p>
      </div>
      <form className="row" onSubmit={search}>
        <div className="segmented">
          <button type="button" aria-pressed={kind === "user"} onClick={() => setKind("user")}>
            User
          </button>
          <button type="button" aria-pressed={kind === "account"} onClick={() => setKind("account")}>
            Account
          </button>
        </div>
        <input
          aria-label={`Id of the ${kind}`}
          placeholder={kind === "user" ? "Id of a user, also an anonymous one" : "Id of an account"}
          style={{ maxWidth: "22rem" }}
          value={id}
          onChange={(event) => setId(event.target.value)}
        />
        <button type="submit" className="button primary">
          Look up
        </button>
      </form>
      <div style={{ marginTop: "1.5rem" }}>
        {user && (
          <div className="card stack">
            <h2>User {user}</h2>
            <UserJourney key={user} id={user} level={3} />
          </div>
        )}
        {account && (
          <div className="card stack">
            <h2>Account {account}</h2>
            <AccountJourney
              key={account}
              id={account}
              level={3}
              onMember={(member) => navigate(`/people?user=${encodeURIComponent(member)}`)}
            />
          </div>
        )}
        {!user && !account && (
          <>
            <Newest onChoose={(chosen) => navigate(`/people?user=${encodeURIComponent(chosen)}`)} />
            <Empty title="Whom do you look for?">
              <p>Every number in Diptych opens the people in it; here you find somebody whose id you know.</p>
            </Empty>
          </>
        )}
      </div>
    </>
  );
}
