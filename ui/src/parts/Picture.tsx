/** A picture as the server draws it, put into the page: its marks open the people, and say their exact value. */
import { useEffect, useRef, useState } from "react";
import "./picture.css";

export interface Mark {
  cell: string;
  group: string | null;
  /** Which mark of this cell it is, in reading order. */
  turn: number;
}

/** Parses the picture and keeps only what draws. */
function parse(svg: string): SVGSVGElement | null {
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  if (root.localName !== "svg") return null;
  for (const element of root.querySelectorAll("script, foreignObject, iframe, style")) element.remove();
  for (const element of root.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) if (name.startsWith("on")) element.removeAttribute(name);
  }
  for (const mark of root.querySelectorAll("[data-cell]")) nameByText(mark);
  return document.importNode(root, true) as unknown as SVGSVGElement;
}

/** The name of a mark contains what is written in it, so that who speaks what they see is understood (WCAG 2.5.3). */
function nameByText(mark: Element) {
  const said = mark.getAttribute("aria-label") ?? mark.querySelector("title")?.textContent ?? "";
  mark.querySelector(":scope > title")?.remove();
  const texts = [...mark.querySelectorAll("text")];
  for (const text of texts) text.after(" ");
  const seen = texts.map(written).join(" ");
  mark.setAttribute("data-said", said);
  mark.setAttribute("aria-label", ` ${said} `.includes(` ${seen} `) ? said : `${seen}; ${said}`);
}

/** What is written in a text, without the tooltip of a shortened one. */
function written(text: Element): string {
  const parts = [...text.childNodes].filter(({ nodeName }) => nodeName !== "title");
  return parts
    .map(({ textContent }) => textContent)
    .join("")
    .trim();
}

function markOf(target: EventTarget | null): SVGElement | null {
  return target instanceof Element ? target.closest<SVGElement>("[data-cell]") : null;
}

interface Props {
  svg: string;
  onOpen?: (mark: Mark) => void;
  /** Whether marks are fields that do not overlap, and so open wherever they are touched. */
  fields?: boolean;
}

export function Picture({ svg, onOpen, fields = false }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const [tip, setTip] = useState<{ text: string; x: number; y: number } | null>(null);

  useEffect(() => {
    const element = parse(svg);
    if (!element || !holder.current) return;
    element.removeAttribute("width");
    element.removeAttribute("height");
    holder.current.replaceChildren(element);
  }, [svg]);

  const onOpenNow = useRef(onOpen);
  onOpenNow.current = onOpen;
  useEffect(() => {
    const box = holder.current;
    if (!box) return;
    const open = (event: Event) => {
      const mark = markOf(event.target);
      if (!mark) return;
      if (event instanceof KeyboardEvent && event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      const cell = mark.dataset.cell ?? "";
      const turn = [...box.querySelectorAll<SVGElement>("[data-cell]")].filter((one) => one.dataset.cell === cell).indexOf(mark);
      onOpenNow.current?.({ cell, group: mark.getAttribute("data-group"), turn });
    };
    const show = (event: Event) => {
      const mark = markOf(event.target);
      if (!mark) return setTip(null);
      const outer = box.getBoundingClientRect();
      const inner = mark.getBoundingClientRect();
      const x = Math.min(Math.max(inner.left + inner.width / 2 - outer.left, 90), Math.max(outer.width - 90, 90));
      setTip({ text: mark.dataset.said ?? "", x, y: inner.top - outer.top });
    };
    const hide = () => setTip(null);
    box.addEventListener("click", open);
    box.addEventListener("keydown", open);
    box.addEventListener("mouseover", show);
    box.addEventListener("focusin", show);
    box.addEventListener("mouseleave", hide);
    box.addEventListener("focusout", hide);
    return () => {
      box.removeEventListener("click", open);
      box.removeEventListener("keydown", open);
      box.removeEventListener("mouseover", show);
      box.removeEventListener("focusin", show);
      box.removeEventListener("mouseleave", hide);
      box.removeEventListener("focusout", hide);
    };
  }, []);

  return (
    <div className={fields ? "picture fields" : "picture"}>
      <div className="picture-svg" ref={holder} />
      {tip && (
        <div className="picture-tip" style={{ left: tip.x, top: tip.y }} aria-hidden="true">
          {tip.text}
        </div>
      )}
    </div>
  );
}
