// What is not as it usually is, although all services are ready.
import type { Lines } from "./history";
import { slowest, type EdgeRate, type Hot, type Sample } from "./rates";

/** Trouble is calls that fail, or that take much longer than they usually do. */
export interface Trouble {
  edge: EdgeRate;
  /** The share that fails. */
  errors: number;
  /** Seconds: as it is, and as it usually is; 0 where that is not known. */
  p95: number;
  usual: number;
  what: "failing" | "slow";
}

const recent = 10; // samples: seconds
const errorsFrom = 0.05;
const slowFactor = 3;
const slowLeast = 0.1; // seconds: what is faster disturbs nobody
const knownFrom = 3; // points

export const edgeKey = ({ from, to, route = "" }: { from: string; to: string; route?: string }): string => JSON.stringify([from, to, route]);

/** usual is how slow an edge is when nothing is wrong: a quarter of the time it was faster. */
export function usual(points: readonly number[] | undefined): number {
  const known = (points ?? []).filter((point) => point > 0).sort((a, b) => a - b);
  return known.length < knownFrom ? 0 : (known[Math.floor(known.length / 4)] ?? 0);
}

/** troubles finds them, the worst first: what fails, then what is slower by the largest factor, which is nearest to the cause. */
export function troubles(samples: readonly Sample[], before: Lines): Trouble[] {
  const hot = slowest(samples.slice(-recent), Number.POSITIVE_INFINITY);
  return hot.flatMap((one) => trouble(one, usual(before.get(edgeKey(one.edge))))).sort((a, b) => rank(b) - rank(a));
}

function trouble({ edge, rps, eps, p95 }: Hot, normal: number): Trouble[] {
  const errors = rps > 0 ? eps / rps : 0;
  const slow = normal > 0 && p95 > slowLeast && p95 > slowFactor * normal;
  if (errors > errorsFrom) return [{ edge, errors, p95, usual: normal, what: "failing" }];
  return slow ? [{ edge, errors, p95, usual: normal, what: "slow" }] : [];
}

const rank = ({ what, errors, p95, usual: normal }: Trouble): number => (what === "failing" ? 1e6 + errors : p95 / normal);
