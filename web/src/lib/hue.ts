/** hue is the class of a name's colour: the same on each screen. */
export function hue(name: string): string {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return `c${((hash ^ (hash >>> 13)) >>> 0) % 8}`;
}

const many = 8;

/** apart are the classes of some names together: their own, but another where two would be the same and there are enough. */
export function apart(names: Iterable<string>): Map<string, string> {
  const classes = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    if (classes.has(name)) continue;
    let own = hue(name);
    for (let i = Number(own.slice(1)); taken.has(own) && taken.size < many; i++) own = `c${i % many}`;
    taken.add(own);
    classes.set(name, own);
  }
  return classes;
}
