import { CallError, refusal } from "./call";

export interface Session {
  role: "operator" | "viewer";
  who: string;
  app: string;
  version: string;
  boot: string;
  home?: string;
  telemetry?: boolean;
}

/** SignIn is where to sign in; empty: only by the link that `banyan dashboard` prints. */
export interface SignIn {
  signIn: string;
}

export async function getSession(): Promise<Session | SignIn> {
  let answer: Response;
  try {
    answer = await fetch("/api/session");
  } catch {
    throw new CallError("unavailable", "");
  }
  if (answer.status === 401) {
    const { sign_in } = (await answer.json()) as { sign_in?: string };
    return { signIn: sign_in ?? "" };
  }
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as Session;
}

export async function endSession(): Promise<void> {
  await fetch("/api/session/end", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
}
