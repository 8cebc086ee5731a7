/**
 * What runs first: asks for what the first screen shows, then loads React and the screens, which take their time too.
 * The answers come to lie in `queries`, where the screens look for them; a screen that is there sooner waits for the same request.
 */
import { operatorsQuery, queries, reportQuery, workspaceQuery } from "./queries";

/** What fails here is left to the screen that needs it: that asks again, and shows the problem. */
const leaveToScreen = () => {};
queries.query(operatorsQuery).catch(leaveToScreen);
askForReport().catch(leaveToScreen);
import("./main");

/** The workspace comes first: its generation must not be newer than the report that is kept under it. */
async function askForReport() {
  const { state, generation } = await queries.query(workspaceQuery);
  if (state === "ready" && location.pathname === "/") await queries.query(reportQuery(generation));
}
