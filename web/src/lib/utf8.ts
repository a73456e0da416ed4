// The server counts bytes of UTF-8, the browser units of UTF-16.
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** toBytes is how many bytes the first units of a text are. */
export function toBytes(text: string, units: number): number {
  return encoder.encode(text.slice(0, units)).length;
}

/** toUnits is how many units the first bytes of a text are. */
export function toUnits(text: string, bytes: number): number {
  return decoder.decode(encoder.encode(text).slice(0, bytes)).length;
}
