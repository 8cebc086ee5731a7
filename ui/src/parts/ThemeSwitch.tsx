import { type Choice, choose, useChoice } from "../theme";

const CHOICES: [Choice, string][] = [
  ["system", "Auto"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function ThemeSwitch() {
  const chosen = useChoice();
  return (
    <fieldset className="segmented" aria-label="Colours">
      {CHOICES.map(([value, name]) => (
        <button key={value} type="button" aria-pressed={chosen === value} onClick={() => choose(value)}>
          {name}
        </button>
      ))}
    </fieldset>
  );
}
