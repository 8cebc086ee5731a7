/** An editor for YAML and SQL; loaded only where text is edited. */
import { sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { useEffect, useRef } from "react";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.keyword, tags.definition(tags.propertyName)], color: "var(--user)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--customer)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--hinge)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--ink-2)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "6px", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", maxHeight: "34rem" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--ink-2)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--hinge-fill) 12%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--user) 30%, transparent) !important",
  },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunk)", color: "var(--ink-2)", border: "0" },
});

interface Props {
  label: string;
  language: "yaml" | "sql";
  text: string;
  line?: number;
  onChange: (text: string) => void;
}

export default function CodeEditor({ label, language, text, line, onChange }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once; its text then follows below
  useEffect(() => {
    if (!holder.current) return;
    view.current = new EditorView({
      parent: holder.current,
      doc: text,
      extensions: [
        basicSetup,
        language === "yaml" ? yaml() : sql(),
        syntaxHighlighting(colours),
        look,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        EditorView.updateListener.of((update) => update.docChanged && changed.current(update.state.doc.toString())),
      ],
    });
    return () => view.current?.destroy();
  }, [label, language]);
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
    }
  }, [text]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || !line || line > editor.state.doc.lines) return;
    editor.dispatch({ selection: { anchor: editor.state.doc.line(line).from }, scrollIntoView: true });
  }, [line]);
  return <div ref={holder} className="code-editor" />;
}
