import type { Status } from "../../api/control";
import { at } from "../../api/proto";
import type { AlertRule } from "../../api/telemetry";
import type { Words } from "../../i18n";
import type { Tone } from "../../ui/tone";

export interface Change {
  time: number;
  tone: Tone;
  text: string;
  link: string;
}

/** changes says what happened last, the newest first. */
export function changes(status: Status | undefined, alerts: readonly AlertRule[], words: Words["home"]["change"], most: number): Change[] {
  const list: Change[] = [];
  for (const service of status?.services ?? []) {
    const link = `/services/${encodeURIComponent(service.name)}`;
    const seen = new Set<string>();
    for (const instance of service.instances ?? []) {
      const revision = instance.revision ?? "";
      if (instance.restarts) list.push({ time: at(instance.startedAt), tone: "warn", text: words.crashed(instance.id, instance.restarts), link });
      else if (!seen.has(revision)) {
        const ready = instance.readyAt !== undefined;
        list.push({
          time: at(instance.readyAt ?? instance.startedAt), tone: ready ? "ok" : "busy", link,
          text: (ready ? words.ready : words.started)(service.name, revision.slice(0, 8)),
        });
      }
      seen.add(revision);
    }
  }
  for (const rule of alerts) {
    for (const alert of rule.alerts ?? []) {
      if (alert.state === "firing") list.push({ time: at(alert.since), tone: "bad", text: words.fired(rule.name), link: "/alerts" });
      if (alert.state === "resolved") list.push({ time: at(alert.resolvedAt), tone: "ok", text: words.resolved(rule.name), link: "/alerts" });
    }
  }
  if (status?.daemon?.startedAt) list.push({ time: at(status.daemon.startedAt), tone: "idle", text: words.daemon, link: "/services" });
  return list.filter((change) => Number.isFinite(change.time)).sort((a, b) => b.time - a.time).slice(0, most);
}
