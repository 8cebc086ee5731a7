/** The answers that the app keeps, and the questions that it asks before any screen is there. */
import { QueryClient, queryOptions } from "@tanstack/react-query";
import { operators, report, workspace } from "./api/client";
import type { Workspace } from "./api/types";

export const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 5 * 60_000, gcTime: 15 * 60_000, retry: false, refetchOnWindowFocus: false } },
});

export const workspaceQuery = queryOptions({
  queryKey: ["workspace"],
  queryFn: ({ signal }) => workspace(signal),
  staleTime: 15_000,
  refetchOnWindowFocus: true,
});

export const operatorsQuery = queryOptions({
  queryKey: ["operators"],
  queryFn: ({ signal }) => operators(signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const reportQuery = (generation: Workspace["generation"]) =>
  queryOptions({ queryKey: ["report", generation], queryFn: ({ signal }) => report(signal) });
