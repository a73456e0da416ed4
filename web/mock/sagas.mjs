import { iso } from "./app.mjs";

const states = ["SAGA_STATE_SUCCEEDED", "SAGA_STATE_RUNNING", "SAGA_STATE_NEEDS_ATTENTION", "SAGA_STATE_COMPENSATED", "SAGA_STATE_SUCCEEDED", "SAGA_STATE_SUCCEEDED", "SAGA_STATE_COMPENSATING"];
const steps = ["order", "reserve", "charge", "ship", "commit", "confirm"];

const all = Array.from({ length: 40 }, (_, i) => {
  const state = states[i % states.length];
  return {
    id: `01JD${String(9000 - i).padStart(4, "0")}8QK2`, name: "checkout", state, startedBy: "order", created: iso(Date.now() - i * 41_000), updated: iso(Date.now() - i * 41_000 + 900), deadline: iso(Date.now() + 600_000 - i * 41_000), definition: "3f1c",
    reason: state === "SAGA_STATE_NEEDS_ATTENTION" ? "charge: whether the charge was made is not known: no answer within 4s" : undefined,
  };
});

export const sagas = () => all;
export const listSagas = ({ name, state }) => ({ sagas: all.filter((s) => (!name || s.name === name) && (!state || state === "SAGA_STATE_UNSPECIFIED" || s.state === state)) });

export function getSaga({ id }) {
  const saga = all.find((s) => s.id === id);
  if (!saga) return undefined;
  const until = { SAGA_STATE_SUCCEEDED: 6, SAGA_STATE_RUNNING: 3, SAGA_STATE_NEEDS_ATTENTION: 2, SAGA_STATE_COMPENSATED: 2, SAGA_STATE_COMPENSATING: 2 }[saga.state];
  const stuck = saga.state === "SAGA_STATE_NEEDS_ATTENTION";
  const undone = saga.state === "SAGA_STATE_COMPENSATED";
  const begin = Date.parse(saga.created);
  const timeline = [{ n: "1", time: saga.created, outcome: "started", text: "started by order" }];
  let time = begin;
  for (const step of steps.slice(0, until)) {
    time += 140;
    timeline.push({ n: String(timeline.length + 1), time: iso(time), step, op: "do", attempt: 1, request: `PUT ${step}/o-81723`, took: "0.082s", status: 200, outcome: "done", body: btoa('{"ok":true}') });
  }
  if (stuck || undone) timeline.push({ n: String(timeline.length + 1), time: iso(time + 4000), step: "charge", op: "do", attempt: 1, request: "PUT payment/charges/o-81723", took: "4s", status: stuck ? 0 : 402, outcome: stuck ? "unknown" : "aborted", text: stuck ? "no answer within 4s" : "402 Payment Required: the card is declined" });
  if (undone) for (const step of ["reserve", "order"]) timeline.push({ n: String(timeline.length + 1), time: iso(time + 4300), step, op: "undo", attempt: 1, request: `DELETE ${step}/o-81723`, took: "0.021s", status: 204, outcome: "done" });
  return {
    saga: { ...saga, input: btoa('{"order":"o-81723"}'), steps: steps.map((name, i) => ({ name, phase: undone && i < 2 ? "undone" : i < until ? "done" : i === until && stuck ? "unknown" : i === until && undone ? "aborted" : i === until && saga.state === "SAGA_STATE_RUNNING" ? "called" : "idle", attempts: i <= until ? 1 : 0, needsAttention: stuck && i === until, error: stuck && i === until ? "no answer within 4s" : undefined, output: i < until ? btoa('{"ok":true,"id":"r-12"}') : undefined })) },
    timeline,
  };
}

export function steer({ id, action }) {
  const saga = all.find((s) => s.id === id);
  if (!saga) return undefined;
  saga.state = action === "SAGA_ACTION_RETRY" || action === "SAGA_ACTION_SKIP" ? "SAGA_STATE_RUNNING" : "SAGA_STATE_COMPENSATING";
  delete saga.reason;
  return { saga };
}
