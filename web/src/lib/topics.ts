import { at, int } from "../api/proto";
import type { Topics } from "../api/events";

/** perSecond is how often events are published to a topic, from two readings; undefined: the counting began anew. */
export function perSecond(now: Topics | undefined, before: Topics | undefined, name: string): number | undefined {
  if (!now || !before || now.since !== before.since) return undefined;
  const published = (of: Topics): number => int(of.topics?.find((topic) => topic.name === name)?.published);
  const seconds = (at(now.time) - at(before.time)) / 1000;
  return seconds > 0 ? Math.max(published(now) - published(before), 0) / seconds : undefined;
}
