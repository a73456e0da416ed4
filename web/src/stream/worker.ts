// One connection for all tabs: browsers open six at most to a host that speaks HTTP/1.1.
import { Hub } from "./hub";
import type { Message } from "./source";

const hub = new Hub();

function serve(port: MessagePort): void {
  const listener = (message: Message): void => port.postMessage(message);
  port.onmessage = (event: MessageEvent<"open" | "close">) => {
    if (event.data === "open") hub.add(listener);
    else hub.remove(listener);
  };
}

addEventListener("connect", (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port) serve(port);
});
