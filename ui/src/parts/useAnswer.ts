/** Asks a question once, keeps the answer, and tells how far it is. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ask } from "../api/client";
import type { Answer, Progress, Question } from "../api/types";
import { tidy } from "../question/url";
import { useWorkspace } from "../workspace";

interface Running {
  progress: Progress;
  partial?: Answer;
}

export function useAnswer(operator: string, question: Question = {}, enabled = true) {
  const queries = useQueryClient();
  const { generation } = useWorkspace();
  const body = tidy(question);
  const key = ["answer", generation, operator, body];
  const runningKey = ["running", generation, operator, body];
  const asked = useQuery({
    queryKey: key,
    enabled,
    queryFn: async ({ signal }) => {
      try {
        return await ask(operator, body, signal, (progress, partial) =>
          queries.setQueryData(runningKey, (before?: Running) => ({ progress, partial: partial ?? before?.partial })),
        );
      } finally {
        queries.removeQueries({ queryKey: runningKey });
      }
    },
  });
  const running = useQuery<Running | null>({ queryKey: runningKey, queryFn: () => null, enabled: false });
  return {
    answer: asked.data,
    error: asked.error,
    /** Whether the question is being counted now. */
    counting: asked.isFetching,
    /** Whether it was stopped before there was an answer. */
    cancelled: enabled && !asked.isFetching && asked.data === undefined && asked.error === null,
    progress: running.data?.progress,
    partial: running.data?.partial,
    cancel: () => queries.cancelQueries({ queryKey: key }),
    again: () => asked.refetch(),
  };
}

export type Asked = ReturnType<typeof useAnswer>;
