"""The whole report on a generated load: time and peak anonymous memory.

Makes (or finds) a load of --events events, imports it under a spec with stages, tasks, frictions, channels, money and
strata, and writes the report twice: first with the accounts' timelines still to be derived, then with them at hand.
--keep uses a workspace that an earlier run left. Prints one JSON object.
"""
import argparse
import json
import os
import shutil

from load import SPEC, make_load, new_workspace, store_bytes, watched

MONEY = """        fields: { value_cents: "case when name in ('e0003', 'e0004') then amount_cents end", currency: "'EUR'" }
"""
JOURNEYS = """currency: EUR
hinge:
  strata: [country, plan]
channels:
  - { name: campaign, where: "campaign is not null and campaign <> ''" }
  - { name: direct, where: "true" }
stages:
  - { name: awareness, enter: e0001, lost_after: 14d }
  - { name: consideration, enter: e0002, lost_after: 14d }
  - { name: purchase, enter: e0003, lost_after: 14d }
  - { name: loyalty, enter: e0004, final: true }
tasks:
  find: { start: e0005 | e0006, success: e0007 | e0008, time_limit: 30m }
  order: { start: e0001, steps: [e0002], success: e0003, scope: user }
frictions:
  error: { events: e0009 | e0010 }
  rage: { rule: rage_click, events: e0011 | e0012, column: page }
  back: { rule: back_and_forth, events: e0013 | e0014 }
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--diptych", required=True, help="the binary")
    parser.add_argument("--folder", required=True, help="where the load and the workspace lie")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--keep", action="store_true", help="use the workspace of an earlier run")
    options = parser.parse_args()
    workspace = os.path.join(options.folder, "report")
    told = {"events": options.events}

    def note(what, run):
        told[what] = {"secs": round(run.secs, 1), "cpu_secs": round(run.cpu_secs, 1), "anonymous_mb_peak": round(run.anonymous_mb)}

    if not options.keep:
        files = make_load(options.diptych, os.path.join(options.folder, "load"), options.events)
        # The load's one event is the last line of its spec.
        new_workspace(workspace, SPEC + MONEY + JOURNEYS)
        note("import", watched([options.diptych, "import", workspace, *files]))
    rebuilt = os.path.join(workspace, "store", "accounts")
    if os.path.exists(rebuilt):
        shutil.rmtree(rebuilt)
    first = watched([options.diptych, "report", workspace, "--format", "json"])
    note("report_with_derivation", first)
    second = watched([options.diptych, "report", workspace, "--format", "json"])
    note("report", second)
    told["same"] = first.out == second.out
    told["accounts_bytes"] = store_bytes(workspace, "accounts")
    told["at_risk"] = {drop["stage"]: drop["at_risk"] for drop in json.loads(second.out)["drop_offs"]}
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
