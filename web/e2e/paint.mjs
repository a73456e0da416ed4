// What the first visit costs: node e2e/paint.mjs (npm run paint)
// It prints the bytes that come over the network for Home, packed, and when the first content is
// painted, the median of several cold visits.
import { gzipSync } from "node:zlib";
import { mock, open } from "./page.mjs";

const visits = 5;
const server = await mock();
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const paints = [];
let packed = 0;
try {
  for (let i = 0; i < visits; i++) {
    const { browser, page } = await open({ executable: process.env.BANYAN_E2E_CHROMIUM ?? "/usr/bin/chromium", base: server.base });
    const files = [];
    page.on("response", (response) => {
      const path = new URL(response.url()).pathname;
      if (!path.startsWith("/api/") && !path.startsWith("/prometheus/")) files.push(response.body().then((body) => gzipSync(body, { level: 9 }).length, () => 0));
    });
    await page.goto("/");
    await page.locator("main h1").waitFor();
    paints.push(await page.evaluate(() => new Promise((done) => new PerformanceObserver((list) => {
      const entry = list.getEntriesByName("first-contentful-paint")[0];
      if (entry) done(entry.startTime);
    }).observe({ type: "paint", buffered: true }))));
    packed = (await Promise.all(files)).reduce((sum, size) => sum + size, 0);
    await browser.close();
  }
} finally {
  server.stop();
}
console.log(`first paint of Home: ${Math.round(median(paints))} ms (median of ${visits}); ${(packed / 1024).toFixed(1)} KiB gzip`);
