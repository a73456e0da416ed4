/** section is a service's or job's part of an app file as the daemon renders it: by its indentation; empty: there is none. */
export function section(yaml: string, name: string): string {
  const lines = yaml.split("\n");
  let depth = -1; // of the names: that of the first one; -1: not in services or jobs
  for (const [i, line] of lines.entries()) {
    if (/^(services|jobs):/.test(line)) depth = 0;
    else if (/^\S/.test(line)) depth = -1;
    const key = /^(\s+)"?([^\s":]+)"?:/.exec(line);
    if (depth < 0 || !key) continue;
    const indent = key[1]?.length ?? 0;
    depth ||= indent;
    if (indent !== depth || key[2] !== name) continue;
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((next) => next.trim() !== "" && next.search(/\S/) <= depth);
    return [line, ...(end < 0 ? rest : rest.slice(0, end))].map((part) => part.slice(depth)).join("\n").trimEnd();
  }
  return "";
}
