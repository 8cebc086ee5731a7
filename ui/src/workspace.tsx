/** What every screen knows: the workspace and its operators. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import type { Operator, Workspace } from "./api/types";
import { operatorsQuery, workspaceQuery } from "./queries";

export function useWorkspaceQuery() {
  return useQuery(workspaceQuery);
}

export function useOperatorsQuery() {
  return useQuery(operatorsQuery);
}

export interface Known {
  workspace: Workspace;
  operators: Operator[];
}

export const KnownContext = createContext<Known | null>(null);

export function useKnown(): Known {
  const known = useContext(KnownContext);
  if (!known) throw new Error("a screen is used outside of the workspace");
  return known;
}

export function useWorkspace(): Workspace {
  return useKnown().workspace;
}

/** Whether the people behind an operator's numbers are accounts. */
export function useOfAccounts() {
  const { operators } = useKnown();
  return (operator: string, accounts?: boolean) => {
    const found = operators.find(({ id }) => id === operator);
    return Boolean(accounts) || (found !== undefined && found.panel !== "user");
  };
}

/** Forgets every answer: the data or the spec has changed. */
export function useForgetAnswers() {
  const queries = useQueryClient();
  return () => queries.invalidateQueries();
}
