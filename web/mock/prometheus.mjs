import { random } from "./app.mjs";
import { traceIds } from "./traces.mjs";

const names = ["banyan_requests_total", "banyan_request_duration_seconds", "banyan_instance_cpu_seconds_total", "banyan_instance_memory_bytes", "banyan_instance_restarts_total", "banyan_up", "go_goroutines"];

const labels = { callee: ["order", "payment", "catalog"], caller: ["gateway", "order"], route: ["/api/orders"], service: ["order", "payment"], instance: ["order-1", "payment-1"] };

function exemplars(url) {
  if (!url.searchParams.get("query")?.includes("banyan_request")) return [];
  const [start, end] = ["start", "end"].map((name) => Number(url.searchParams.get(name)));
  const next = random(11);
  return ["order", "payment"].map((callee, k) => ({
    seriesLabels: { __name__: "banyan_request_duration_seconds", callee },
    exemplars: Array.from({ length: 40 }, (_, i) => ({ labels: { trace_id: traceIds[(i * 7 + k) % traceIds.length] }, value: String((0.02 + 0.9 * next() ** 3) * (k + 1)), timestamp: start + ((i + next()) / 40) * (end - start) })),
  }));
}

/** prometheus answers as its HTTP API does. */
export function prometheus(url) {
  const path = url.pathname.replace("/prometheus/api/v1/", "");
  if (path === "query_exemplars") return { status: "success", data: exemplars(url) };
  if (path === "labels") return { status: "success", data: ["__name__", ...Object.keys(labels)] };
  if (path.startsWith("label/")) return { status: "success", data: labels[path.split("/")[1]] ?? names };
  if (path === "metadata") return { status: "success", data: Object.fromEntries(names.map((name) => [name, [{ type: name.endsWith("_total") ? "counter" : "gauge", help: `What ${name} counts.` }]])) };
  const query = url.searchParams.get("query") ?? "";
  if (query.includes("((")) return { status: "error", errorType: "bad_data", error: 'invalid parameter "query": 1:9: parse error: unclosed left parenthesis' };
  const [start, end, step] = ["start", "end", "step"].map((name) => Number(url.searchParams.get(name)));
  const scale = /_errors_total/.test(query) ? Math.max(0, Math.sin(start / 60)) * 0.08 : /duration_seconds/.test(query) ? 0.02 : /memory/.test(query) ? 2e7 : 1;
  const result = query.includes("nothing") ? [] : ["order", "payment", "catalog"].map((callee, k) => {
    const values = [];
    for (let time = start; time <= end; time += step) if (k !== 1 || values.length !== 20) values.push([time, String(scale * (k + 1) * (3 + Math.sin(time / (300 + 90 * k))) + (time % 97) / 97)]);
    return { metric: { callee, route: "/api" }, values };
  });
  return { status: "success", data: { resultType: "matrix", result } };
}
