// Notifications in a file of JSON lines, which only ever grows. What `add` has answered is on the disk.

import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";

export class Store {
  #file;
  #size;
  #byUser = new Map();
  #inbox = new Map(); // what each delivery of an event became, to say it once
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
    this.#inbox.set(record.delivery, Promise.resolve(record));
  }

  /** of answers a user's notifications, newest first by when it happened: events of two topics come in any order. */
  of(userId) {
    return [...(this.#byUser.get(userId) ?? [])].reverse().sort((a, b) => (a.at < b.at) - (a.at > b.at));
  }

  /**
   * add keeps a notification, once for each delivery, and answers it as kept. The record has the delivery in it: so the file is
   * the inbox too, and the one cannot be written without the other.
   */
  add(delivery, { kind, user_id, email, order_id, text }, at = new Date()) {
    if (!this.#inbox.has(delivery)) {
      const kept = this.#append({ id: randomUUID(), at: at.toISOString(), delivery, kind, user_id, email, order_id, text });
      this.#inbox.set(delivery, kept);
      kept.catch(() => this.#inbox.delete(delivery));
    }
    return this.#inbox.get(delivery);
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
