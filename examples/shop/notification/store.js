// Notifications in a file of JSON lines, which only ever grows. What `add` has answered is on the disk.

import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";

export class Store {
  #file;
  #size;
  #byUser = new Map();
  #seen = new Map(); // what was said about an order, to say it once
  #waiting = [];
  #writing = null;

  /** open reads the file at path, or begins it. A last line that a crash has torn is cut off; other damage is told to onDamage. */
  static async open(path, onDamage = () => {}) {
    const store = new Store();
    store.#file = await open(path, "a+", 0o600);
    await store.#load(onDamage);
    return store;
  }

  async #load(onDamage) {
    const content = await this.#file.readFile();
    this.#size = content.lastIndexOf("\n") + 1;
    if (this.#size < content.length) await this.#file.truncate(this.#size);
    const lines = content.subarray(0, this.#size).toString().split("\n").slice(0, -1);
    lines.forEach((line, i) => {
      try {
        this.#remember(JSON.parse(line));
      } catch {
        onDamage(i + 1);
      }
    });
  }

  #remember(record) {
    const list = this.#byUser.get(record.user_id) ?? [];
    list.push(record);
    this.#byUser.set(record.user_id, list);
    this.#seen.set(subject(record), Promise.resolve(record));
  }

  /** of answers a user's notifications, newest first. */
  of(userId) {
    return [...(this.#byUser.get(userId) ?? [])].reverse();
  }

  /** add keeps a notification, once for each kind and order, and answers it as kept. */
  add({ kind, user_id, email = "", order_id = "", text }, now = new Date()) {
    const record = { id: randomUUID(), at: now.toISOString(), kind, user_id, email, order_id, text };
    const key = order_id ? subject(record) : record.id;
    if (!this.#seen.has(key)) {
      const kept = this.#append(record);
      this.#seen.set(key, kept);
      kept.catch(() => this.#seen.delete(key));
    }
    return this.#seen.get(key);
  }

  #append(record) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Writes what is waiting, all of it with one sync, until nothing is. */
  async #write() {
    while (this.#waiting.length) {
      const batch = this.#waiting.splice(0);
      const data = Buffer.from(batch.map(({ record }) => `${JSON.stringify(record)}\n`).join(""));
      try {
        await this.#file.appendFile(data);
        await this.#file.datasync();
      } catch (error) {
        await this.#file.truncate(this.#size).catch(() => {});
        batch.forEach(({ reject }) => reject(error));
        continue;
      }
      this.#size += data.length;
      for (const { record, resolve } of batch) {
        this.#remember(record);
        resolve(record);
      }
    }
    this.#writing = null; // in the same turn as the check above, so that nothing can come between
  }

  /** close waits for what is being written. */
  async close() {
    await this.#writing;
    await this.#file.close();
  }
}

const subject = ({ id, kind, order_id }) => (order_id ? JSON.stringify([kind, order_id]) : id);
