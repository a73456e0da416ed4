import { Hub } from "./hub";
import type { Message } from "./source";

const hiddenMost = 60_000;

/** listen follows the event stream, but not while the page is long out of sight; it answers what ends that. */
export function listen(tell: (message: Message) => void): () => void {
  const line = typeof SharedWorker === "undefined" ? own(tell) : shared(tell);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let open = true;
  line.open();
  const close = (): void => {
    clearTimeout(timer);
    if (open) line.close();
    open = false;
  };
  const look = (): void => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(close, hiddenMost);
    } else if (!open) {
      open = true;
      line.open();
    }
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  addEventListener("pageshow", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", close);
    removeEventListener("pageshow", look);
    close();
  };
}

interface Line {
  open(): void;
  close(): void;
}

function shared(tell: (message: Message) => void): Line {
  const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "banyan-stream" });
  worker.port.onmessage = (event: MessageEvent<Message>) => tell(event.data);
  return { open: () => worker.port.postMessage("open"), close: () => worker.port.postMessage("close") };
}

function own(tell: (message: Message) => void): Line {
  const hub = new Hub();
  return { open: () => hub.add(tell), close: () => hub.remove(tell) };
}
