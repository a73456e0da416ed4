import type { Alert, AlertRule } from "../api/telemetry";
import type { Words } from "../i18n";
import { rules } from "../i18n/rules";

/** summary is what a rule means, or what an alert of it says. Of an app's own rules that is what the app file says. */
export function summary(rule: AlertRule, words: Words, alert?: Alert): string {
  const say = rule.shipped ? words.rules.say(rule.name) : undefined;
  if (say) return alert ? say(alert.labels ?? {}, alert.value ?? 0) : say(rules.places);
  return alert?.summary ?? rule.summary ?? "";
}

/** description says more. */
export function description(rule: AlertRule, words: Words, alert?: Alert): string {
  return rule.shipped && words.rules.say(rule.name) ? "" : (alert ? (alert.description ?? "") : (rule.description ?? ""));
}
