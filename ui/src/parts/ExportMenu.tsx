/** Saves what is shown, in every form that the server writes. */
import { useEffect, useId, useRef, useState } from "react";
import { save } from "../api/client";
import { problemOf } from "./States";
import "./menu.css";

export interface Format {
  name: string;
  path: string;
  file: string;
  body?: unknown;
}

export function ExportMenu({ formats, label = "Export" }: { formats: Format[]; label?: string }) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState("");
  const [error, setError] = useState("");
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    const onEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    root.current?.addEventListener("keydown", onEscape);
    const element = root.current;
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
      element?.removeEventListener("keydown", onEscape);
    };
  }, [open]);

  async function fetchAndSave(format: Format) {
    setError("");
    setBusy(format.name);
    try {
      await save(format.path, format.file, format.body);
      setOpen(false);
      button.current?.focus();
    } catch (problem) {
      setError(`${format.name}: ${problemOf(problem).detail ?? problemOf(problem).title}`);
    } finally {
      setBusy("");
    }
  }

  return (
    <div className="menu" ref={root}>
      <button ref={button} type="button" className="button small" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {label}
      </button>
      <div className="menu-list" id={id} hidden={!open}>
        {formats.map((format) => (
          <button key={format.name} type="button" disabled={busy !== ""} onClick={() => fetchAndSave(format)}>
            {format.name}
            {busy === format.name ? " …" : ""}
          </button>
        ))}
        {error && (
          <p className="menu-error" role="alert">
            {error}
          </p>
        )}
      </div>
    </div>
  );
}

/** The forms in which an answer can be saved. */
export function answerFormats(operator: string, question: unknown, theme: string): Format[] {
  const format = (name: string, extra = "") => ({
    name: name.toUpperCase(),
    path: `/api/ask/${operator}?format=${name}${extra}`,
    file: `${operator}.${name}`,
    body: question,
  });
  return [format("svg", `&theme=${theme}`), format("png", `&theme=${theme}`), format("csv"), format("xlsx")];
}
