/** Code is a Connect error's code, or one of ours for what has none. */
export type Code = "unavailable" | "unimplemented" | "not_found" | "unauthenticated" | "permission_denied" | "invalid_argument" | "failed_precondition" | "unknown";

const codes: readonly string[] = ["unavailable", "unimplemented", "not_found", "unauthenticated", "permission_denied", "invalid_argument", "failed_precondition"];

/** CallError is why a call failed: a code for the program, a message for a person. */
export class CallError extends Error {
  constructor(readonly code: Code, message: string) {
    super(message);
    this.name = "CallError";
  }
}

/** call calls a method of the API, as Connect's JSON over HTTP. */
export async function call<Request extends object, Response>(method: string, request: Request, signal?: AbortSignal): Promise<Response> {
  let answer: globalThis.Response;
  try {
    answer = await fetch(`/api/banyan.v1.${method}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Connect-Protocol-Version": "1" },
      body: JSON.stringify(request),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError("unavailable", "");
  }
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as Response;
}

/** refusal is the error that an answer stands for. */
export async function refusal(answer: globalThis.Response): Promise<CallError> {
  const body = await answer.text();
  try {
    const { code, message } = JSON.parse(body) as { code?: string; message?: string };
    if (code) return new CallError(codes.includes(code) ? (code as Code) : "unknown", message ?? "");
  } catch {
    // Not Connect's: the status says enough.
  }
  const byStatus: Record<number, Code> = { 401: "unauthenticated", 403: "permission_denied", 404: "unimplemented", 405: "unimplemented", 502: "unavailable", 503: "unavailable", 504: "unavailable" };
  return new CallError(byStatus[answer.status] ?? "unknown", body.slice(0, 300));
}
