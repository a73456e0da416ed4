import type { Words } from "../../i18n";
import { term } from "../../lib/filter";
import type { EdgeRate } from "../../lib/rates";
import { address } from "../../lib/router.svelte";
import type { Trouble } from "../../lib/trouble";

/** ends are who makes an edge's requests, and who answers them, to people. */
export function ends({ from, to }: EdgeRate, words: Words): string {
  const name = (service: string): string => (service === "gateway" ? words.outside : service === "banyan" ? words.home.trouble.banyan : service);
  return `${name(from)} → ${name(to)}`;
}

const terms = ({ from, to }: EdgeRate): string[] => [term("service", to), ...(from === "gateway" ? [] : [term("banyan.caller", from)])];

/** slowest is where an edge's slowest traces of the last minutes are. */
export function slowest(edge: EdgeRate): string {
  return address("/traces", { q: terms(edge).join(" "), order: "slow", last: "5m" });
}

/** affected is where the newest traces are in which a trouble is seen: it may be new, and the slowest older. */
export function affected({ edge, what, p95 }: Trouble): string {
  const seen = what === "failing" ? "status=error" : `duration>${Math.round(p95 * 500)}ms`;
  return address("/traces", { q: [...terms(edge), seen].join(" "), last: "5m" });
}
