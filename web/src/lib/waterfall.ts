import { at, ms } from "../api/proto";
import type { Span } from "../api/telemetry";

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
}

export interface Waterfall {
  /** Parents before children, earlier before later. */
  rows: Row[];
  begin: number;
  length: number;
  breaks: number;
}

/** waterfall lays a trace's spans out. Spans that name each other as parents in a circle come last, as broken ones. */
export function waterfall(spans: readonly Span[]): Waterfall {
  const begin = spans.reduce((least, span) => Math.min(least, at(span.start)), Infinity);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const children = new Map<string, Span[]>();
  const tops: Span[] = [];
  for (const span of [...spans].sort((a, b) => at(a.start) - at(b.start))) {
    const parent = span.parentId ?? "";
    if (parent && parent !== span.spanId && byId.has(parent)) children.set(parent, [...(children.get(parent) ?? []), span]);
    else tops.push(span);
  }
  const rows: Row[] = [];
  const seen = new Set<Span>();
  for (const top of tops) place(top, 0);
  for (const span of spans) if (!seen.has(span)) place(span, 0, true);

  function place(top: Span, topDepth: number, circle = false): void {
    const open: { row: Row; index: number }[] = [];
    const todo: { span: Span; depth: number }[] = [{ span: top, depth: topDepth }];
    for (let next = todo.pop(); next; next = todo.pop()) {
      if (seen.has(next.span)) continue;
      seen.add(next.span);
      const below = children.get(next.span.spanId) ?? [];
      close(open, next.depth, rows.length);
      const row: Row = {
        span: next.span, depth: next.depth, start: at(next.span.start) - begin, length: ms(next.span.duration), own: own(next.span, below), below: 0,
        broken: next.depth === 0 && (circle || Boolean(next.span.parentId)), failed: next.span.status === "error",
      };
      open.push({ row, index: rows.length });
      rows.push(row);
      for (const child of below.toReversed()) todo.push({ span: child, depth: next.depth + 1 });
    }
    close(open, topDepth, rows.length);
  }

  const length = rows.reduce((most, row) => Math.max(most, row.start + row.length), 0);
  return { rows, begin: Number.isFinite(begin) ? begin : 0, length, breaks: rows.filter((row) => row.broken).length };
}

/** close counts what came below the rows that are as deep or deeper. */
function close(open: { row: Row; index: number }[], depth: number, rows: number): void {
  for (let last = open.at(-1); last && last.row.depth >= depth; last = open.at(-1)) {
    last.row.below = rows - last.index - 1;
    open.pop();
  }
}

/** own is a span's time without that in which a child runs. */
function own(span: Span, children: readonly Span[]): number {
  const begin = at(span.start);
  const end = begin + ms(span.duration);
  let rest = ms(span.duration);
  let covered = begin;
  for (const child of children) {
    const from = Math.max(at(child.start), covered);
    const to = Math.min(at(child.start) + ms(child.duration), end);
    if (to <= from) continue;
    rest -= to - from;
    covered = to;
  }
  return Math.max(rest, 0);
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

/** mentions says whether a span has a word in its name, service, message, attributes or events. */
export function mentions(span: Span, word: string): boolean {
  const wanted = word.toLowerCase();
  const has = (text: string | undefined): boolean => text?.toLowerCase().includes(wanted) ?? false;
  const attributes = [...(span.attributes ?? []), ...(span.events ?? []).flatMap((event) => event.attributes ?? [])];
  return has(span.name) || has(span.service) || has(span.message) || has(span.spanId) || has(span.scope)
    || attributes.some((attribute) => has(attribute.key) || has(attribute.value) || has(`${attribute.key}=${attribute.value}`));
}

export interface Share {
  service: string;
  spans: number;
  errors: number;
  own: number;
}

/** shares is how much of a trace's own time each service has, the most first. */
export function shares(rows: readonly Row[]): Share[] {
  const byName = new Map<string, Share>();
  for (const row of rows) {
    const service = row.span.service ?? "";
    const share = byName.get(service) ?? { service, spans: 0, errors: 0, own: 0 };
    share.spans++;
    share.errors += row.failed ? 1 : 0;
    share.own += row.own;
    byName.set(service, share);
  }
  return [...byName.values()].sort((a, b) => b.own - a.own);
}
