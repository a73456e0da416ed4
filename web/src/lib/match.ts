/** Params are a path's variable parts by name. */
export type Params = Record<string, string>;

/** match compares a path with a pattern such as /services/:name; undefined: it is another. */
export function match(pattern: string, path: string): Params | undefined {
  const want = pattern.split("/").filter(Boolean);
  const have = path.split("/").filter(Boolean);
  if (want.length !== have.length) return undefined;
  const params: Params = {};
  for (const [i, part] of want.entries()) {
    const is = have[i] ?? "";
    if (part.startsWith(":")) params[part.slice(1)] = unescaped(is);
    else if (part !== is) return undefined;
  }
  return params;
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
