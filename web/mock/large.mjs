// A map of many services, as of a large company: teams whose services call their own and some of others.
import { random } from "./app.mjs";

const teams = 12;

/** large is a map of so many services; what flows in it is another at each call, what is in it is not. */
export function large(services) {
  const next = random(42);
  const team = (i) => `team-${String.fromCharCode(97 + (i % teams))}`;
  const rates = (rps, failing) => ({ perSecond: rps * (0.8 + 0.4 * Math.random()), errorsPerSecond: failing ? rps / 9 : 0, p50: "0.011s", p95: "0.034s", p99: "0.09s" });
  const nodes = [{ id: "client:clients", kind: "client", name: "clients" }, { id: "gateway:gateway", kind: "gateway", name: "gateway" }];
  const edges = [{ from: "client:clients", to: "gateway:gateway", kind: "call", declared: true, rates: rates(900) }];
  const id = (i) => `service:s-${i}`;
  for (let i = 0; i < services; i++) nodes.push({ id: id(i), kind: "service", name: `s-${i}`, owner: team(i), state: i % 97 ? "STATE_READY" : "STATE_UNREADY", rates: rates(20, i % 41 === 0) });
  const call = (i, j) => edges.push({ from: id(i), to: id(j), kind: "call", declared: true, rates: next() < 0.8 ? rates(4, next() < 0.03) : undefined });
  for (let i = 0; i < teams; i++) edges.push({ from: "gateway:gateway", to: id(i), kind: "call", declared: true, rates: rates(75) });
  for (let i = teams; i < services; i++) {
    call(i - teams * Math.ceil(next() * Math.min(3, Math.floor(i / teams))), i); // its own team
    if (next() < 0.7) call(Math.floor(next() * i), i); // another one
  }
  for (let i = 0; i < services; i += 4) {
    nodes.push({ id: `database:s-${i}/postgresql`, kind: "database", name: `s-${i}/postgresql` });
    edges.push({ from: id(i), to: `database:s-${i}/postgresql`, kind: "database", declared: true, rates: rates(30) });
  }
  return { nodes, edges };
}
