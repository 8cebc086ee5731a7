/** Light, dark, or as the system says; kept in the browser. */
import { useEffect, useSyncExternalStore } from "react";

export type Choice = "system" | "light" | "dark";
export type Theme = "light" | "dark";

const KEY = "diptych.theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function choice(): Choice {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function choose(next: Choice) {
  if (next === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  for (const listener of listeners) listener();
}

function current(): Theme {
  const chosen = choice();
  if (chosen !== "system") return chosen;
  return dark.matches ? "dark" : "light";
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  dark.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    dark.removeEventListener("change", listener);
  };
}

export function useTheme(): Theme {
  const theme = useSyncExternalStore(subscribe, current);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return theme;
}

export function useChoice(): Choice {
  return useSyncExternalStore(subscribe, choice);
}

document.documentElement.dataset.theme = current();
