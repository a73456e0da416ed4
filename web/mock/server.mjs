// A stand-in for the daemon: serves the built dashboard under its real policy, and an app that is not
// there. node mock/server.mjs [PORT] [DIST]; port 0 takes a free one, which is printed.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { answer } from "./answers.mjs";
import { bundle } from "./bundle.mjs";
import { prometheus } from "./prometheus.mjs";
import { stream, subscribe } from "./stream.mjs";

const [port = "4777", dist = fileURLToPath(new URL("../../internal/dash/dist", import.meta.url))] = process.argv.slice(2);

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function file(response, path) {
  let name = join(dist, normalize(path));
  if (!existsSync(name) || statSync(name).isDirectory()) name = join(dist, "index.html");
  response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" });
  createReadStream(name).pipe(response);
}

async function api(request, response, url) {
  const path = url.pathname.slice("/api/".length);
  if (path === "session") {
    return json(response, 200, { role: url.searchParams.get("role") ?? "operator", who: "cli", app: "shop", version: "0.0.0-mock", boot: "b1", telemetry: true });
  }
  if (path === "telemetry/bundle") return bundle(request, response, url);
  if (path === "stream") return stream(request, response);
  if (path.startsWith("stream/")) return subscribe(response, path.slice("stream/".length), await body(request));
  const [status, said] = answer(path.replace("banyan.v1.", ""), await body(request));
  json(response, status, said);
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://mock");
  if (url.pathname.startsWith("/prometheus/")) return json(response, 200, prometheus(url));
  if (!url.pathname.startsWith("/api/")) return file(response, url.pathname);
  api(request, response, url).catch((error) => json(response, 500, { code: "internal", message: String(error) }));
});

server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
