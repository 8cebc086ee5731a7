"""Households of completejourney as accounts: stages, channels, money and retention by pandas and DuckDB, and by Diptych.

Called by completejourney.py, which reads the files. The rules are those of examples/completejourney/diptych.yaml,
written down here a second time and in another way: nothing is taken from Diptych, and no account is walked row by row.

Definitions. Instants are UTC, days and months are those of America/New_York, END is the end of 2017 there.
  regular     the first basket of a month in which the household bought, as in both months before.
  spell       baskets and redemptions of a household with no gap of over 60 days between two neighbours. It begins a stay
              in purchase, which ends with the first regular at or after it began: then loyalty begins. 60 days after its
              last basket or redemption the spell is lost, unless END comes first: then it is open.
  awareness   the first campaign after a spell is lost (or before the first spell) begins a stay. It moves to purchase
              with the next spell within 60 days, and is lost otherwise; the next campaign after that begins another.
  within      cumulative incidence of Aalen and Johansen at 60 days; moved and lost are competing.
  drop-off    the first stay of a household in a stage. Its value is the revenue from the move up to 90 days after it; the
              lines of the basket that makes a household a regular come before that move.
  touchpoint  a campaign sent (by type), a redemption, a line with a maker's coupon, a line. In touch before an instant t:
              a touchpoint in the closed time from t - 90 days to t.
  purchase    a line with revenue above 0. Cents are rounded half up from the text of the file.
  curve       mean net revenue of households from their first purchase to the end of the k-th month after its month.
"""
import json
import subprocess
import tempfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

ZONE = "America/New_York"
END = pd.Timestamp("2018-01-01", tz=ZONE).tz_convert("UTC").tz_localize(None)
LAPSE, LOOKBACK, VALUE, REPEAT = (pd.Timedelta(days=days) for days in (60, 90, 90, 90))
MAILERS = {"Type A": "mailer A", "Type B": "mailer B", "Type C": "mailer C"}
CHANNELS = [*MAILERS.values(), "campaign coupon", "maker's coupon", "shop"]
CURVE_MONTHS = 12


def cents(text):
    return int((Decimal(text) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def month(times):
    """Months since the year 0, in local time."""
    local = times.dt.tz_localize("UTC").dt.tz_convert(ZONE)
    return local.dt.year * 12 + local.dt.month - 1


# --- stages

def regulars(basket):
    firsts = basket.assign(m=month(basket.t)).groupby(["h", "m"]).t.min().reset_index()
    bought = set(zip(firsts.h, firsts.m))
    is_regular = [(h, m - 1) in bought and (h, m - 2) in bought for h, m in zip(firsts.h, firsts.m)]
    return firsts[is_regular][["h", "t"]]


def stays(campaign, basket, redemption, regular):
    """One row per stay: h, stage, begun, ended, end (a stage, lost, open)."""
    active = pd.concat([basket[["h", "t"]], redemption[["h", "t"]]]).drop_duplicates().sort_values(["h", "t"])
    active["spell"] = (active.groupby("h").t.diff() > LAPSE).groupby(active.h).cumsum()
    spell = active.groupby(["h", "spell"]).t.agg(begun="min", last="max").reset_index()
    spell["over"] = spell["last"] + LAPSE
    spell["end"] = np.where(spell.over <= END, "lost", "open")
    spell["ended"] = spell.over.where(spell.over <= END, END)

    joined = spell.merge(regular, on="h")
    joined = joined[(joined.t >= joined.begun) & (joined.t <= joined.over)]
    loyal = joined.groupby(["h", "spell"]).t.min().rename("loyal").reset_index()
    spell = spell.merge(loyal, on=["h", "spell"], how="left")
    is_loyal = spell.loyal.notna()
    purchase = spell.assign(stage="purchase", ended=spell.loyal.where(is_loyal, spell.ended),
                            end=np.where(is_loyal, "loyalty", spell.end))
    loyalty = spell[is_loyal].assign(stage="loyalty", begun=spell.loyal)

    # Times in which a household is in no spell: before the first, and from one's loss to the next.
    gaps = spell[["h", "begun", "over"]].copy()
    gaps["since"] = gaps.groupby("h").over.shift()
    last = gaps.groupby("h").over.max().reset_index().rename(columns={"over": "since"})
    gaps = pd.concat([gaps.rename(columns={"begun": "until"})[["h", "since", "until"]], last])
    strangers = campaign[~campaign.h.isin(spell.h)].h.unique()
    gaps = pd.concat([gaps, pd.DataFrame({"h": strangers})])
    sent = campaign[["h", "t"]].drop_duplicates().merge(gaps, on="h")
    # At one instant a campaign comes before a basket, and a stay that is over at that instant is not lost yet.
    sent = sent[(sent.since.isna() | (sent.t > sent.since)) & (sent.until.isna() | (sent.t <= sent.until)) & (sent.t <= END)]
    aware = []
    for (h, _, until), times in sent.sort_values("t").groupby(["h", "since", "until"], dropna=False).t:
        taken = None
        for begun in times:
            if taken is not None and begun <= taken + LAPSE:
                continue
            taken, over = begun, begun + LAPSE
            if pd.notna(until) and until <= over:
                aware.append((h, begun, until, "purchase"))
            elif over <= END:
                aware.append((h, begun, over, "lost"))
            else:
                aware.append((h, begun, END, "open"))
    aware = pd.DataFrame(aware, columns=["h", "begun", "ended", "end"]).assign(stage="awareness")
    return pd.concat([aware, purchase, loyalty])[["h", "stage", "begun", "ended", "end"]].reset_index(drop=True)


def incidence(times, ends, wanted, horizon):
    """Aalen-Johansen by its definition: sum over times of S(t-) times the share of those at risk who end as wanted."""
    free, total = 1.0, 0.0
    for t in np.unique(times[(ends != "open") & (times <= horizon)]):
        at_risk = (times >= t).sum()
        now = (times == t) & (ends != "open")
        total += free * (now & (ends == wanted)).sum() / at_risk
        free *= 1 - now.sum() / at_risk
    return total


def of_stages(stay):
    out = {"accounts": stay.h.nunique()}
    order = ["awareness", "purchase", "loyalty"]
    for idx, stage in enumerate(order):
        of = stay[stay.stage == stage]
        closed = of[of.end != "open"]
        out[f"stage:{stage}:accounts"] = of.h.nunique()
        out[f"stage:{stage}:entries"] = len(of)
        out[f"stage:{stage}:now"] = of[of.end == "open"].h.nunique()
        out[f"stage:{stage}:lost"] = of[of.end == "lost"].h.nunique()
        for later in order[idx + 1:]:
            out[f"move:{stage}→{later}"] = (int((of.end == later).sum()), len(closed))
        out[f"lost:{stage}"] = (int((of.end == "lost").sum()), len(closed))
        out[f"time:{stage}:ended"] = (closed.ended - closed.begun).median() / pd.Timedelta(microseconds=1)
        out[f"time:{stage}:open"] = (of.ended - of.begun)[of.end == "open"].median() / pd.Timedelta(microseconds=1)
        times, ends = (of.ended - of.begun).to_numpy(), of.end.where(of.end.isin(["lost", "open"]), "moved").to_numpy()
        for wanted in ("moved", "lost") if idx + 1 < len(order) else ("lost",):
            out[f"within:{stage}:{wanted}"] = incidence(times, ends, wanted, LAPSE.to_timedelta64())
    return out


def of_drop_offs(stay, lines):
    out = {}
    for stage, following in (("awareness", "purchase"), ("purchase", "loyalty")):
        first = stay[stay.stage == stage].sort_values("begun").groupby("h").head(1)
        n_lost, n_open = int((first.end == "lost").sum()), int((first.end == "open").sum())
        moved = first[~first.end.isin(["lost", "open"])]
        known = moved[moved.ended + VALUE <= END]
        after = known[["h", "ended"]].merge(lines, on="h")
        begun = after.t > after.ended if following == "loyalty" else after.t >= after.ended
        value = after[begun & (after.t <= after.ended + VALUE)].groupby("h").cents.sum().reindex(known.h, fill_value=0).mean()
        name = f"drop:{stage}→{following}"
        out |= {f"{name}:at_risk": len(first), f"{name}:advanced": len(moved), f"{name}:lost": n_lost, f"{name}:open": n_open,
                f"{name}:rate": (n_lost, n_lost + len(moved)), f"{name}:value_cents": value, f"{name}:at_stake_cents": value * n_lost}
    return out


# --- channels

def touchpoints(campaign, redemption, lines):
    return pd.concat([
        campaign.assign(channel=campaign.campaign_type.map(MAILERS))[["h", "t", "channel"]],
        redemption.assign(channel="campaign coupon")[["h", "t", "channel"]],
        lines[lines.makers_coupon].assign(channel="maker's coupon")[["h", "t", "channel"]],
        lines.assign(channel="shop")[["h", "t", "channel"]],
    ])


def of_channels(touch, stay, lines, stage):
    db = duckdb.connect()
    entered = stay[stay.stage == stage].groupby("h").begun.min().rename("t").reset_index()
    bought = lines[lines.cents > 0][["h", "t", "cents"]].reset_index(names="id")
    for name, table in (("touch", touch), ("entered", entered), ("bought", bought)):
        db.register(name, table)
    near = "x.h = e.h and x.t between e.t - interval 90 day and e.t"
    out = {"touchpoints": len(touch), "entered": len(entered), "purchases": len(bought)}
    n_households, revenue = len(set(touch.h)), int(bought.cents.sum())
    for channel in CHANNELS:
        of = touch[touch.channel == channel]
        out[f"touchpoints:{channel}"] = len(of)
        out[f"touched:{channel}"] = (of.h.nunique(), n_households)
        quoted = channel.replace("'", "''")
        some = f"exists (select 1 from touch x where {near} and x.channel = '{quoted}')"
        out[f"before:{channel}"] = (db.execute(f"select count(*) from entered e where {some}").fetchone()[0], len(entered))
        n, paid = db.execute(f"select count(*), coalesce(sum(cents), 0) from bought e where {some}").fetchone()
        out[f"purchases:{channel}"] = (n, len(bought))
        out[f"revenue:{channel}"] = int(paid) / revenue
    out["before_touchpoints"], out["before_channels"] = db.execute(
        "select median(n), median(kinds) from (select count(x.t) as n, count(distinct x.channel) as kinds"
        f" from entered e left join touch x on {near} group by e.h)").fetchone()
    return out


# --- money

def of_value(lines, households):
    paid = lines.groupby("h").cents.sum()
    payers = paid[paid > 0]
    charges = lines[lines.cents > 0]
    moments = charges[["h", "t"]].drop_duplicates().sort_values(["h", "t"])
    first = moments.groupby("h").t.min()
    second = moments.groupby("h").t.nth(1).set_axis(moments[moments.groupby("h").cumcount() == 1].h)
    seen = first[first + REPEAT <= END]
    again = (second.reindex(seen.index) <= seen + REPEAT).sum()
    out = {"net_cents": int(paid.sum()), "charges_cents": int(charges.cents.sum()), "paying": (len(payers), households),
           "per_account_cents": paid.sum() / households, "per_payer_cents": payers.mean(), "median_cents": payers.median(),
           "largest": payers.max() / payers.sum(), "buyers": len(first), "repeat": (int(again), len(seen))}
    first_month, end_month = month(first), END_MONTH
    k = month(charges.t) - charges.h.map(first_month)
    by_month = charges.assign(k=k).pivot_table(index="h", columns="k", values="cents", aggfunc="sum", fill_value=0)
    curve = by_month.reindex(columns=range(CURVE_MONTHS + 1), fill_value=0).cumsum(axis=1)
    n_over = end_month - 1 - first_month  # periods after the first month that are over; negative where none is
    for k in range(CURVE_MONTHS + 1):
        mature = n_over[n_over >= k].index
        out[f"period:{k}"] = curve.loc[mature, k].mean() if len(mature) else None
    for m, members in first_month.groupby(first_month):
        day = f"{m // 12}-{m % 12 + 1:02}-01"
        out[f"cohort:{day}"] = len(members)
        for k in range(end_month - m):
            if k <= CURVE_MONTHS:
                out[f"cohort:{day}/{k}"] = curve.loc[members.index, k].mean()
    return out


END_MONTH = 2018 * 12  # January 2018, the first month that was not observed


def of_retention(basket):
    first = month(basket.groupby("h").t.min())
    k = month(basket.t) - basket.h.map(first)
    came = set(zip(basket.h, k))
    out = {"people": len(first)}
    for k in range(1, CURVE_MONTHS):
        mature = first[first + k < END_MONTH]
        out[f"period:{k}"] = (sum((h, k) in came for h in mature.index), len(mature))
        for m, members in mature.groupby(mature):
            out[f"cohort:{m // 12}-{m % 12 + 1:02}-01/{k}"] = (sum((h, k) in came for h in members.index), len(members))
    return out


def answers(folder, basket, campaign, redemption):
    """Every figure, by question; the arguments are tables with h (household) and t (UTC)."""
    raw = pd.read_csv(f"{folder}/transactions_sample.csv", dtype={"sales_value": str}, parse_dates=["transaction_timestamp"])
    lines = pd.DataFrame({"h": raw.household_id, "t": raw.transaction_timestamp, "cents": raw.sales_value.map(cents),
                          "makers_coupon": raw.coupon_disc > 0})
    regular = regulars(basket)
    stay = stays(campaign, basket, redemption, regular)
    touch = touchpoints(campaign, redemption, lines)
    households = len(set(touch.h))
    people = pd.read_csv(f"{folder}/demographics.csv")
    income = lines.groupby("h").cents.sum().groupby(people.set_index("household_id").income).sum()
    return {
        ("stages",): of_stages(stay),
        ("drop_offs",): of_drop_offs(stay, lines),
        ("channels",): of_channels(touch, stay, lines, "loyalty"),
        ("channels", "--stage", "purchase"): of_channels(touch, stay, lines, "purchase"),
        ("value",): of_value(lines, households),
        ("retention", "--start", "basket_line", "--back", "basket_line", "--period", "month", "--periods", "11"): of_retention(basket),
    }, {
        "net by household": ("customer", {str(h): int(net) for h, net in lines.groupby("h").cents.sum().items()}),
        "net by income": ("income", {name: int(net) for name, net in income.items()}),
    }, regular


# --- Diptych

class Diptych:
    """A workspace of the example, imported as its README says."""

    def __init__(self, binary, folder):
        self.binary, self.kept = binary, tempfile.TemporaryDirectory()
        self.root = Path(self.kept.name)
        example = Path(__file__).parent.parent / "examples/completejourney"
        (self.root / "diptych.yaml").write_bytes((example / "diptych.yaml").read_bytes())
        sent = pd.read_csv(f"{folder}/campaigns.csv").merge(pd.read_csv(f"{folder}/campaign_descriptions.csv"), on="campaign_id")
        sent.to_csv(self.root / "campaigns_sent.csv", index=False)
        files = [f"{folder}/{name}.csv" for name in ("transactions_sample", "coupon_redemptions", "demographics")]
        self.run("import", self.root, *files, self.root / "campaigns_sent.csv")
        self.regulars = self.run("sql", self.root, (example / "regulars.sql").read_text(), "--format", "csv")
        (self.root / "regulars.csv").write_text(self.regulars)
        self.run("import", self.root, self.root / "regulars.csv")

    def run(self, *arguments):
        return subprocess.run([self.binary, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    def ask(self, operator, *arguments):
        return json.loads(self.run("ask", self.root, operator, "--format", "json", *arguments))


def differences(expected, cells):
    """Cells that are not as expected: counts and shares exactly, other numbers to a millionth."""
    by_id = {cell["id"]: cell for cell in cells}
    for name, wanted in expected.items():
        cell = by_id.get(name)
        if isinstance(wanted, tuple):
            # A share that is estimated from those still open has no x.
            equal = cell is not None and (cell["x"], cell["n"]) == wanted
        elif cell is None or cell["value"] is None and not isinstance(wanted, int):
            equal = wanted is None
        elif isinstance(wanted, (int, np.integer)):
            equal = (cell["n"] if cell["value"] is None else cell["value"]) == wanted
        else:
            equal = wanted is not None and abs(cell["value"] - wanted) <= 1e-6 * max(1, abs(wanted))
        if not equal:
            yield f"{name}: expected {wanted}, Diptych says {cell}"


def compare(binary, folder, basket, campaign, redemption):
    """Computes everything, asks Diptych the same, and stops at what differs; returns the figures by question."""
    expected, nets, regular = answers(folder, basket, campaign, redemption)
    diptych = Diptych(binary, folder)
    said = pd.read_csv(Path(diptych.root) / "regulars.csv")
    said = set(zip(said.household_id, pd.to_datetime(said.since).dt.tz_localize(None)))
    assert said == set(zip(regular.h, regular.t)), f"{len(said)} regulars, expected {len(regular)}"
    wrong, out = [], {"regulars": len(regular)}
    for question, figures in expected.items():
        wrong += [f"{' '.join(question)}: {text}" for text in differences(figures, diptych.ask(*question)["cells"])]
        out[" ".join(question)] = {"n_figures": len(figures), **{k: v for k, v in figures.items() if not k.startswith("cohort:")}}
    for name, (by, net_cents) in nets.items():
        answer = diptych.ask("value", "--cohorts", "none", "--by", by, "--groups", "5000")
        net = {group["group"]: next(c["value"] for c in group["cells"] if c["id"] == "net_cents") for group in answer["groups"]}
        wrong += [f"{name}: {who} {net_cents[who]}, Diptych says {net.get(who)}" for who in net_cents if net.get(who) != net_cents[who]]
        out[name] = {"n_figures": len(net_cents)}
    assert not wrong, "\n".join(wrong)
    return out
