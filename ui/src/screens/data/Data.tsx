/** Data: where it comes from, what was rejected, what the spec says, and what stands beside the journeys. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRoute } from "wouter";
import { data } from "../../api/client";
import { count } from "../../format/number";
import { Tabs } from "../../parts/Tabs";
import { useWorkspace } from "../../workspace";
import { Quarantine } from "./Quarantine";
import { Series } from "./Series";
import { Sources } from "./Sources";
import { SpecEditor } from "./SpecEditor";

export function useData() {
  const { generation } = useWorkspace();
  // While what changed is read again, what was known stays in view.
  return useQuery({ queryKey: ["data", generation], queryFn: ({ signal }) => data(signal), placeholderData: keepPreviousData });
}

export default function Data() {
  const [, params] = useRoute("/data/:tab?");
  const tab = params?.tab;
  const rejected = useData().data?.quarantine.rows ?? 0;
  return (
    <>
      <div className="screen-head">
        <h1>Data</h1>
        <p>Where the numbers come from. Rejected, duplicate and skipped rows are counted; nothing disappears silently.</p>
      </div>
      <Tabs
        label="Data"
        tabs={[
          { href: "/data", name: "Sources" },
          { href: "/data/quarantine", name: "Rejected rows", badge: rejected ? count(rejected) : undefined },
          { href: "/data/spec", name: "diptych.yaml" },
          { href: "/data/series", name: "Notes and series" },
        ]}
      />
      {tab === "quarantine" ? <Quarantine /> : tab === "spec" ? <SpecEditor /> : tab === "series" ? <Series /> : <Sources />}
    </>
  );
}
