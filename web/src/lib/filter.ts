import type { Completion } from "../api/telemetry";
import { toUnits } from "./utf8";

/** Edit is a text with a cursor. */
export interface Edit {
  text: string;
  cursor: number;
}

/** accept puts a suggestion in its place. */
export function accept(text: string, completion: Completion, suggestion: string): Edit {
  const from = toUnits(text, completion.from ?? 0);
  const to = toUnits(text, completion.to ?? 0);
  return { text: text.slice(0, from) + suggestion + text.slice(to), cursor: from + suggestion.length };
}

const bare = /^[\w./:@-]+$/;

/** term is a condition of a filter: the value is quoted where it must be. */
export function term(field: string, value: string): string {
  return `${field}=${bare.test(value) ? value : JSON.stringify(value)}`;
}

/** toggle adds a condition to a filter, or removes it if it is there. */
export function toggle(filter: string, condition: string): string {
  const parts = filter.split(" ").filter(Boolean);
  const without = parts.filter((part) => part !== condition);
  if (without.length < parts.length) return without.join(" ");
  return [...parts, condition].join(" ");
}

export const has = (filter: string, condition: string): boolean => filter.split(" ").includes(condition);
