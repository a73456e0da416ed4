export interface Part {
  kind: "key" | "comment" | "text";
  text: string;
}

/** parts are a line of YAML in colours: its key, its comment, and the rest. */
export function parts(line: string): Part[] {
  const list: Part[] = [];
  const key = /^\s*(?:- )?[^\s#"'{[:][^:#{[]*(?=:(\s|$))/.exec(line)?.[0] ?? "";
  const rest = line.slice(key.length);
  const comment = /(^|\s)#.*$/.exec(rest)?.[0] ?? "";
  if (key) list.push({ kind: "key", text: key });
  if (rest.length > comment.length) list.push({ kind: "text", text: rest.slice(0, rest.length - comment.length) });
  if (comment) list.push({ kind: "comment", text: comment });
  return list;
}
