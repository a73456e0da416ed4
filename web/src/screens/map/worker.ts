// A large map takes seconds to lay out: the page goes on meanwhile.
import type { Graph } from "./graph";
import { layout } from "./layout";

onmessage = (event: MessageEvent<Graph>) => postMessage(layout(event.data));
