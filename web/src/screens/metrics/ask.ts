import { CallError } from "../../api/call";
import { queryExemplars, queryRange, type Series } from "../../api/prometheus";
import { dots, type Dot } from "../../lib/exemplars";
import { step } from "../../lib/promql";
import type { Span } from "../../lib/range";
import { unit, type Unit } from "../../lib/unit";

/** Asked is an expression, and which box it is in. */
export interface Asked {
  expression: string;
  place: number;
}

interface Answer {
  place: number;
  unit: Unit;
  series: Series[];
  /** Why there is no answer; empty: there is one. */
  error: string;
}

/** Found is what came of some expressions, on one axis of time in seconds. */
export interface Found {
  from: number;
  to: number;
  step: number;
  results: Answer[];
}

/** ask evaluates expressions; what is wrong with one does not keep the others from being seen. */
export async function ask(asked: readonly Asked[], span: Span, signal: AbortSignal): Promise<Found> {
  const seconds = step(span.to - span.from);
  const to = Math.floor(span.to / 1000 / seconds) * seconds;
  const from = Math.ceil(span.from / 1000 / seconds) * seconds;
  const results = await Promise.all(asked.map(async ({ expression, place }): Promise<Answer> => {
    const answer = { place, unit: unit(expression), series: [], error: "" };
    try {
      return { ...answer, series: await queryRange(expression, from, to, seconds, signal) };
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== "invalid_argument") throw error;
      return { ...answer, error: error.message };
    }
  }));
  return { from, to, step: seconds, results };
}

/** Exampled are exemplars of expressions of one unit. */
export interface Exampled {
  unit: Unit;
  dots: Dot[];
}

/** examples asks for requests that were counted. A chart does without them where there are none, or no answer. */
export async function examples(asked: readonly Asked[], span: Span, signal: AbortSignal): Promise<Exampled[]> {
  const [from, to] = [Math.floor(span.from / 1000), Math.ceil(span.to / 1000)];
  return Promise.all(asked.map(async ({ expression }) => {
    const found = await queryExemplars(expression, from, to, signal).catch(() => []);
    return { unit: unit(expression), dots: dots(found, from, to) };
  }));
}
