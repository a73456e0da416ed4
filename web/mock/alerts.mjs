import { iso } from "./app.mjs";

export function alerts() {
  const now = Date.now();
  const rule = (name, more = {}) => ({ name, group: "banyan", severity: "warning", state: "inactive", shipped: true, for: "60s", evaluatedAt: iso(now - 4000), ...more });
  return [
    rule("ServiceCrashLoops", { severity: "critical", expression: "increase(banyan_instance_restarts_total[10m]) > 3", state: "firing", summary: "A service crashes again and again", alerts: [{ labels: { service: "payment" }, summary: "payment crashed 6 times in 10 minutes", description: "Its last line: panic: runtime error: invalid memory address. See the service's logs.", state: "firing", since: iso(now - 540_000), value: 6 }] }),
    rule("ErrorBudgetBurns", { severity: "critical", expression: 'sum by (callee) (rate(banyan_request_errors_total[5m]))\n  / sum by (callee) (rate(banyan_requests_total[5m])) > 0.144', state: "pending", summary: "Errors use up the budget of a month in two days", alerts: [{ labels: { callee: "order" }, summary: "order: 25 % of requests fail", state: "pending", since: iso(now - 30_000), value: 0.25 }] }),
    rule("DeadLettersGrow", { expression: "increase(banyan_subscription_dead[15m]) > 0", alerts: [{ labels: { topic: "order.placed", service: "notification" }, summary: "order.placed → notification: 7 dead letters", state: "resolved", since: iso(now - 9_000_000), resolvedAt: iso(now - 7_200_000), value: 7 }] }),
    rule("SagaNeedsAttention", { summary: "sagas need a person: ‹value›", description: "They can neither go on nor be undone by themselves. See which, and why: banyan sagas.", expression: 'banyan_sagas{state="needs_attention"} > 0' }), rule("DiskNearlyFull", { expression: "banyan_disk_free_ratio < 0.1" }),
    rule("SlowCheckout", { shipped: false, group: "shop", severity: "info", for: "300s", expression: 'histogram_quantile(0.95, rate(banyan_request_duration_seconds{callee="order"}[5m])) > 1', error: "" }),
  ];
}
