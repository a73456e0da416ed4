/** colours are what custom properties are where an element stands, in the look that is chosen: a canvas knows no variables. */
export function colours(element: Element, ...names: string[]): string[] {
  return names.map((name) => {
    const probe = document.createElement("i"); // one for each: to change its colour could be a transition, which begins with the old one
    probe.style.setProperty("color", `var(${name})`);
    element.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  });
}
