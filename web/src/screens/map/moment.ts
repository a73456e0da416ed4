import { length } from "../../lib/range";

/** reaches are how far back the slider goes. */
export const reaches = ["15m", "1h", "6h", "24h", "7d"] as const;
export const stops = 120;

const leastWindow = 60_000;

/** Reel is the while that the slider is moved over, in milliseconds. */
export interface Reel {
  from: number;
  to: number;
  step: number;
  /** What a map is the mean of: it ends at the slider. */
  window: number;
}

/** reel ends at a whole step, so that what is asked of it stays the same for a while. */
export function reel(last: string, now: number): Reel {
  const reach = length(reaches.find((one) => one === last) ?? "1h");
  const step = reach / stops;
  const to = Math.floor(now / step) * step;
  return { from: to - reach, to, step, window: Math.max(step, leastWindow) };
}

/** chosenTime is the time that an address names, if the slider can be there; 0: now. */
export function chosenTime(at: string, { from, to }: Reel): number {
  const time = Number(at);
  return at && Number.isFinite(time) && time < to ? Math.max(time, from) : 0;
}
