import type { Tone } from "./tone";

export interface Toast {
  id: number;
  tone: Tone;
  text: string;
}

const shown = 5000;
const shownBad = 12_000;

class Toasts {
  list = $state<Toast[]>([]);
  private last = 0;

  add(tone: Tone, text: string): void {
    const id = ++this.last;
    this.list.push({ id, tone, text });
    setTimeout(() => this.drop(id), tone === "bad" ? shownBad : shown);
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** toast says something at the screen's edge for a while. */
export function toast(tone: Tone, text: string): void {
  toasts.add(tone, text);
}
