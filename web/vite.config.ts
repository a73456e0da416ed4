import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const api = process.env.BANYAN_DASH ?? "http://127.0.0.1:4777";
const packLeast = 1024; // smaller files gain nothing

/** pack writes a .gz beside each file that gains by it: the server sends these as they are. */
function pack(): Plugin {
  return {
    name: "pack",
    apply: "build",
    writeBundle({ dir = "" }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const data = readFileSync(join(dir, name));
        if (data.length < packLeast) continue;
        const packed = gzipSync(data, { level: 9 });
        packed[9] = 255; // the system that packed it: not said, so that all make the same
        writeFileSync(join(dir, `${name}.gz`), packed);
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), pack()],
  build: {
    outDir: process.env.BANYAN_DIST ?? "../internal/dash/dist",
    emptyOutDir: true,
    target: "es2022",
    // The dashboard's policy refuses data: addresses and inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What most screens use comes with the first one, rather than in many small files.
        codeSplitting: { groups: [{ name: "base", test: /web\/(src\/(ui|lib|api|i18n|stream)\/|node_modules\/svelte\/)/ }] },
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/api": api, "/prometheus": api } },
});
