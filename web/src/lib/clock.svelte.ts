// The time as the screens show it: "3 min ago" must not stand still.
class Clock {
  now = $state(Date.now());

  /** run lets it go and answers what stops it. */
  run(): () => void {
    const timer = setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
    return () => clearInterval(timer);
  }
}

export const time = new Clock();
