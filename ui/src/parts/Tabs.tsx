/** Parts of a screen, each with its own address. */
import { Link, useLocation } from "wouter";
import "./tabs.css";

export function Tabs({ label, tabs }: { label: string; tabs: { href: string; name: string; badge?: string }[] }) {
  const [location] = useLocation();
  return (
    <nav className="tabs" aria-label={label}>
      <ul>
        {tabs.map(({ href, name, badge }) => (
          <li key={href}>
            <Link href={href} aria-current={location === href ? "page" : undefined}>
              {name}
              {badge && <span className="tag hinge">{badge}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
