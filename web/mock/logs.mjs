import { iso } from "./app.mjs";
import { traceIds } from "./traces.mjs";

const lines = [
  ["order", "info", "order placed", [["order_id", "o-81723"], ["items", "3"]]], ["payment", "error", "charge failed: card network answered 503 after 380ms", [["attempt", "2"], ["order_id", "o-81723"], ["amount", "42.50"], ["error.kind", "NetworkError"]]],
  ["catalog", "debug", "cache hit for product lamp-12", []], ["storefront", "info", "GET /products/lamp-12 200 4ms", [["status", "200"], ["method", "GET"], ["path", "/products/lamp-12"], ["user_agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"]]], ["inventory", "warn", "stock of lamp-12 is low: 3 left", [["sku", "lamp-12"]]],
  ["user", "info", "session opened", []], ["recommendation", "", "127.0.0.1 - - \"GET /for/lamp-12 HTTP/1.1\" 200 -", []],
  ["payment", "fatal", "panic: runtime error: invalid memory address or nil pointer dereference\ngoroutine 41 [running]:\nmain.charge(0x0)\n\t/shop/payment/charge.go:41 +0x1d\nmain.main()\n\t/shop/payment/main.go:22 +0x88", []],
];

export function line(time, i) {
  const [service, severity, text, attributes] = lines[i % lines.length];
  const traced = i % 3 !== 2;
  return {
    time: iso(time), service, severity: severity || undefined, text, instance: `${service}-1`, revision: "7c41fe09ab12", traceId: traced ? traceIds[i % traceIds.length] : undefined, spanId: traced ? "00f067aa0ba902b7" : undefined,
    resource: i % 11 === 7 ? [{ key: "banyan.bundle", value: "shop-incident-7", type: "string" }] : undefined,
    attributes: [["log.iostream", "stdout"], ...attributes].map(([key, value]) => ({ key, value, type: "string" })),
  };
}

export function searchLogs({ filter = "", limit = 200, cursor }) {
  if (filter.includes("nothing")) return { logs: [], scannedLogs: "120000", scannedBlocks: 4 };
  const from = Number(cursor ?? 0);
  const logs = Array.from({ length: limit }, (_, i) => line(Date.now() - (from + i) * 7300, from + i));
  return { logs, next: from + limit < 600 ? String(from + limit) : undefined, scannedLogs: "48211", scannedBlocks: 2 };
}

export function countLogs({ from, to, buckets = 60, filter = "", fields = [] }) {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const step = (end - begin) / buckets;
  const empty = filter.includes("nothing");
  return {
    step: `${step / 1000}s`, total: empty ? "0" : "48211",
    buckets: empty ? [] : Array.from({ length: buckets }, (_, i) => ({ start: iso(begin + i * step), counts: { info: String(80 + Math.round(40 * Math.sin(i / 4))), debug: String(30 + (i % 7)), warn: String(i % 5), error: i > 40 ? String((i * 7) % 23) : undefined, "": "9" } })),
    facets: empty ? [] : [
      { field: "service", values: [["storefront", 20110], ["order", 12110], ["payment", 8120], ["catalog", 5120], ["user", 2751]].map(([value, count]) => ({ value, count: String(count) })) },
      { field: "severity", values: [["info", 31400], ["debug", 12800], ["warn", 2411], ["error", 1600]].map(([value, count]) => ({ value, count: String(count) })) },
      { field: "instance", values: [["order-1", 7110], ["order-2", 5000]].map(([value, count]) => ({ value, count: String(count) })) },
      ...fields.slice(3).map((field) => ({ field, values: [...new Set(lines.flatMap(([, , , attributes]) => attributes.filter(([key]) => key === field).map(([, value]) => value)))].map((value, i) => ({ value, count: String(4100 - 700 * i) })) })),
    ],
  };
}
