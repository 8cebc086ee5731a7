/** A map as the server draws and exports it; every number opens the people of its own question. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { mapPicture, mapQuestions } from "../api/client";
import { useTheme } from "../theme";
import { useWorkspace } from "../workspace";
import { type Mark, Picture } from "./Picture";
import { Loading, ProblemCard } from "./States";
import { useWidth } from "./useWidth";
import { useWho } from "./who";

export function MapPicture({ kind, name = "" }: { kind: "customer" | "task" | "flow"; name?: string }) {
  const { generation } = useWorkspace();
  const theme = useTheme();
  const { open } = useWho();
  const queries = useQueryClient();
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const drawn = useQuery({
    queryKey: ["map", generation, kind, name, theme, width],
    queryFn: ({ signal }) => mapPicture(kind, name, theme, width, signal),
    enabled: width > 0,
  });
  const told = {
    queryKey: ["map", generation, kind, name],
    queryFn: ({ signal }: { signal: AbortSignal }) => mapQuestions(kind, name, signal),
  };
  const asked = useQuery(told);
  /** The same cell may stand there several times, once per stage in the order of the stages. */
  const openMark = async ({ cell, turn }: Mark) => {
    const same = (await queries.ensureQueryData(told)).filter((one) => one.cell === cell);
    const question = same[turn] ?? same[0];
    if (question) open({ operator: question.operator, question: { params: question.params }, cell });
  };
  return (
    <div ref={holder}>
      {drawn.isPending && <Loading label="Drawing" />}
      {drawn.error && <ProblemCard error={drawn.error} retry={() => drawn.refetch()} />}
      {asked.error && <p className="hint">The people behind its numbers cannot be opened: {asked.error.message}</p>}
      {drawn.data && <Picture svg={drawn.data} onOpen={openMark} fields={kind === "customer"} />}
    </div>
  );
}
