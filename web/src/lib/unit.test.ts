import { expect, it } from "vitest";
import { metricsIn, unit, write } from "./unit";

it("guesses units by names", () => {
  const units = {
    "sum by (callee) (rate(banyan_requests_total[1m]))": "perSecond",
    'histogram_quantile(0.95, sum by (callee) (rate(banyan_request_duration_seconds{callee="a/b"}[5m])))': "seconds",
    "sum(histogram_count(rate(banyan_request_duration_seconds[5m])))": "perSecond",
    "histogram_quantile(0.9, sum by (le) (rate(http_server_request_duration_seconds_bucket[5m])))": "seconds",
    "sum(rate(x_seconds_sum[5m])) / sum(rate(x_seconds_count[5m]))": "seconds",
    "sum by (callee) (rate(banyan_request_errors_total[5m])) / sum by (callee) (rate(banyan_requests_total[5m]))": "ratio",
    "banyan_instance_memory_bytes": "bytes",
    "rate(banyan_request_body_bytes_total[5m])": "bytesPerSecond",
    "banyan_disk_free_bytes / banyan_disk_bytes": "ratio",
    "banyan_disk_free_ratio": "ratio",
    "sum by (service) (rate(banyan_instance_cpu_seconds_total[1m]))": "number",
    "banyan_instance_start_time_seconds": "number",
    "banyan_requests_total": "number",
    "count(banyan_instance_memory_bytes)": "number",
    "banyan_instance_memory_bytes / 1024": "number",
    "8 * rate(banyan_request_body_bytes_total[5m])": "number",
    "": "number",
  };
  expect(Object.fromEntries(Object.keys(units).map((expression) => [expression, unit(expression)]))).toEqual(units);
});

it("finds metrics among functions, labels and strings", () => {
  expect(metricsIn('sum by (service, instance) (rate(a_total{b="c_d"}[5m] offset 1h)) / on (x) group_left (y) sum(e:f) > 1e5')).toEqual(["a_total", "e:f"]);
});

it("writes values in their unit", () => {
  expect([write("seconds", 0.0123), write("bytes", 5_000_000), write("ratio", 0.125), write("perSecond", 12.345)]).toEqual(["12.3ms", "4.77 MiB", "13%", "12.3/s"]);
});
