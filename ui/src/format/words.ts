/** What flags of cells mean, in words. */
const FLAGS: Record<string, string> = {
  no_data: "nobody to count",
  low_n: "small base: fewer than 30",
  immature_cohort: "not complete yet: some were not observed for long enough",
  clustered: "interval too narrow: several units belong to one person",
  no_overlap: "nobody comparable for some",
  confounded: "groups differ: adjusting changes the difference by over a tenth",
  simpson_reversal: "adjusting turns the difference round",
  heterogeneous: "differs from group to group",
  exploratory: "exploratory: may be chance",
  immortal_time: "a warning, not a finding: who stays longer meets more",
  not_priced: "not priced: no detectable difference",
  e0: "evidence: described only",
  e1: "evidence: associated after adjusting",
  e2: "evidence: associated, before and after",
  e3: "evidence: randomised",
};

export function flagWords(flag: string): string {
  return FLAGS[flag] ?? flag.replaceAll("_", " ");
}

/** `drop_offs` as a word. */
export function humane(name: string): string {
  return name.replaceAll("_", " ");
}

/** `friction:slow_page` → `slow page`; `task:order:abandoned` → `order abandoned`. */
export function signalName(signal: string): string {
  return humane(signal.replace(/^(friction|task):/, "").replaceAll(":", " "));
}

export const PANEL_WORDS = { user: "User journey", customer: "Customer journey", hinge: "Hinge" } as const;
