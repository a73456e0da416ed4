import { began, iso } from "./app.mjs";

const paused = new Set();
let dead = Array.from({ length: 7 }, (_, i) => letter(i + 1));

function letter(id) {
  return {
    id: String(id), service: "notification", attempts: 12, first: iso(began + id * 60_000), last: iso(began + id * 90_000), status: 503, error: "503 Service Unavailable: the mail server is away", response: btoa("the mail server is away"),
    event: { sequence: String(1000 + id), time: iso(began + id * 59_000), event: { attributes: { id: `e-${id}`, source: "/services/order", type: "order.placed", subject: `o-${81000 + id}`, datacontenttype: "application/json" }, data: btoa(JSON.stringify({ order_id: `o-${81000 + id}`, total: 42.5, items: [{ sku: "lamp-12", quantity: 1 }] })) } },
  };
}

const subscription = (service, more = {}) => ({ service, state: "SUBSCRIPTION_STATE_ACTIVE", lag: "0", delivered: "8120", ...more });

export function topics() {
  const grown = String(8120 + Math.floor((Date.now() - began) / 500));
  const list = [
    { name: "order.placed", events: grown, bytes: "9120000", published: grown, subscriptions: [subscription("notification", { state: paused.has("notification") ? "SUBSCRIPTION_STATE_PAUSED" : "SUBSCRIPTION_STATE_ACTIVE", lag: "31", oldest: iso(Date.now() - 14_000), inFlight: "4", retrying: "9", dead: String(dead.length), failed: "84" })] },
    { name: "order.confirmed", events: "6100", bytes: "5120000", published: "6100", subscriptions: [subscription("notification"), subscription("recommendation", { lag: "412", oldest: iso(Date.now() - 340_000), state: "SUBSCRIPTION_STATE_UNREACHABLE", reason: "no instance answers: connection refused", until: iso(Date.now() + 9000) })] },
    { name: "order.failed", events: "212", bytes: "91200", published: "212", subscriptions: [subscription("notification")] },
    { name: "stock.low", events: "88", bytes: "18200", published: "88", subscriptions: [subscription("catalog")] },
    { name: "payment.charged", events: "6090", bytes: "3120000", published: "6090", delayed: "3", state: "TOPIC_STATE_DEGRADED", reason: "the disk is 92 % full: it takes no events at 95 %", subscriptions: [] },
  ];
  return { since: iso(began), time: iso(Date.now()), topics: list.map((topic) => ({ state: "TOPIC_STATE_OK", oldest: iso(began), ...topic })), outboxes: [{ service: "order", waiting: "2" }, { service: "inventory" }, { service: "payment", waiting: "120", reason: "the database refuses connections" }] };
}

export const listDead = ({ topic, after = "0" }) => ({ dead: topic === "order.placed" ? dead.filter((d) => Number(d.id) > Number(after)) : [] });

function take(id) {
  const gone = dead.filter((d) => !Number(id ?? 0) || d.id === String(id));
  dead = dead.filter((d) => !gone.includes(d));
  return String(gone.length);
}

export const redrive = ({ id }) => ({ delivered: take(id) });
export const dropEvents = ({ id }) => ({ dropped: take(id) });
export function setSubscription({ service, paused: stop }) {
  if (stop) paused.add(service);
  else paused.delete(service);
  return {};
}
