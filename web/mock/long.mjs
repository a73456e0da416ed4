import { iso, random } from "./app.mjs";

const services = ["storefront", "order", "catalog", "inventory", "payment", "shipping", "user", "recommendation", "notification"];
const spansMany = 5000;

/** longTrace is a trace of 5,000 spans: deep in places, wide in others, some at the same time. */
export function longTrace(traceId) {
  const next = random(5);
  const begin = Date.now() - 900_000;
  const open = [{ id: "", at: 0, until: 60_000, depth: 0 }];
  const spans = [];
  while (spans.length < spansMany) {
    const parent = open[Math.min(Math.floor(next() ** 2 * open.length), open.length - 1)];
    const room = parent.until - parent.at;
    const start = parent.at + room * next() * 0.8;
    const took = spans.length === 0 ? 60_000 : Math.max(room * (0.05 + 0.5 * next()) * (parent.depth > 3 ? 0.3 : 1), 0.02);
    const service = services[(parent.depth * 3 + Math.floor(next() * 3)) % services.length];
    const spanId = (spans.length + 1).toString(16).padStart(16, "0");
    const failed = next() < 0.01;
    spans.push({
      traceId, spanId, parentId: parent.id, name: `${failed ? "PUT" : "GET"} /${service}/{id}`, service, kind: "server", start: iso(begin + (spans.length ? start : 0)), duration: `${(took / 1000).toFixed(6)}s`, instance: `${service}-1`, revision: "7c41fe09ab12",
      scope: spans.length % 2 ? "banyan.dataplane" : "go.opentelemetry.io/contrib/net/http", status: failed ? "error" : undefined, message: failed ? "answered 503" : undefined,
      attributes: [{ key: "http.request.method", value: "GET", type: "string" }, { key: "http.route", value: `/${service}/{id}`, type: "string" }, { key: "url.path", value: `/${service}/${spans.length}`, type: "string" }, { key: "http.response.status_code", value: failed ? "503" : "200", type: "int" }],
      resource: [{ key: "service.name", value: service, type: "string" }, { key: "host.name", value: "laptop", type: "string" }],
    });
    const at = spans.length === 1 ? 0 : start;
    open.push({ id: spanId, at, until: at + took, depth: parent.depth + 1 });
    if (open[0].id === "") open.shift();
    if (open.length > 400) open.splice(1, 200);
  }
  return { spans, logs: [] };
}
