export interface Point {
  x: number;
  y: number;
}

/** Layout is where nodes' middles and edges' bends are. */
export interface Layout {
  nodes: Map<string, Point>;
  edges: Map<string, Point[]>;
  width: number;
  height: number;
}

export const nodeWidth = 172;
export const nodeHeight = 46;

/** curve is a smooth path through points: with one bend an S, with more each is a control point. */
export function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (!first || !last) return "";
  const start = `M${round(first.x)} ${round(first.y)}`;
  if (points.length <= 3 && last.x > first.x) {
    const half = round((first.x + last.x) / 2);
    return `${start}C${half} ${round(first.y)} ${half} ${round(last.y)} ${round(last.x)} ${round(last.y)}`;
  }
  const bends = rest.slice(0, -1).map((bend, i) => {
    const next = rest[i + 1] ?? last;
    const to = i === rest.length - 2 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    return `Q${round(bend.x)} ${round(bend.y)} ${round(to.x)} ${round(to.y)}`;
  });
  return start + (bends.length ? bends.join("") : `L${round(last.x)} ${round(last.y)}`);
}

/** middle is a place on the curve for its label: of a short one nearer to its end, where those that begin together are apart. */
export function middle(points: readonly Point[]): Point {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return { x: 0, y: 0 };
  if (points.length <= 3) return { x: round(first.x + 0.58 * (last.x - first.x)), y: round(first.y + 0.68 * (last.y - first.y)) };
  const i = Math.floor(points.length / 2);
  const [a = first, b = last] = [points[i - 1], points[i]];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

const round = (n: number): number => Math.round(n * 10) / 10;
