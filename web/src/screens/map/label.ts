import type { Words } from "../../i18n";

/** label is a node's name, to people. */
export function label({ kind, name }: { kind: string; name: string }, words: Words): string {
  if (kind === "client") return words.outside;
  return kind === "platform" ? words.shell.screens.sagas : name;
}
