import { CallError } from "../api/call";
import { t } from "../i18n";
import { toast } from "./toasts.svelte";

/** Question is what a person must confirm before it is done. */
export interface Question {
  title: string;
  text: string;
  /** What the button says. */
  act: string;
  danger?: boolean;
  /** A number that is asked for, such as of instances. */
  number?: { label: string; value: number; least: number; most: number };
  /** A line that is asked for, such as a reason. */
  line?: { label: string; value: string };
  run: (answer: { number: number; line: string }) => Promise<unknown>;
}

class Asker {
  question = $state.raw<Question>();
}

export const asker = new Asker();

/** ask opens the dialog for a question. */
export function ask(question: Question): void {
  asker.question = question;
}

/** act does something and says how it went. */
export async function act(what: string, run: () => Promise<unknown>): Promise<boolean> {
  try {
    const said = await run();
    toast("ok", typeof said === "string" ? said : t().done(what));
    return true;
  } catch (error) {
    const why = error instanceof CallError ? error.message || t().error[error.code === "unavailable" ? "unavailable" : "other"] : String(error);
    toast("bad", t().failed(what, why));
    return false;
  }
}
