// The notification service: what the shop tells its customers. A real one would send e-mail; this one keeps a list.
//
// POST /events/orders, the events about orders
// GET  /notifications?user_id=ID
// GET  /healthz
//
// Needs Node.js 18.2 or later and nothing else. Listens on $HOST:$PORT and keeps its file in $DATA_DIR.

import { mkdir } from "node:fs/promises";
import { createServer, STATUS_CODES } from "node:http";
import { join } from "node:path";
import { Store } from "./store.js";
import { notice } from "./words.js";

const largestBody = 64 * 1024;
const drainTime = 10_000;

class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    Object.assign(this, { status, code });
  }
}

function log(msg, values = {}, level = "INFO") {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg, service: "notification", ...values })}\n`);
}

async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= largestBody) chunks.push(chunk); // the rest is read all the same: the next request comes behind it
  }
  if (size > largestBody) throw new Problem(413, "too-large", "The body is too large.");
  return Buffer.concat(chunks).toString();
}

/** told reads an event: which delivery it is, what there is to tell the customer, and when it happened. */
function told(headers, body) {
  const delivery = headers["banyan-delivery"];
  if (!delivery) throw new Problem(422, "invalid", "Banyan-Delivery is missing: this path takes events.");
  let data;
  try {
    data = JSON.parse(body);
  } catch {
    throw new Problem(400, "bad-json", "The body is not JSON.");
  }
  if (!data?.user_id || !data.order?.id) throw new Problem(422, "invalid", "The data must have an order and a user_id.");
  const found = notice(headers["banyan-topic"], data);
  if (!found) throw new Problem(422, "invalid", `There is nothing to tell of ${headers["banyan-topic"]}.`);
  return [delivery, found, new Date(headers["ce-time"] ?? Date.now())];
}

async function answer(store, request, path, query) {
  const body = await read(request);
  switch (`${request.method} ${path}`) {
    case "GET /healthz":
      return [200, { status: "ok" }];
    case "POST /events/orders":
      return [200, await store.add(...told(request.headers, body))];
    case "GET /notifications": {
      const user = query.get("user_id");
      if (!user) throw new Problem(422, "invalid", "Say whose: ?user_id=ID.");
      return [200, { items: store.of(user) }];
    }
  }
  throw new Problem(404, "not-found", `There is no ${request.method} at this path.`);
}

/** serve makes a server of a store; `stop` finishes what is in flight. */
function serve(store) {
  let stopping = false;
  const server = createServer(async (request, response) => {
    const start = performance.now();
    const [path, query = ""] = request.url.split("?", 2);
    let status, value;
    try {
      [status, value] = await answer(store, request, path, new URLSearchParams(query));
    } catch (error) {
      if (request.destroyed && !request.complete) return; // the client went away
      status = error.status ?? 500;
      if (status === 500) log("failed", { path, error: String(error) }, "ERROR");
      value = { type: "about:blank", title: STATUS_CODES[status], status, detail: status === 500 ? "Something went wrong in notification." : error.message, code: error.code && status !== 500 ? error.code : "internal" };
    }
    const data = JSON.stringify(value);
    response.shouldKeepAlive &&= !stopping;
    response.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json", "Content-Length": Buffer.byteLength(data) });
    response.end(data);
    if (path === "/healthz") return;
    const id = request.headers["x-request-id"], trace = request.headers.traceparent?.slice(3, 35);
    log("request", { method: request.method, path, status, ms: Math.round((performance.now() - start) * 1000) / 1000, ...(id && { request_id: id }), ...(trace && { trace_id: trace }) });
  });
  server.keepAliveTimeout = 120_000; // longer than the pools of those who call
  async function stop() {
    stopping = true;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const late = setTimeout(() => server.closeAllConnections(), drainTime);
    await closed;
    clearTimeout(late);
    await store.close();
  }
  return { server, stop };
}

async function main() {
  const directory = process.env.DATA_DIR ?? ".";
  await mkdir(directory, { recursive: true });
  const store = await Store.open(join(directory, "notifications.jsonl"), (line) => log("a damaged line is left out", { line }, "ERROR"));
  const { server, stop } = serve(store);
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, () => {
      log("stopping");
      stop();
    });
  }
  server.on("error", (error) => {
    log("cannot listen", { error: String(error) }, "ERROR");
    process.exit(1);
  });
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "127.0.0.1", () => {
    const { address, port } = server.address();
    log("listening", { address: `${address}:${port}` });
  });
}

await main();
