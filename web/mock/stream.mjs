import { alerts } from "./alerts.mjs";
import { rates, status, usage } from "./app.mjs";
import { line } from "./logs.mjs";
import { sagas } from "./sagas.mjs";
import { topics } from "./topics.mjs";

const open = new Map();
let last = 0;

/** stream sends events as the daemon does. */
export function stream(request, response) {
  const id = String(++last);
  const send = (kind, data) => response.write(`event: ${kind}\nid: b1.${++last}\ndata: ${JSON.stringify(data)}\n\n`);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  send("hello", { stream: id, boot: "b1", app: "shop", version: "0.0.0-mock", role: "operator", now: new Date().toISOString() });
  send("status", status());
  send("topics", topics());
  send("sagas", { sagas: sagas() });
  send("alerts", { rules: alerts() });
  const now = Date.now();
  for (let ago = 60; ago > 0; ago--) send("rates", rates(now - ago * 1000));
  for (let ago = 12; ago > 0; ago--) send("usage", usage(now - ago * 5000));
  let beats = 0;
  const timer = setInterval(() => {
    beats++;
    send("rates", rates(Date.now()));
    if (beats % 5 === 0) send("usage", usage(Date.now()));
    if (beats % 2 === 0) send("status", status());
    if (beats % 10 === 0) send("beat", { now: new Date().toISOString() });
    if (open.get(id)?.logs) send("logs", { entries: [line(Date.now(), beats)], missed: 0 });
  }, 1000);
  open.set(id, { send });
  request.on("close", () => {
    clearInterval(timer);
    open.delete(id);
  });
}

/** subscribe changes what a stream sends. */
export function subscribe(response, id, { logs }) {
  const at = open.get(id);
  if (!at) return response.writeHead(404, { "Content-Type": "application/json" }).end('{"code":"not_found","message":"the stream is gone"}');
  if (logs !== undefined) at.logs = logs;
  if (logs) at.send("logs", { entries: Array.from({ length: 60 }, (_, i) => line(Date.now() - (60 - i) * 1000, i)), missed: 0 });
  response.writeHead(204).end();
}
