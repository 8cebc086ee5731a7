/** Which people are shown beside the screen; it stands in the address, so going back closes them again. */
import { useSearchParams } from "wouter";
import type { Who } from "../api/client";
import { tidy } from "../question/url";

export function useWho() {
  const [params, setParams] = useSearchParams();
  const text = params.get("who");
  let who: Who | null = null;
  try {
    who = text ? (JSON.parse(text) as Who) : null;
  } catch {
    who = null;
  }
  const change = (changes: Record<string, string | null>) =>
    setParams((before) => {
      const next = new URLSearchParams(before);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) next.delete(name);
        else next.set(name, value);
      }
      return next;
    });
  return {
    who,
    person: params.get("person"),
    member: params.get("member"),
    open: ({ operator, question, cell, group }: Who) =>
      change({
        who: JSON.stringify({ operator, question: tidy(question), cell, ...(group == null ? {} : { group }) }),
        person: null,
        member: null,
      }),
    choose: (person: string | null) => change({ person, member: null }),
    chooseMember: (member: string | null) => change({ member }),
    close: () => change({ who: null, person: null, member: null }),
  };
}
