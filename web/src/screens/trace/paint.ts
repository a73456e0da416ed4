import type { Stretch } from "../../lib/flame";
import type { Row } from "../../lib/waterfall";

/** Colours are those of the look that is chosen, as a canvas takes them. */
export interface Colours {
  text: string;
  muted: string;
  surface: string;
  bad: string;
  accent: string;
  hues: string[];
}

/** Scene is what is seen of a flame. */
export interface Scene {
  rows: readonly Row[];
  byLane: readonly (readonly number[])[];
  stretch: Stretch;
  width: number;
  tall: number;
  scrolled: number;
  colours: Colours;
  matches: ReadonlySet<string> | undefined;
  chosen: Row | undefined;
  over: Row | undefined;
  keyed: Row | undefined;
}

/** height is a lane's, in pixels. */
export const height = 22;
const alphabet = "GET /abcdefghijklmnopqrstuvwxyz{}";
const lettersLeast = 4;
const edge = 3;

/** paint draws the lanes that are in sight. */
export function paint(canvas: HTMLCanvasElement, scene: Scene): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(scene.width * ratio), Math.round(scene.tall * ratio)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, scene.width, scene.tall);
  context.font = "11.5px system-ui, sans-serif";
  context.textBaseline = "middle";
  const letter = context.measureText(alphabet).width / alphabet.length;
  const first = Math.floor(scene.scrolled / height);
  const last = Math.min(Math.ceil((scene.scrolled + scene.tall) / height), scene.byLane.length);
  for (let lane = first; lane < last; lane++) paintLane(context, { ...scene, letter }, scene.byLane[lane] ?? [], lane * height - scene.scrolled);
}

function paintLane(context: CanvasRenderingContext2D, scene: Scene & { letter: number }, lane: readonly number[], y: number): void {
  const scale = scene.width / (scene.stretch.to - scene.stretch.from);
  let drawn = -1; // up to where
  for (const i of lane) {
    const row = scene.rows[i] as Row;
    const from = Math.max((row.start - scene.stretch.from) * scale, -edge);
    const to = Math.min((row.start + row.length - scene.stretch.from) * scale, scene.width + edge);
    if (to < 0) continue;
    if (from > scene.width) break;
    const marked = row === scene.chosen || row === scene.keyed || row === scene.over;
    if (to - from < 1 && from < drawn && !marked && !row.failed) continue; // the one before hides it
    const size = Math.max(to - from - (to - from > 3 ? 1 : 0), 1);
    paintBlock(context, scene, row, { x: from, y: y + 1, width: size });
    drawn = from + size;
  }
}

function paintBlock(context: CanvasRenderingContext2D, scene: Scene & { letter: number }, row: Row, { x, y, width }: { x: number; y: number; width: number }): void {
  const { colours, matches } = scene;
  const colour = colours.hues[Number(row.hue.slice(1))] ?? colours.muted;
  const dim = matches !== undefined && !matches.has(row.span.spanId);
  const tall = height - 2;
  context.fillStyle = colour;
  // Words stand on a pale ground, so that they can be read in each colour.
  context.globalAlpha = (dim ? 0.3 : 1) * (width > edge * 2 ? (row === scene.over ? 0.42 : 0.28) : 1);
  context.fillRect(x, y, width, tall);
  context.globalAlpha = dim ? 0.3 : 1;
  if (width > edge * 2) context.fillRect(x, y, edge, tall);
  if (row.failed) {
    context.fillStyle = colours.bad;
    context.fillRect(x, y + tall - 2, width, 2);
  }
  const letters = Math.floor((Math.min(x + width, scene.width) - Math.max(x, 0) - edge - 8) / scene.letter);
  if (letters >= lettersLeast) {
    context.globalAlpha = dim ? 0.6 : 1;
    context.fillStyle = row.failed ? colours.bad : colours.text;
    context.fillText(fitting(context, `${row.span.service ?? ""} ${row.span.name ?? ""}`, letters, letters * scene.letter), Math.max(x, 0) + edge + 5, y + tall / 2 + 0.5);
  }
  context.globalAlpha = 1;
  if (row === scene.chosen || row === scene.keyed) {
    context.strokeStyle = row === scene.chosen ? colours.accent : colours.muted;
    context.lineWidth = row === scene.chosen ? 2 : 1;
    context.strokeRect(x + 0.5, y + 0.5, Math.max(width - 1, 1), tall - 1);
  }
}

/** fitting is as much of a text as has room. */
function fitting(context: CanvasRenderingContext2D, text: string, letters: number, room: number): string {
  if (text.length <= letters && context.measureText(text).width <= room) return text;
  let cut = Math.min(letters, text.length - 1);
  while (cut > 1 && context.measureText(`${text.slice(0, cut)}…`).width > room) cut--;
  return `${text.slice(0, cut)}…`;
}
