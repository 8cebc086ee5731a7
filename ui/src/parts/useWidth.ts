/** The width of an element, in steps, so that pictures are not drawn anew for every pixel. */
import { type RefObject, useEffect, useState } from "react";

const STEP = 40;
const LEAST = 320;

export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return;
    const watch = new ResizeObserver(([entry]) => {
      const wide = entry?.contentRect.width ?? 0;
      if (wide > 0) setWidth(Math.max(LEAST, Math.floor(wide / STEP) * STEP));
    });
    watch.observe(element.current);
    return () => watch.disconnect();
  }, [element]);
  return width;
}
