"""Repeat purchases and monthly cohort retention of the CDNOW sample, in plain pandas.

Source: cdnow/CDNOW_sample.txt (customer id, sample id, date YYYYMMDD, units, dollars), Fader, Hardie & Lee 2005.
DIR is the folder that holds this file.

Definitions
  purchase     all rows of one customer on one day, merged.
  repeat       purchases up to 1997-09-30 other than the customer's first: 2,457; 1,411 customers have none
               and 946 some; 1,882 purchases after that day, the 39-week holdout (all published).
  retention    cohort = calendar month of the first purchase; offset m = 1, 2, ...: customers with a purchase
               in month cohort + m. `mature`: that whole month lies before obs_end = max(date), that is the
               start of the following month <= obs_end. The dates have no time of day, so obs_end is
               1998-06-30 00:00 and June 1998 is not mature. `overall` sums x and n over mature cells.
"""
import argparse
import json

import pandas as pd

CALIBRATION_END = pd.Timestamp("1997-09-30")
EXPECTED = {"rows": 6_919, "customers": 2_357, "repeat": 2_457, "customers_without_repeat": 1_411,
            "customers_with_repeat": 946, "holdout": 1_882}


def cdnow(folder):
    rows = pd.read_csv(f"{folder}/CDNOW_sample.txt", sep=r"\s+", names=["customer", "sample", "date", "units", "dollars"],
                       dtype={"customer": str, "sample": str, "date": str})
    rows["date"] = pd.to_datetime(rows.date, format="%Y%m%d")
    days = rows.drop_duplicates(["customer", "date"])
    calibration = days[days.date <= CALIBRATION_END]
    repeats = calibration.groupby("customer").size() - 1

    month = (days.date.dt.year * 12 + days.date.dt.month - 1).rename("month")
    visits = pd.DataFrame({"customer": days.customer, "month": month}).drop_duplicates()
    visits["cohort"] = visits.groupby("customer").month.transform("min")
    size = visits.groupby("cohort").customer.nunique()
    active = visits.groupby(["cohort", "month"]).customer.nunique()
    end = days.date.max()
    last = end.year * 12 + end.month - 1                       # the month of obs_end is never mature
    cells, overall = [], {}
    for cohort, n in size.items():
        for m in range(1, last - cohort + 1):
            x, mature = int(active.get((cohort, cohort + m), 0)), cohort + m < last
            cells.append({"cohort": f"{cohort // 12}-{cohort % 12 + 1:02}", "m": m, "x": x, "n": int(n), "mature": mature})
            if mature:
                cell = overall.setdefault(m, {"m": m, "x": 0, "n": 0})
                cell["x"] += x
                cell["n"] += int(n)
    return {
        "rows": len(rows), "customers": rows.customer.nunique(), "purchases": len(days),
        "repeat": int(repeats.sum()), "customers_without_repeat": int((repeats == 0).sum()),
        "customers_with_repeat": int((repeats > 0).sum()), "holdout": int((days.date > CALIBRATION_END).sum()),
        "cohorts": {f"{c // 12}-{c % 12 + 1:02}": int(n) for c, n in size.items()},
        "obs_end": str(end.date()), "overall": [overall[m] for m in sorted(overall)], "retention": cells,
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dir")
    out = cdnow(p.parse_args().dir)
    wrong = {k: (out[k], v) for k, v in EXPECTED.items() if out[k] != v}
    assert not wrong, f"(got, published) {wrong}"
    print(json.dumps({**out, "matches_published": True}))


if __name__ == "__main__":
    main()
