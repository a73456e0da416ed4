/** line is the path of values over a box; empty for fewer than two. */
export function line(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const most = Math.max(...values, 0) || 1;
  const step = width / (values.length - 1);
  return values.map((value, i) => `${i ? "L" : "M"}${round(i * step)} ${round(height - 1 - (Math.max(value, 0) / most) * (height - 2))}`).join("");
}

/** area closes a line's path along the bottom. */
export function area(path: string, width: number, height: number): string {
  return `${path}L${width} ${height}L0 ${height}Z`;
}

const round = (n: number): number => Math.round(n * 10) / 10;
