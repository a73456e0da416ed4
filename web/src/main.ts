import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { look } from "./lib/theme.svelte";

look.restore();
const target = document.getElementById("app");
if (target) mount(App, { target });
