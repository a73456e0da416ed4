/** Tag is a language of the dashboard. */
export type Tag = "en" | "ko";

const key = "banyan.language";

function first(): Tag {
  const saved = globalThis.localStorage?.getItem(key);
  if (saved === "en" || saved === "ko") return saved;
  return globalThis.navigator?.language?.startsWith("ko") ? "ko" : "en";
}

class Language {
  tag = $state<Tag>(first());

  set(tag: Tag): void {
    this.tag = tag;
    localStorage.setItem(key, tag);
  }
}

export const language = new Language();
