/** The two panels and their hinge, as drawn in the corner, in empty places and beside the names of screens. */
export type Part = "both" | "user" | "customer" | "hinge" | "none";

export function Motif({ part = "both", size = 40 }: { part?: Part; size?: number }) {
  const lit = (side: Part) => part === "both" || part === side;
  const panel = (side: "user" | "customer") => ({
    fill: lit(side) ? `var(--${side})` : "transparent",
    stroke: lit(side) ? `var(--${side})` : "var(--line-2)",
  });
  const pin = { fill: lit("hinge") ? "var(--hinge-fill)" : "var(--line-2)" };
  return (
    <svg className="motif" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M3 6.5 14 4v24L3 25.5z" strokeWidth="1.5" strokeLinejoin="round" style={panel("user")} />
      <path d="M29 6.5 18 4v24l11-2.5z" strokeWidth="1.5" strokeLinejoin="round" style={panel("customer")} />
      <rect x="13.5" y="9" width="5" height="4" rx="1" style={pin} />
      <rect x="13.5" y="19" width="5" height="4" rx="1" style={pin} />
    </svg>
  );
}
