"""Weekly retention and offline-channel funnels of a grocery chain's households, in pandas and in DuckDB.

Source: the R package completejourney (CC0): transactions_sample.csv, campaigns.csv,
campaign_descriptions.csv, coupon_redemptions.csv, demographics.csv. DIR is the folder that holds them.
Timestamps of baskets are UTC, days and dates without a time are those of America/New_York.
With --diptych BINARY, the households as accounts are computed too, and compared with Diptych: households.py.

Events of a household
  basket      one per basket_id, at the smallest transaction_timestamp of its lines.
  campaign    one per household and campaign in campaigns.csv, at local 00:00 of the campaign's start_date.
  redemption  one per row of coupon_redemptions.csv, at local 00:00 of redemption_date.
Events at the same instant are ordered campaign < redemption < basket, so every step allows equal times.

Answers
  retention   d0 = local day of the first basket; retained in week k (1..8) = any basket on the days
              d0 + 7k .. d0 + 7k + 6. x and n count mature households: the whole bracket lies before
              obs_end = the end of 2017, that is the start of day d0 + 7k + 7 <= obs_end.
  funnel      households at level 1, 2, (3), whole window from step 1, inclusive. `best`: some campaign is
              followed by the later steps in order within the window. `first`: only the household's first
              campaign counts as step 1. Any redemption and any basket count; they need not belong to the
              campaign of step 1. Households without baskets stay in level 1.
Both computations are asserted to be equal: pandas takes the earliest next step after every entry, DuckDB
asks for any combination of rows that satisfies the definition.
"""
import argparse
import json

import duckdb
import pandas as pd

from households import END, ZONE, compare

WEEKS = range(1, 9)


def utc(dates):
    return dates.dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.tz_localize(None)


def local(times):
    return times.dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)


def read(folder):
    lines = pd.read_csv(f"{folder}/transactions_sample.csv", parse_dates=["transaction_timestamp"])
    assert (lines.groupby("basket_id").household_id.nunique() == 1).all(), "a basket belongs to one household"
    basket = lines.groupby("basket_id").agg(h=("household_id", "first"), t=("transaction_timestamp", "min")).reset_index()
    starts = pd.read_csv(f"{folder}/campaign_descriptions.csv", parse_dates=["start_date"])
    campaign = pd.read_csv(f"{folder}/campaigns.csv").merge(starts, on="campaign_id", validate="many_to_one")
    campaign = campaign.rename(columns={"household_id": "h"}).assign(t=utc(campaign.start_date))[["h", "t", "campaign_type"]]
    redemption = pd.read_csv(f"{folder}/coupon_redemptions.csv", parse_dates=["redemption_date"])
    redemption = redemption.rename(columns={"household_id": "h"}).assign(t=utc(redemption.redemption_date))[["h", "t"]]
    return {"campaign": campaign, "redemption": redemption, "basket": basket[["h", "t"]].assign(local=local(basket.t))}


def funnel_pandas(events, steps, days, entry):
    """From each entry the earliest next step, greedily: the earliest choice never loses a later step."""
    chain = events[steps[0]][["h", "t"]].rename(columns={"t": "t1"}).sort_values("t1")
    if entry == "first":
        chain = chain.groupby("h", as_index=False).t1.min()
    chain["at"] = chain.t1
    levels = [chain.h.nunique()]
    for step in steps[1:]:
        after = chain.sort_values("at")
        found = pd.merge_asof(after, events[step][["h", "t"]].sort_values("t"), left_on="at", right_on="t", by="h", direction="forward")
        chain = found[found.t - found.t1 <= pd.Timedelta(days=days)].assign(at=lambda d: d.t).drop(columns="t")
        levels.append(chain.h.nunique())
    return levels


def funnel_duckdb(db, steps, days, entry):
    first = f"SELECT DISTINCT h, t FROM {steps[0]}" if entry == "best" else f"SELECT h, min(t) AS t FROM {steps[0]} GROUP BY h"
    levels, joins = [], f"FROM ({first}) AS s1"
    for k, step in enumerate(steps, 1):
        if k > 1:
            joins += (f" JOIN (SELECT DISTINCT h, t FROM {step}) AS s{k} ON s{k}.h = s1.h AND s{k}.t >= s{k - 1}.t"
                      f" AND s{k}.t <= s1.t + INTERVAL {days} DAY")
        levels.append(db.execute(f"SELECT count(DISTINCT s1.h) {joins}").fetchone()[0])
    return levels


def retention_pandas(basket):
    day = basket.local.dt.normalize()
    first = day.groupby(basket.h).min()
    week = (day - basket.h.map(first)).dt.days // 7
    end, out = local(pd.Series([END]))[0], []
    for k in WEEKS:
        mature = first.index[first + pd.Timedelta(days=7 * k + 7) <= end]
        out.append({"k": k, "x": int(basket.h[(week == k) & basket.h.isin(mature)].nunique()), "n": len(mature)})
    return out


def retention_rolling(basket, end):
    """Weeks of 7 x 24 hours from each household's first basket; week k must be over by the end of observation."""
    first = basket.groupby("h").t.min()
    week = (basket.t - basket.h.map(first)) // pd.Timedelta(days=7)
    out = []
    for k in WEEKS:
        mature = first.index[first + pd.Timedelta(days=7) * (k + 1) <= end]
        out.append({"k": k, "x": int(basket.h[(week == k) & basket.h.isin(mature)].nunique()), "n": len(mature)})
    return out


def retention_duckdb(db):
    rows = db.execute(
        "WITH f AS (SELECT h, min(local)::DATE AS d0 FROM basket GROUP BY h),"
        " m AS (SELECT h, d0, k FROM f, range(1, 9) AS r(k) WHERE d0 + (7 * k + 7)::INT <= DATE '2018-01-01')"
        " SELECT k, count(*) FILTER (EXISTS (SELECT 1 FROM basket b WHERE b.h = m.h AND"
        " b.local >= d0 + (7 * k)::INT AND b.local < d0 + (7 * k + 7)::INT)), count(*) FROM m GROUP BY k ORDER BY k").fetchall()
    return [{"k": k, "x": x, "n": n} for k, x, n in rows]


def completejourney(folder, diptych):
    events = read(folder)
    db = duckdb.connect()
    for name, table in events.items():
        db.register(name, table)
    basket = events["basket"]
    out = {"households_with_basket": basket.h.nunique(), "baskets": len(basket), "obs_end": str(END),
           "campaign_households": events["campaign"].h.nunique(), "campaigns_received": len(events["campaign"]),
           "redemption_households": events["redemption"].h.nunique(), "redemptions": len(events["redemption"]),
           "retention_weeks": retention_pandas(basket), "retention_weeks_rolling": retention_rolling(basket, END)}
    assert out["retention_weeks"] == retention_duckdb(db), retention_duckdb(db)
    for key, steps, days in (("campaign_basket_14d", ["campaign", "basket"], 14),
                             ("campaign_redemption_basket_30d", ["campaign", "redemption", "basket"], 30)):
        out[key] = {}
        for entry in ("best", "first"):
            out[key][entry] = funnel_pandas(events, steps, days, entry)
            again = funnel_duckdb(db, steps, days, entry)
            assert out[key][entry] == again, (key, entry, out[key][entry], again)
    assert out["households_with_basket"] == 2_377, "households as stated by the source of the sample"
    out["pandas_equals_duckdb"] = True
    if diptych:
        out["households"] = compare(diptych, folder, **events)
        out["diptych_equals_households"] = True
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    p.add_argument("--diptych", metavar="BINARY")
    arguments = p.parse_args()
    print(json.dumps(completejourney(arguments.dir, arguments.diptych), default=float, ensure_ascii=False))


if __name__ == "__main__":
    main()
