/** What flags of cells mean, in words. */
const FLAGS: Record<string, [short: string, long?: string]> = {
  no_data: ["nobody to count"],
  low_n: ["small base", "fewer than 30"],
  immature_cohort: ["not complete yet", "some were not observed for long enough"],
  clustered: ["interval too narrow", "several units belong to one person, and the interval treats them as independent"],
  no_overlap: ["some not comparable", "nobody comparable was found for some"],
  confounded: ["groups differ", "adjusting changes the difference by over a tenth"],
  simpson_reversal: ["turns round", "adjusting turns the difference round"],
  heterogeneous: ["uneven", "the difference is not the same in all groups"],
  exploratory: ["exploratory", "may be chance"],
  immortal_time: ["a warning, not a finding", "who stays longer meets more"],
  not_priced: ["not priced", "no detectable difference"],
  e0: ["described only", "evidence: not told from chance"],
  e1: ["associated", "evidence: associated after adjusting"],
};

export function flagWords(flag: string): string {
  return FLAGS[flag]?.[0] ?? flag.replaceAll("_", " ");
}

export function flagMeaning(flag: string): string {
  return FLAGS[flag]?.[1] ?? flagWords(flag);
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
