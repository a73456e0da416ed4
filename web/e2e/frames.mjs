// How smooth a page is: how long its frames take, and the tasks of its main thread that are felt.

/** watch records long tasks from the next page that is opened on. */
export const watch = (page) => page.addInitScript(() => {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask", buffered: true });
});

/** longest is the longest task since it was asked before; 0: all were short. */
export const longest = async (page) => Math.round(Math.max(0, ...(await page.evaluate(() => globalThis.longTasks.splice(0)))));

/** frames records for so many milliseconds how long each frame takes, the shortest first. */
export const frames = (page, ms) => page.evaluate((length) => new Promise((done) => {
  const times = [];
  let before = performance.now();
  const end = before + length;
  const frame = (now) => {
    times.push(now - before);
    before = now;
    if (now < end) requestAnimationFrame(frame);
    else done(times.sort((a, b) => a - b));
  };
  requestAnimationFrame(frame);
}), ms);

/** quantile is a part of the way through a sorted list, in whole milliseconds. */
export const quantile = (sorted, part) => Math.round(sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)]);
