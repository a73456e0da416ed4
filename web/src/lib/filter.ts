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
const plain = /^[a-zA-Z_][\w.-]*$/;

/** term is a condition of a filter: field and value are quoted where they must be. */
export function term(field: string, value: string): string {
  return `${plain.test(field) ? field : JSON.stringify(field)}=${bare.test(value) ? value : JSON.stringify(value)}`;
}

const own = new Set(["service", "instance", "revision", "scope", "trace", "span", "severity", "level", "text", "name", "status", "message", "duration", "kind", "parent"]);

/** attributeTerm is a condition on an attribute, also where it is called like a field. */
export function attributeTerm(key: string, value: string): string {
  return own.has(key) ? `"${key}"=${JSON.stringify(value)}` : term(key, value);
}

/** parts are a filter's at its spaces, but for those within quotes or parentheses. */
function parts(filter: string): string[] {
  return filter.match(/(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|\((?:[^()"']|"[^"]*"|'[^']*'|\([^()]*\))*\)|\S)+/g) ?? [];
}

/** toggle adds a condition to a filter in place of its opposite, or removes it if it is there. */
export function toggle(filter: string, condition: string): string {
  const opposite = condition.startsWith("-") ? condition.slice(1) : `-${condition}`;
  const all = parts(filter).filter((part) => part !== opposite);
  const without = all.filter((part) => part !== condition);
  if (without.length < all.length) return without.join(" ");
  if (all.some((part) => part.toLowerCase() === "or")) return `(${all.join(" ")}) ${condition}`;
  return [...all, condition].join(" ");
}

export const has = (filter: string, condition: string): boolean => parts(filter).includes(condition);
