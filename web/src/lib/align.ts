import type { Series } from "../api/prometheus";

/** Aligned is one time axis with a column of values for each series; null where it has none. */
export interface Aligned {
  times: number[];
  columns: (number | null)[][];
}

/** align puts series of a range query on the axis from from to to, in seconds. */
export function align(series: readonly Pick<Series, "values">[], from: number, to: number, step: number): Aligned {
  const count = Math.floor((to - from) / step) + 1;
  const times = Array.from({ length: Math.max(count, 0) }, (_, i) => from + i * step);
  const columns = series.map((one) => {
    const column = new Array<number | null>(times.length).fill(null);
    for (const [time, value] of one.values) {
      const i = Math.round((time - from) / step);
      const n = Number(value);
      if (i >= 0 && i < column.length && Number.isFinite(n)) column[i] = n;
    }
    return column;
  });
  return { times, columns };
}
