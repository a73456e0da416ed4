import type { Status } from "../../api/control";
import type { Action } from "../../api/dashboard";
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

const sayings = (words: Words["home"]["change"]): Record<string, (what: string, who: string) => string> => ({
  "ControlService/Apply": (_, who) => words.applied(who), "ControlService/Restart": words.restarted, "ControlService/Scale": words.scaled, "ControlService/RunJob": words.ran,
});

/** changes says what happened last, the newest first. */
export function changes(status: Status | undefined, alerts: readonly AlertRule[], actions: readonly Action[], words: Words["home"]["change"], most: number): Change[] {
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
  for (const action of actions) {
    const say = sayings(words)[action.procedure ?? ""];
    if (say && action.result === "ok") list.push({ time: at(action.time), tone: "idle", text: say(action.what ?? "", action.who ?? ""), link: "/app?tab=actions" });
  }
  if (status?.daemon?.startedAt) list.push({ time: at(status.daemon.startedAt), tone: "idle", text: words.daemon, link: "/services" });
  return list.filter((change) => Number.isFinite(change.time)).sort((a, b) => b.time - a.time).slice(0, most);
}
