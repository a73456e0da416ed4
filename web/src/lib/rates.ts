// What the stream says of requests, and what is made of it.

export interface EdgeRate {
  from: string;
  to: string;
  route?: string;
  rps: number;
  eps: number;
  /** Seconds, over the last ten. */
  p50: number;
  p95: number;
  p99: number;
  in_flight?: number;
  codes?: Record<string, number>;
}

export interface Sample {
  time: string;
  seconds: number;
  edges?: EdgeRate[];
}

/** Flow is what happens on some edges together. */
export interface Flow {
  rps: number;
  eps: number;
  /** Seconds: of the slowest edge. */
  p95: number;
}

export const mirrored = (edge: EdgeRate): boolean => edge.route?.includes("mirror of ") ?? false;

/** flow adds up the edges that are asked for; copies of requests are none. */
export function flow(sample: Sample | undefined, wanted: (edge: EdgeRate) => boolean): Flow {
  const sum: Flow = { rps: 0, eps: 0, p95: 0 };
  for (const edge of sample?.edges ?? []) {
    if (mirrored(edge) || !wanted(edge)) continue;
    sum.rps += edge.rps;
    sum.eps += edge.eps;
    sum.p95 = Math.max(sum.p95, edge.p95);
  }
  return sum;
}

/** Hot is an edge as it was over some samples. */
export interface Hot {
  edge: EdgeRate;
  rps: number;
  eps: number;
  p95: number;
}

/** slowest orders the edges by their 95th percentile, the slowest first; each value is the mean of the samples that have the edge. */
export function slowest(samples: readonly Sample[], most: number): Hot[] {
  const edges = new Map<string, Hot & { seen: number; weighted: number }>();
  for (const edge of samples.flatMap((sample) => sample.edges ?? [])) {
    if (mirrored(edge) || edge.to === "") continue;
    const key = JSON.stringify([edge.from, edge.to, edge.route ?? ""]);
    const hot = edges.get(key) ?? { edge, rps: 0, eps: 0, p95: 0, seen: 0, weighted: 0 };
    hot.rps += edge.rps;
    hot.eps += edge.eps;
    hot.weighted += edge.p95;
    hot.seen += edge.p95 > 0 ? 1 : 0;
    edges.set(key, hot);
  }
  const count = Math.max(samples.length, 1);
  return [...edges.values()]
    .map(({ edge, rps, eps, seen, weighted }) => ({ edge, rps: rps / count, eps: eps / count, p95: seen ? weighted / seen : 0 }))
    .filter((hot) => hot.p95 > 0)
    .sort((a, b) => b.p95 - a.p95)
    .slice(0, most);
}
