/** View is which part of the drawing is seen: its corner, and how large it is drawn. */
export interface View {
  x: number;
  y: number;
  scale: number;
}

interface Size {
  width: number;
  height: number;
}

const least = 0.1;
const readable = 0.55;
const most = 2.5;

/** zoom changes the scale and keeps what is at a place of the window where it is. */
export function zoom(view: View, factor: number, x: number, y: number): View {
  const scale = Math.min(Math.max(view.scale * factor, least), most);
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

/**
 * fit shows all of a drawing in the middle of a window, but not larger than it is, and not
 * so small that it cannot be read: then it begins at the left.
 */
export function fit(drawing: Size, window: Size): View {
  const scale = Math.max(Math.min(window.width / (drawing.width || 1), window.height / (drawing.height || 1), 1), readable);
  return { scale, x: Math.max((window.width - drawing.width * scale) / 2, 0), y: (window.height - drawing.height * scale) / 2 };
}

/** whole shows all of a drawing, however small. */
export function whole(drawing: Size, window: Size): View {
  const scale = Math.max(Math.min(window.width / (drawing.width || 1), window.height / (drawing.height || 1), 1), least);
  return { scale, x: (window.width - drawing.width * scale) / 2, y: (window.height - drawing.height * scale) / 2 };
}
