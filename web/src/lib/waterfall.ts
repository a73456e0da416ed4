import { at, ms } from "../api/proto";
import type { Span } from "../api/telemetry";
import { apart } from "./hue";

/** Row is a span in its place: below its parent, on a time axis from 0 to the trace's length. */
export interface Row {
  span: Span;
  depth: number;
  /** Milliseconds from the trace's begin. */
  start: number;
  length: number;
  /** What no child takes of it, in milliseconds. */
  own: number;
  /** How many spans are below it. */
  below: number;
  /** Its parent is named, but is not in the trace. */
  broken: boolean;
  failed: boolean;
  /** The class of its service's colour, which tells it from the trace's others. */
  hue: string;
}

export interface Waterfall {
  /** Parents before children, earlier before later. */
  rows: Row[];
  begin: number;
  length: number;
  breaks: number;
}

/** Timed is a span whose times are read. */
interface Timed {
  span: Span;
  start: number;
  took: number;
}

/** waterfall lays a trace's spans out. Spans that name each other as parents in a circle come last, as broken ones. */
export function waterfall(spans: readonly Span[]): Waterfall {
  const all = spans.map((span): Timed => ({ span, start: at(span.start), took: ms(span.duration) })).sort((a, b) => a.start - b.start);
  const begin = all[0]?.start ?? 0;
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, Timed[]>();
  const tops: Timed[] = [];
  for (const one of all) {
    const parent = one.span.parentId ?? "";
    const siblings = children.get(parent);
    if (!parent || parent === one.span.spanId || !ids.has(parent)) tops.push(one);
    else if (siblings) siblings.push(one);
    else children.set(parent, [one]);
  }
  const hues = apart(all.map(({ span }) => span.service ?? ""));
  const rows: Row[] = [];
  const seen = new Set<Timed>();
  for (const top of tops) place(top);
  for (const one of all) if (!seen.has(one)) place(one, true);

  function place(top: Timed, circle = false): void {
    const open: { row: Row; index: number }[] = [];
    const todo: { one: Timed; depth: number }[] = [{ one: top, depth: 0 }];
    for (let next = todo.pop(); next; next = todo.pop()) {
      const { one, depth } = next;
      if (seen.has(one)) continue;
      seen.add(one);
      const below = children.get(one.span.spanId) ?? [];
      close(open, depth, rows.length);
      const row: Row = {
        span: one.span, depth, start: one.start - begin, length: one.took, own: own(one, below), below: 0,
        broken: depth === 0 && (circle || Boolean(one.span.parentId)), failed: one.span.status === "error", hue: hues.get(one.span.service ?? "") ?? "",
      };
      open.push({ row, index: rows.length });
      rows.push(row);
      for (const child of below.toReversed()) todo.push({ one: child, depth: depth + 1 });
    }
    close(open, 0, rows.length);
  }

  const length = rows.reduce((most, row) => Math.max(most, row.start + row.length), 0);
  return { rows, begin, length, breaks: rows.filter((row) => row.broken).length };
}

/** close counts what came below the rows that are as deep or deeper. */
function close(open: { row: Row; index: number }[], depth: number, rows: number): void {
  for (let last = open.at(-1); last && last.row.depth >= depth; last = open.at(-1)) {
    last.row.below = rows - last.index - 1;
    open.pop();
  }
}

/** own is a span's time without that in which a child runs. */
function own(span: Timed, children: readonly Timed[]): number {
  const end = span.start + span.took;
  let rest = span.took;
  let covered = span.start;
  for (const child of children) {
    const from = Math.max(child.start, covered);
    const to = Math.min(child.start + child.took, end);
    if (to <= from) continue;
    rest -= to - from;
    covered = to;
  }
  return Math.max(rest, 0);
}

/** parents are the indices of the rows' parents; -1: it has none. */
export function parents(rows: readonly Row[]): Int32Array {
  const list = new Int32Array(rows.length).fill(-1);
  const open: number[] = [];
  for (const [i, row] of rows.entries()) {
    open.length = row.depth;
    list[i] = open.at(-1) ?? -1;
    open.push(i);
  }
  return list;
}

/** visible leaves out what is below collapsed spans. */
export function visible(rows: readonly Row[], collapsed: ReadonlySet<string>): Row[] {
  const list: Row[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (!row) break;
    list.push(row);
    if (collapsed.has(row.span.spanId)) i += row.below;
  }
  return list;
}

export interface Share {
  service: string;
  spans: number;
  errors: number;
  own: number;
  hue: string;
}

/** shares is how much of a trace's own time each service has, the most first. */
export function shares(rows: readonly Row[]): Share[] {
  const byName = new Map<string, Share>();
  for (const row of rows) {
    const service = row.span.service ?? "";
    const share = byName.get(service) ?? { service, spans: 0, errors: 0, own: 0, hue: row.hue };
    share.spans++;
    share.errors += row.failed ? 1 : 0;
    share.own += row.own;
    byName.set(service, share);
  }
  return [...byName.values()].sort((a, b) => b.own - a.own);
}
