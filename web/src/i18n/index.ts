import { bundle } from "./bundle";
import { common } from "./common";
import { events } from "./events";
import { home } from "./home";
import { language } from "./language.svelte";
import { logs } from "./logs";
import { map } from "./map";
import { more } from "./more";
import { rules } from "./rules";
import { sagas } from "./sagas";
import { services } from "./services";
import { shell } from "./shell";
import { traces } from "./traces";

const en = {
  ...common.en, ...more.en, shell: shell.en, home: home.en, services: services.en, traces: traces.en, bundle: bundle.en, logs: logs.en, events: events.en, sagas: sagas.en, map: map.en, rules: rules.en,
};

/** Words are all that the dashboard says, in one language. */
export type Words = typeof en;

const ko: Words = {
  ...common.ko, ...more.ko, shell: shell.ko, home: home.ko, services: services.ko, traces: traces.ko, bundle: bundle.ko, logs: logs.ko, events: events.ko, sagas: sagas.ko, map: map.ko, rules: rules.ko,
};

/** t is what the dashboard says in the language that was chosen. */
export function t(): Words {
  return language.tag === "ko" ? ko : en;
}
