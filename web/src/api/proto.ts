// The JSON of protobuf: what the messages' fields are made of.

/** RFC 3339. */
export type Timestamp = string;
/** Seconds with an s: "1.5s". */
export type Duration = string;
/** 64 bits, written as a string. */
export type Int64 = string;
/** base64. */
export type Bytes = string;

/** ms is a duration in milliseconds; 0 where there is none. */
export function ms(duration: Duration | undefined): number {
  return duration ? Number.parseFloat(duration) * 1000 : 0;
}

/** at is a time in milliseconds since 1970, with fractions; NaN where there is none. */
export function at(time: Timestamp | undefined): number {
  if (!time) return Number.NaN;
  // Date.parse keeps three digits of the second; spans need six.
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const whole = Date.parse(time.replace(/\.\d+/, ""));
  return fraction ? whole + Number(`0.${fraction}`) * 1000 : whole;
}

export function int(value: Int64 | number | undefined): number {
  return value === undefined ? 0 : Number(value);
}

export function stamp(time: number): Timestamp {
  return new Date(time).toISOString();
}

/** text is bytes as UTF-8. */
export function text(bytes: Bytes | undefined): string {
  if (!bytes) return "";
  const raw = atob(bytes);
  return new TextDecoder().decode(Uint8Array.from(raw, (c) => c.charCodeAt(0)));
}
