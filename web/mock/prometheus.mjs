const names = ["banyan_requests_total", "banyan_request_duration_seconds", "banyan_instance_cpu_seconds_total", "banyan_instance_memory_bytes", "banyan_instance_restarts_total", "banyan_up", "go_goroutines"];

/** prometheus answers as its HTTP API does. */
export function prometheus(url) {
  const path = url.pathname.replace("/prometheus/api/v1/", "");
  if (path.startsWith("label/")) return { status: "success", data: names };
  if (path === "metadata") return { status: "success", data: Object.fromEntries(names.map((name) => [name, [{ type: name.endsWith("_total") ? "counter" : "gauge", help: `What ${name} counts.` }]])) };
  const query = url.searchParams.get("query") ?? "";
  if (query.includes("((")) return { status: "error", errorType: "bad_data", error: 'invalid parameter "query": 1:9: parse error: unclosed left parenthesis' };
  const [start, end, step] = ["start", "end", "step"].map((name) => Number(url.searchParams.get(name)));
  const result = query.includes("nothing") ? [] : ["order", "payment", "catalog"].map((callee, k) => {
    const values = [];
    for (let time = start; time <= end; time += step) if (k !== 1 || values.length !== 20) values.push([time, String((k + 1) * (3 + Math.sin(time / (300 + 90 * k))) + (time % 97) / 97)]);
    return { metric: { callee, route: "/api" }, values };
  });
  return { status: "success", data: { resultType: "matrix", result } };
}
