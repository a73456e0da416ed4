export type Theme = "system" | "light" | "dark";

const key = "banyan.theme";
const order: readonly Theme[] = ["system", "light", "dark"];

class Look {
  /** What was chosen. */
  theme = $state<Theme>("system");
  /** What that comes to. */
  dark = $state(false);
  private readonly system = matchMedia("(prefers-color-scheme: dark)");

  /** restore sets what was chosen in an earlier visit, and follows the system from now on. */
  restore(): void {
    const saved = localStorage.getItem(key);
    this.set(saved === "light" || saved === "dark" ? saved : "system");
    this.system.addEventListener("change", () => this.set(this.theme));
  }

  next(): void {
    this.set(order[(order.indexOf(this.theme) + 1) % order.length] ?? "system");
    if (this.theme === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, this.theme);
  }

  private set(theme: Theme): void {
    this.theme = theme;
    this.dark = theme === "system" ? this.system.matches : theme === "dark";
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
  }
}

export const look = new Look();
