import { edges, iso, random } from "./app.mjs";
import { longTrace } from "./long.mjs";

export const traceIds = Array.from({ length: 60 }, (_, i) => (0x4bf92f3577b34da6n + BigInt(i) * 0x9e3779b97f4a7c15n).toString(16).slice(-16).padStart(32, "a"));

export function searchTraces({ filter = "", limit = 50, slowestFirst, from, to }) {
  if (filter.includes("nothing")) return { traces: [], scannedSpans: "500000", scannedBlocks: 21 };
  const next = random(7);
  const [begin, end] = [from ? Date.parse(from) : Date.now() - 3_600_000, to ? Date.parse(to) : Date.now()];
  const traces = traceIds.slice(0, limit).map((traceId, i) => {
    const order = i % 4 === 0;
    const failed = order && i % 8 === 0;
    return {
      traceId, rootService: "gateway", rootName: order ? "POST /api/orders" : "GET /api/products", start: iso(end - ((i + 0.5) / 60) * (end - begin)), duration: `${(order ? 0.3 + next() * 0.6 : 0.004 + next() * 0.03).toFixed(6)}s`,
      spans: order ? 23 : 4, errors: failed ? 2 : undefined, matched: 1,
      services: order ? [{ service: "order", spans: 9, errors: failed ? 1 : 0 }, { service: "payment", spans: 6, errors: failed ? 1 : 0 }, { service: "inventory", spans: 5 }, { service: "gateway", spans: 2 }] : [{ service: "catalog", spans: 3 }, { service: "gateway", spans: 1 }],
    };
  });
  if (slowestFirst) traces.sort((a, b) => Number.parseFloat(b.duration) - Number.parseFloat(a.duration));
  return { traces, more: true, scannedSpans: "184211", scannedBlocks: 9 };
}

const hex = (n) => n.toString(16).padStart(16, "0");

/** getTrace is an order whose payment fails, with one span whose parent is missing. */
export function getTrace({ traceId }) {
  if (traceId.startsWith("dead")) return undefined;
  if (traceId.startsWith("10a9")) return longTrace(traceId);
  const begin = Date.now() - 600_000;
  const spans = [];
  const add = (parent, service, name, start, took, more = {}) => {
    const spanId = hex(spans.length + 1);
    spans.push({
      traceId, spanId, parentId: parent, name, service, kind: more.kind ?? "server", start: iso(begin + start).replace("Z", "123Z"), duration: `${took / 1000}s`, instance: `${service}-1`, revision: "7c41fe09ab12",
      scope: more.scope ?? "go.opentelemetry.io/contrib/net/http", status: more.status, message: more.message, attributes: [{ key: "http.request.method", value: "POST", type: "string" }, { key: "http.response.status_code", value: more.status ? "503" : "200", type: "int" }, ...(more.attributes ?? [])],
      resource: [{ key: "service.name", value: service, type: "string" }, { key: "host.name", value: "laptop", type: "string" }], events: more.events,
    });
    return spanId;
  };
  const root = add("", "order", "POST /api/orders", 0, 642, { scope: "banyan.dataplane", status: "error" });
  const order = add(root, "order", "POST /orders", 2, 637, { status: "error", message: "payment refused" });
  add(order, "order", "SELECT carts", 4, 6, { kind: "client", attributes: [{ key: "db.system", value: "postgresql", type: "string" }, { key: "db.statement", value: "SELECT id, sku, quantity FROM carts WHERE user_id = $1 ORDER BY added_at", type: "string" }] });
  const stock = add(order, "inventory", "PUT inventory", 14, 40, { scope: "banyan.dataplane" });
  const reserve = add(stock, "inventory", "PUT /reservations/{id}", 16, 36);
  for (let i = 0; i < 6; i++) add(reserve, "inventory", `UPDATE stock line ${i + 1}`, 18 + i * 5, 4.2, { kind: "client" });
  const pay = add(order, "payment", "PUT payment", 60, 520, { scope: "banyan.dataplane", status: "error", message: "503 after 3 tries", attributes: [{ key: "banyan.tries", value: "3", type: "int" }, { key: "banyan.code", value: "upstream-status", type: "string" }] });
  for (let i = 0; i < 3; i++) {
    add(pay, "payment", "PUT /charges/{id}", 64 + i * 170, 160, {
      status: "error", message: "card network answered 503",
      events: [{ time: iso(begin + 220 + i * 170), name: "exception", attributes: [{ key: "exception.type", value: "NetworkError", type: "string" }, { key: "exception.message", value: "card network answered 503 after 150ms", type: "string" }] }],
    });
  }
  add("ffffffffffffffff", "notification", "POST /events/orders", 640, 12, { scope: "banyan.bus", kind: "consumer" });
  const logs = [[80, "warn", "payment", "retrying the card network"], [590, "error", "payment", "charge failed: card network answered 503"], [636, "error", "order", "order o-81723 failed: payment refused"]].map(([at, severity, service, text]) => ({
    time: iso(begin + at), severity, service, text, instance: `${service}-1`, traceId, spanId: service === "order" ? order : pay,
  }));
  return { spans, logs };
}

export function getMap() {
  const nodes = new Map();
  const node = (kind, name, more = {}) => nodes.set(`${kind}:${name}`, { id: `${kind}:${name}`, kind, name, ...more });
  const rate = (rps, eps, p95) => ({ perSecond: rps, errorsPerSecond: eps, p50: `${p95 / 3}s`, p95: `${p95}s`, p99: `${p95 * 1.8}s` });
  node("gateway", "gateway", { rates: rate(49, 0.6, 0.08) });
  for (const [, to, , rps, eps, p95] of edges) node("service", to, { state: to === "payment" ? "STATE_BACKING_OFF" : "STATE_READY", rates: rate(rps, eps, p95), owner: "team-shop" });
  node("service", "notification", { state: "STATE_READY" });
  for (const topic of ["order.placed", "order.confirmed", "stock.low"]) node("topic", topic);
  for (const name of ["order", "inventory", "payment"]) node("database", `${name}/postgresql`);
  node("outside", "api.bank.example", { rates: rate(2, 0.7, 0.3) });
  const id = (name) => (name === "gateway" ? "gateway:gateway" : `service:${name}`);
  const links = edges.filter(([from]) => from !== "storefront").map(([from, to, , rps, eps, p95]) => ({ from: id(from), to: id(to), kind: "call", declared: true, rates: rate(rps, eps, p95) }));
  links.push(
    { from: "service:order", to: "topic:order.placed", kind: "publish", declared: true, rates: rate(2.3, 0, 0.002) }, { from: "topic:order.placed", to: "service:notification", kind: "deliver", declared: true, rates: rate(2.3, 0, 0.012) },
    { from: "service:order", to: "topic:order.confirmed", kind: "publish", declared: true }, { from: "topic:order.confirmed", to: "service:recommendation", kind: "deliver", declared: true },
    { from: "service:inventory", to: "topic:stock.low", kind: "publish", declared: true, rates: rate(0.1, 0, 0.002) }, { from: "topic:stock.low", to: "service:catalog", kind: "deliver", declared: true, rates: rate(0.1, 0, 0.004) },
    ...["order", "inventory", "payment"].map((name) => ({ from: `service:${name}`, to: `database:${name}/postgresql`, kind: "database", rates: rate(6, 0, 0.003) })),
    { from: "service:payment", to: "outside:api.bank.example", kind: "outside", rates: rate(2, 0.7, 0.3) }, { from: "service:storefront", to: "service:user", kind: "call", declared: true }, { from: "service:recommendation", to: "service:user", kind: "call", refusedPerSecond: 0.4 },
  );
  return { nodes: [...nodes.values()], edges: links };
}

const fields = ["service", "status", "duration", "name", "kind", "http.route", "http.response.status_code", "banyan.caller", "severity", "text"];

export function complete({ filter = "", position = 0 }) {
  const before = filter.slice(0, position);
  const word = /[^\s=<>!]*$/.exec(before)[0];
  const from = position - word.length;
  const value = /(\S+?)(=|!=)$/.exec(before.slice(0, from));
  const values = { service: ["order", "payment", "catalog"], status: ["error", "ok"], severity: ["debug", "info", "warn", "error"] };
  const suggestions = value ? (values[value[1]] ?? []).filter((v) => v.startsWith(word)).map((text) => ({ text, kind: "value" })) : fields.filter((f) => f.startsWith(word)).map((text) => ({ text, kind: "field", detail: "string" }));
  const wrong = filter.indexOf("==");
  return { from, to: position, suggestions, ...(wrong >= 0 ? { error: "there is no operator ==: write = for equal", errorAt: wrong } : {}) };
}
