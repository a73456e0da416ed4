/** outline shows what a rule's text holds a place for: "{{ $labels.service }} is down" is "‹service› is down". */
export function outline(template: string): string {
  return template.replace(/\{\{[^}]*?\$(?:labels\.)?(\w+)[^}]*\}\}/g, "‹$1›");
}
