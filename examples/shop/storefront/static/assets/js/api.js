// The shop's HTTP API. Every call stands on its own: it succeeds, or it throws an ApiError that says why.

import { session } from "./session.js";

const timeout = 10_000;
const orderTimeout = 30_000; // an order waits for several services, and giving up early leaves its fate unknown
const retryAfter = 400;

/** ApiError is a call that did not succeed. status 0 means that no answer came. */
export class ApiError extends Error {
  constructor({ status = 0, code = "", detail = "", wait = 0, replayed = false, request = "", products = [] }) {
    super(detail || code || `status ${status}`);
    Object.assign(this, { status, code, detail, wait, replayed, request, products });
  }

  /** True where the fault is the shop's, not the request's, and the same request may succeed later. */
  get unavailable() {
    return this.status === 0 || this.status >= 500;
  }
}

async function send(method, path, { body, key, signal, authorized, within = timeout } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (authorized && session.token) headers.Authorization = `Bearer ${session.token}`;
  const limit = AbortSignal.timeout(within);
  try {
    const response = await fetch(path, { method, headers, body, signal: signal ? AbortSignal.any([signal, limit]) : limit });
    if (!response.ok) throw await problem(response);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw new ApiError({ code: limit.aborted ? "timeout" : navigator.onLine === false ? "offline" : "unreachable" });
  }
}

/** Reads an RFC 9457 problem; anything else that may answer in the shop's place counts as an empty one. */
async function problem(response) {
  const body = await response.json().catch(() => null);
  const text = (value) => (typeof value === "string" ? value : "");
  return new ApiError({
    status: response.status,
    code: text(body?.code),
    detail: text(body?.detail) || text(body?.message),
    wait: Number(response.headers.get("Retry-After")) || 0,
    replayed: response.headers.get("Idempotency-Replayed") === "true",
    request: response.headers.get("X-Request-Id") ?? "",
    products: Array.isArray(body?.products) ? body.products : [],
  });
}

/** Reading twice does no harm, and a service that is just being replaced is back in a moment. */
async function read(path, options = {}) {
  try {
    return await send("GET", path, options);
  } catch (error) {
    if (!(error instanceof ApiError) || !error.unavailable || error.code === "timeout" || error.code === "offline") throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, retryAfter));
  options.signal?.throwIfAborted();
  return send("GET", path, options);
}

function query(values) {
  const params = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return params.size ? `?${params}` : "";
}

const seen = new Map();
const remember = (product) => (seen.set(product.id, product), product);

/** The product as some earlier answer had it, so that its page shows at once. */
export const seenProduct = (id) => seen.get(id);

export const products = async ({ q, category, after, limit }, signal) => {
  const page = await read(`/api/products${query({ q, category, after, limit })}`, { signal });
  return { items: (page.items ?? []).map(remember), next: page.next ?? "" };
};

export const product = async (id, signal) => remember(await read(`/api/products/${encodeURIComponent(id)}`, { signal }));

export const categories = async (signal) => (await read("/api/categories", { signal })).items ?? [];

/** stock answers a Map from product to how many there are. */
export const stock = async (ids, signal) => {
  const params = new URLSearchParams(ids.map((id) => ["product", id]));
  const answer = await read(`/api/stock?${params}`, { signal });
  return new Map((answer.items ?? []).map((item) => [item.product_id, item.available]));
};

export const recommendations = async (id, limit, signal) =>
  (await read(`/api/recommendations${query({ product: id, limit })}`, { signal })).items ?? [];

export const signUp = (values) => send("POST", "/api/users", { body: JSON.stringify(values) });
export const signIn = (values) => send("POST", "/api/sessions", { body: JSON.stringify(values) });
export const me = (signal) => read("/api/users/me", { signal, authorized: true });

export const placeOrder = ({ body, key }) => send("POST", "/api/orders", { body, key, authorized: true, within: orderTimeout });
export const orders = async (signal) => (await read("/api/orders", { signal, authorized: true })).items ?? [];
export const order = (id, signal) => read(`/api/orders/${encodeURIComponent(id)}`, { signal, authorized: true });
