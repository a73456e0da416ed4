/** hue is the class of a name's colour: the same on each screen. */
export function hue(name: string): string {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  return `c${((hash ^ (hash >>> 13)) >>> 0) % 8}`;
}
