import { parse, type Range } from "./range";
import { route } from "./router.svelte";

/** chosen is the time range of the address. */
export function chosen(usual: string): Range {
  return parse(route.get("last"), route.get("from"), route.get("to"), usual);
}
