const formats = new Map();

export function money(cents, currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat(undefined, { style: "currency", currency }));
  return formats.get(currency).format(cents / 100);
}

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function date(text) {
  const value = new Date(text);
  return Number.isNaN(value.getTime()) ? "" : dates.format(value);
}

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** title makes a heading of a category's name, which may be a slug. */
export const title = (name) => name.replace(/[-_]/g, " ").replace(/^./, (first) => first.toUpperCase());

/** short is the part of an order's id that people can tell apart: ids often begin with the time. */
export const short = (id) => id.slice(-8).toUpperCase();
