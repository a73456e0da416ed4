import { parents, type Row } from "./waterfall";

/** Flame is a trace as nested blocks: each span below its parent, those that overlap in lanes of their own. */
export interface Flame {
  /** The lane of each row, from the top. */
  lanes: Int32Array;
  /** The rows of each lane, the earlier first. */
  byLane: number[][];
  /** The index of each row's parent; -1: it has none. */
  parents: Int32Array;
}

/** Stretch is a part of a trace's time, in milliseconds from its begin. */
export interface Stretch {
  from: number;
  to: number;
}

const equal = 0.001; // ms: times are read to microseconds, with an error

/** flame puts what is below a span into one block, and blocks that overlap in time below each other. */
export function flame(rows: readonly Row[]): Flame {
  const ups = parents(rows);
  const offset = new Int32Array(rows.length); // below the parent's lane
  const tall = new Int32Array(rows.length); // lanes of the row and all below it
  const begin = new Float64Array(rows.length); // of the row and all below it: clocks differ, and children begin before their parents
  const end = new Float64Array(rows.length);
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i] as Row;
    begin[i] = row.start;
    end[i] = row.start + row.length;
    tall[i] = 1 + pack(children(rows, i), 1);
  }
  const tops = children(rows, -1);
  pack(tops, 0);
  const lanes = new Int32Array(rows.length);
  const byLane: number[][] = [];
  for (const [i] of rows.entries()) {
    const up = ups[i] as number;
    const lane = (up < 0 ? 0 : (lanes[up] as number)) + (offset[i] as number);
    lanes[i] = lane;
    (byLane[lane] ??= []).push(i);
  }
  for (const lane of byLane) lane.sort((a, b) => (rows[a] as Row).start - (rows[b] as Row).start);
  return { lanes, byLane, parents: ups };

  /** pack gives blocks the highest place that is free, and answers how many lanes they take. */
  function pack(blocks: number[], first: number): number {
    const free: number[] = []; // when each lane is
    for (const block of blocks.sort((a, b) => (begin[a] as number) - (begin[b] as number))) {
      const height = tall[block] as number;
      const start = begin[block] as number;
      let at = 0;
      for (let lane = 0; lane < at + height && lane < free.length; lane++) if ((free[lane] as number) > start + equal) at = lane + 1;
      const until = end[block] as number;
      for (let lane = at; lane < at + height; lane++) free[lane] = until;
      offset[block] = first + at;
      const up = ups[block] as number;
      if (up < 0) continue;
      begin[up] = Math.min(begin[up] as number, start);
      end[up] = Math.max(end[up] as number, until);
    }
    return free.length;
  }
}

/** children are the indices of the rows directly below one; of -1, those at the top. */
export function children(rows: readonly Row[], parent: number): number[] {
  const list: number[] = [];
  const last = parent < 0 ? rows.length - 1 : parent + (rows[parent]?.below ?? 0);
  for (let i = parent + 1; i <= last; i += (rows[i]?.below ?? 0) + 1) list.push(i);
  return list;
}

/** Step is a way through a flame. */
export type Step = "up" | "down" | "left" | "right";

/** step is the row that an arrow leads to: the parent, the longest child, or the neighbour in the same lane. */
export function step(rows: readonly Row[], { lanes, byLane, parents: ups }: Flame, from: number, way: Step): number {
  if (way === "up") return (ups[from] ?? -1) < 0 ? from : (ups[from] as number);
  if (way === "down") return children(rows, from).reduce((best, i) => (best === from || (rows[i]?.length ?? 0) > (rows[best]?.length ?? 0) ? i : best), from);
  const lane = byLane[lanes[from] ?? 0] ?? [];
  return lane[lane.indexOf(from) + (way === "left" ? -1 : 1)] ?? from;
}

/** hit is the row of a lane at a time; -1: there is none. Short ones are wider than they are by slack on both sides. */
export function hit(rows: readonly Row[], lane: readonly number[], time: number, slack: number): number {
  const over = (i: number, by: number): boolean => {
    const row = rows[i] as Row;
    return time >= row.start - by && time <= row.start + row.length + by;
  };
  return lane.find((i) => over(i, 0)) ?? lane.find((i) => over(i, slack)) ?? -1;
}

const shortest = 0.001; // ms: no stretch is smaller

/** around is the stretch that shows a row, with a little beside it. */
export function around(row: Row): Stretch {
  const room = Math.max(row.length * 0.02, shortest / 2);
  return { from: row.start - room, to: row.start + Math.max(row.length, shortest) + room };
}

/** zoom makes a stretch smaller or larger around a time, within a trace's length. */
export function zoom({ from, to }: Stretch, factor: number, time: number, length: number): Stretch {
  const size = Math.min(Math.max((to - from) * factor, shortest), length || shortest);
  const part = to > from ? (time - from) / (to - from) : 0.5;
  return within({ from: time - part * size, to: time + (1 - part) * size }, length);
}

/** within moves a stretch back into a trace. */
export function within({ from, to }: Stretch, length: number): Stretch {
  const size = Math.min(to - from, length || to - from);
  const begin = Math.min(Math.max(from, 0), Math.max(length - size, 0));
  return { from: begin, to: begin + size };
}
