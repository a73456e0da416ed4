import type { Series } from "../../api/prometheus";
import { legend } from "../../lib/promql";
import type { Unit } from "../../lib/unit";

/** parameters are where the expressions are in an address, the first one first. */
export const parameters = ["q", "q2", "q3", "q4"] as const;

/** letter names an expression among several. */
export const letter = (i: number): string => String.fromCharCode(65 + i);

/** Line is a series of a chart. */
export interface Line {
  name: string;
  unit: Unit;
  values: Series["values"];
}

/** lines are the series of some expressions; where there are several, their names say whose they are. */
export function lines(found: readonly { place: number; unit: Unit; series: readonly Series[] }[]): Line[] {
  const several = found.length > 1;
  return found.flatMap(({ place, unit, series }) => series.map((one) => ({ name: several ? `${letter(place)} ${legend(one.metric)}` : legend(one.metric), unit, values: one.values })));
}
