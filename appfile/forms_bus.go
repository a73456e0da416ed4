package appfile

func (s *Subscription) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, s)
		return
	}
	if text, ok := d.text(n, "a path such as /events/order-placed"); ok {
		s.Path = d.resolve(n, text, 0, 0)
		d.ix.set(join(path, "path"), n.pos(), n)
		return
	}
	d.failed(path)
}

func (u *StepUndo) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, u)
		return
	}
	const fix = "write undo: none, or undo: {path: /reservations/release}"
	if n.kind == scalarKind && d.resolve(n, n.text, 0, 0) == "none" {
		u.None = true
		d.ix.set(join(path, "none"), n.pos(), n)
		return
	}
	d.problem(n.pos(), "undo must be none or a mapping, not "+n.describe(), fix)
	d.failed(path)
}
