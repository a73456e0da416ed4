import { alerts } from "./alerts.mjs";
import { iso, scale, status } from "./app.mjs";
import { large } from "./large.mjs";
import { countLogs, searchLogs } from "./logs.mjs";
import { getSaga, listSagas, steer } from "./sagas.mjs";
import { dropEvents, listDead, redrive, setSubscription, topics } from "./topics.mjs";
import { complete, getMap, getTrace, searchTraces } from "./traces.mjs";

const services = Number(process.env.BANYAN_MOCK_SERVICES ?? 0); // 0: a shop

const yaml = `name: shop

gateway:
  listen: ":8080" # loopback
  routes:
    - {path: /api/orders, to: order, auth: required}
    - {path: /, to: storefront}

services:
  storefront:
    command: \${out}/storefront
    readiness: {http: /healthz}

  order:
    owner: team-checkout
    command: \${out}/order
    environment:
      TOKEN: \${secret.order-token}
    calls:
      catalog: {timeout: 2s}
    readiness: {http: /healthz}

  payment:
    command: \${out}/payment
`;

const methods = {
  "ControlService/GetStatus": () => ({ status: status() }),
  "ControlService/Restart": () => ({}),
  "ControlService/RunJob": () => ({}),
  "ControlService/Scale": ({ service, replicas = 0 }) => (scale(service, replicas), {}),
  "ControlService/ListTopics": topics,
  "ControlService/ListDead": listDead,
  "ControlService/Redrive": redrive,
  "ControlService/DropEvents": dropEvents,
  "ControlService/SetSubscription": setSubscription,
  "ControlService/ListSagas": listSagas,
  "ControlService/GetSaga": getSaga,
  "ControlService/SteerSaga": steer,
  "TelemetryService/SearchTraces": searchTraces,
  "TelemetryService/GetTrace": getTrace,
  "TelemetryService/SearchLogs": searchLogs,
  "TelemetryService/CountLogs": countLogs,
  "TelemetryService/Complete": complete,
  "TelemetryService/GetMap": () => (services ? large(services) : getMap()),
  "TelemetryService/ListAlerts": () => ({ rules: alerts() }),
  "TelemetryService/GetTelemetry": () => ({ stores: [{ name: "spans", records: "1842110", diskBytes: "412000000", limitBytes: "1288490188", oldest: iso(Date.now() - 90_000_000), takenIn: "81221" }, { name: "logs", records: "948211", diskBytes: "101000000", limitBytes: "536870912", oldest: iso(Date.now() - 90_000_000) }, { name: "metrics", records: "4120", diskBytes: "41000000", limitBytes: "322122547", oldest: iso(Date.now() - 90_000_000) }], drops: [{ where: "queue", reason: "full", count: "12" }], receivers: ["127.0.0.1:4317"] }),
  "DashboardService/GetAppFile": () => ({ path: "/home/ann/shop/banyan.yaml", text: yaml, rendered: yaml.replace(" # loopback", ""), problems: [{ line: 27, column: 5, message: "payment has no readiness probe: it counts as ready as soon as it listens", fix: "add readiness: {http: /healthz}", warning: true }], changed: true }),
  "DashboardService/ListActions": () => ({ actions: [{ time: iso(Date.now() - 400_000), who: "ann@example.com", role: "operator", from: "127.0.0.1", procedure: "ControlService/Scale", what: "order to 2", result: "ok", took: "0.012s" }] }),
};

/** answer is a status and a body, as Connect's JSON. */
export function answer(method, request) {
  const run = methods[method];
  if (!run) return [404, { code: "unimplemented", message: `${method} is not there` }];
  const said = run(request);
  return said === undefined ? [404, { code: "not_found", message: "none of it is kept" }] : [200, said];
}
