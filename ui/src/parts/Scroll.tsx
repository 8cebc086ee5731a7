/** A region that scrolls by itself when it is wider than its place, and can then be reached by keyboard. */
import { type ReactNode, useEffect, useRef, useState } from "react";

export function Scroll({ label, className = "", children }: { label: string; className?: string; children: ReactNode }) {
  const region = useRef<HTMLElement>(null);
  const [wider, setWider] = useState(false);
  useEffect(() => {
    const element = region.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWider(element.scrollWidth > element.clientWidth));
    watch.observe(element);
    for (const child of element.children) watch.observe(child);
    return () => watch.disconnect();
  }, []);
  return (
    <section ref={region} className={`scroll ${className}`} aria-label={label} tabIndex={wider ? 0 : undefined}>
      {children}
    </section>
  );
}
