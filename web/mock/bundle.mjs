/** bundle exports what is no bundle, and imports anything. */
export async function bundle(request, response, url) {
  if (request.method === "GET") {
    const name = `shop-${url.searchParams.get("trace")?.slice(0, 8) || "telemetry"}.tar.gz`;
    return response.writeHead(200, { "Content-Type": "application/gzip", "Content-Disposition": `attachment; filename="${name}"` }).end("not a bundle");
  }
  for await (const _ of request);
  const now = Date.now();
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({
    bundle: "shop-incident-7", filter: "banyan.bundle=shop-incident-7", app: "shop", traces: 12, spans: 276, logs: 340, known_traces: 2, known_spans: 46, known_logs: 3, too_old: 0,
    from: new Date(now - 86_400_000).toISOString(), to: new Date(now - 82_800_000).toISOString(), kept_until: new Date(now + 5 * 86_400_000).toISOString(), left: ["the spans of 3 traces that were sampled"],
  }));
}
