// The app that is not there: a shop, with payment in trouble.

export const began = Date.now() - 3 * 3_600_000;
export const iso = (ms) => new Date(ms).toISOString();

/** random is the same sequence in each run. */
export function random(seed) {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0), state / 2 ** 32);
}

const names = ["storefront", "user", "catalog", "inventory", "order", "payment", "shipping", "recommendation", "notification"];
const owners = { storefront: "team-web", user: "team-accounts", order: "team-checkout", payment: "team-checkout", catalog: "team-catalog" };
const desired = new Map([["order", 2], ["storefront", 2]]);

export const scale = (name, replicas) => desired.set(name, replicas);

function instance(name, i) {
  const crashing = name === "payment";
  return {
    id: `${name}-${i + 1}`, revision: "7c41fe09ab12", state: crashing ? "STATE_BACKING_OFF" : "STATE_READY", pid: 4200 + i, address: `127.0.0.1:${20001 + names.indexOf(name) * 10 + i}`,
    startedAt: iso(began + 90_000 * (i + names.indexOf(name))), readyAt: crashing ? undefined : iso(began + 92_000 * (i + names.indexOf(name))), restarts: crashing ? 6 : 0,
    reason: crashing ? "exit code 2 after 1.2s; starts again in 3s" : undefined, retryAt: crashing ? iso(Date.now() + 3000) : undefined,
    warnings: name === "notification" ? ["limits.memory is not enforced here: cgroups are not delegated"] : undefined,
  };
}

function service(name) {
  const replicas = desired.get(name) ?? 1;
  const crashing = name === "payment";
  return {
    name, owner: owners[name] ?? "team-warehouse", state: crashing ? "STATE_BACKING_OFF" : replicas ? "STATE_READY" : "STATE_STOPPED", desired: replicas, ready: crashing ? 0 : replicas,
    revision: "7c41fe09ab12", updating: name === "catalog" || undefined, reason: crashing ? "exit code 2 after 1.2s; starts again in 3s" : undefined,
    details: crashing ? ["panic: runtime error: invalid memory address or nil pointer dereference", "main.charge(0x0)\n\t/shop/payment/charge.go:41 +0x1d"] : undefined,
    instances: [
      ...Array.from({ length: replicas }, (_, i) => instance(name, i)),
      ...(name === "catalog" ? [{ ...instance(name, 1), revision: "19aa0bd4c3e1", state: "STATE_STOPPING" }] : []),
    ],
  };
}

export function status() {
  return {
    app: "shop", path: "/home/ann/shop/banyan.yaml", generation: "4", gatewayUrls: ["http://127.0.0.1:8080"], settled: true,
    services: [...names.map(service), { name: "reindex", job: true, state: "STATE_SCHEDULED", nextRun: iso(Date.now() + 1_500_000), owner: "team-catalog", revision: "7c41fe09ab12" }],
    daemon: { pid: 4100, version: "0.8.0", startedAt: iso(began), state: "STATE_READY" }, dataPlane: { pid: 4101, version: "0.8.0", startedAt: iso(began), state: "STATE_READY" },
  };
}

export const edges = [
  ["gateway", "storefront", "/", 24, 0, 0.004], ["gateway", "catalog", "/api/products", 12, 0, 0.011], ["gateway", "user", "/api/sessions", 3, 0, 0.086],
  ["gateway", "order", "/api/orders", 2.4, 0.6, 0.41], ["gateway", "recommendation", "/api/recommendations", 8, 0, 0.032], ["order", "catalog", "", 2.4, 0, 0.009],
  ["order", "inventory", "", 2.2, 0, 0.014], ["order", "payment", "", 2.1, 0.8, 0.38], ["order", "shipping", "", 1.3, 0, 0.021], ["storefront", "user", "", 0.4, 0, 0.006],
];

export function rates(time) {
  const wave = (i) => 1 + 0.3 * Math.sin(time / 9000 + i) + 0.12 * Math.sin(time / 2100 + 3 * i);
  return {
    time: iso(time), seconds: 1,
    edges: edges.map(([from, to, route, rps, eps, p95], i) => ({
      from, to, route: route || undefined, rps: rps * wave(i), eps: eps * wave(i + 1), p50: p95 / 3, p95: p95 * wave(i + 2), p99: p95 * 1.8, in_flight: Math.round(rps * p95), codes: eps ? { "no-ready-instance": eps } : undefined,
    })),
  };
}

export function usage(time) {
  const instances = {};
  for (const s of status().services) for (const [i, one] of (s.instances ?? []).entries()) instances[one.id] = { cpu: 0.03 * (1 + Math.sin(time / 30_000 + i)) + 0.005, memory: (18 + 3 * one.id.length) * 1048576 + 4e6 * Math.sin(time / 60_000) };
  return { time: iso(time), daemon: { cpu: 0.02, memory: 52_428_800 }, data_plane: { cpu: 0.04, memory: 31_457_280 }, instances };
}
