"""Sessions, page transitions and a two-page funnel of a web server's page views, in plain pandas.

Source: web_sessions/session_dataset.csv.gz of the R package reconstructr (columns uuid, timestamp, url).
DIR is the folder that holds this file.

Definitions
  sessions_over     a gap of MORE than 1800 s between two views of a user starts a session. Expected 22,224.
  sessions_at_least a gap of 1800 s or more starts a session. Expected 22,226 (published by reconstructr).
  single-event      13,138 sessions under either rule, so the share depends on the rule: the reference value
                    59.11 % is 13,138 / 22,226 (at_least); 13,138 / 22,224 (over) is 59.12 %.
  seconds on page   gap to the next view inside a session (sessions_at_least): mean 146.49, median 33.5
                    (published).
  transitions       the 20 most frequent pairs of consecutive views by `url` inside a session (sessions_over).
                    The file has whole seconds only: `count` takes views of one second in file order,
                    `certain` leaves out pairs where either view shares its second with another view of that
                    user, `users` belongs to `count`.
  funnel            users who viewed the first url, and the second within --window-secs of a view of the
                    first (inclusive, best entry). `ties_forward` lets the second view happen in the same
                    second, `ties_never` wants it later; with rows ordered in any way the answer lies between.
Equal rows are kept (7 of them).
"""
import argparse
import json

import pandas as pd

EXPECTED = {"rows": 63_524, "users": 10_000, "sessions_over": 22_224, "sessions_at_least": 22_226,
            "single_event_share_percent_at_least": 59.11, "mean_secs_on_page": 146.49, "median_secs_on_page": 33.5}


def web_sessions(folder, urls, window_secs):
    views = pd.read_csv(f"{folder}/session_dataset.csv.gz", parse_dates=["timestamp"])
    views["row"] = range(len(views))
    views = views.sort_values(["uuid", "timestamp", "row"], ignore_index=True)
    gap = views.groupby("uuid").timestamp.diff().dt.total_seconds()
    views["over"] = (gap.isna() | (gap > 1800)).cumsum()
    at_least = gap.isna() | (gap >= 1800)
    lengths, lengths_at_least = views.over.value_counts(), at_least.cumsum().value_counts()
    on_page = gap[~at_least]

    tied = views.duplicated(["uuid", "timestamp"], keep=False)
    pairs = views.assign(to=views.groupby("over").url.shift(-1), certain=~(tied | tied.shift(-1, fill_value=False)))
    pairs = pairs.dropna(subset=["to"])
    top = pairs.groupby(["url", "to"]).agg(count=("uuid", "size"), users=("uuid", "nunique"), certain=("certain", "sum"))
    top = top.reset_index().sort_values(["count", "url", "to"], ascending=[False, True, True]).head(20)

    first, second = (views[views.url == u][["uuid", "timestamp"]] for u in urls)
    both = first.merge(second, on="uuid", suffixes=("_1", "_2"))
    wait = (both.timestamp_2 - both.timestamp_1).dt.total_seconds()
    reached = {"ties_forward": (wait >= 0) & (wait <= window_secs), "ties_never": (wait > 0) & (wait <= window_secs)}
    return {
        "rows": len(views), "users": views.uuid.nunique(), "tied_rows": int(tied.sum()),
        "sessions_over": int(views.over.max()), "sessions_at_least": int(at_least.sum()),
        "single_event_sessions_over": int((lengths == 1).sum()),
        "single_event_sessions_at_least": int((lengths_at_least == 1).sum()),
        "single_event_share_percent_over": round(float(100 * (lengths == 1).mean()), 2),
        "single_event_share_percent_at_least": round(float(100 * (lengths_at_least == 1).mean()), 2),
        "session_length_over": {str(k): int(c) for k, c in sorted(lengths.value_counts().items())},
        "mean_secs_on_page": round(float(on_page.mean()), 2), "median_secs_on_page": float(on_page.median()),
        "transitions_total": len(pairs),
        "transitions": [[a, b, int(c), int(u), int(s)] for a, b, c, u, s in
                        top[["url", "to", "count", "users", "certain"]].itertuples(index=False)],
        "transitions_columns": ["from", "to", "count", "users", "certain"],
        "funnel": {"urls": urls, "window_secs": window_secs, "level1": first.uuid.nunique(),
                   **{k: both.uuid[m].nunique() for k, m in reached.items()}},
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    p.add_argument("--funnel", nargs=2, metavar="URL",
                   default=["https://www.nasa.gov", "https://www.nasa.gov/shuttle/countdown/"])
    p.add_argument("--window-secs", type=int, default=1800)
    args = p.parse_args()
    out = web_sessions(args.dir, args.funnel, args.window_secs)
    wrong = {k: (out[k], v) for k, v in EXPECTED.items() if out[k] != v}
    assert not wrong, f"(got, published) {wrong}"
    print(json.dumps({**out, "matches_published": True}))


if __name__ == "__main__":
    main()
