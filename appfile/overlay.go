package appfile

import "fmt"

// merge lays over on base: mappings are merged key by key, null deletes a
// key, and all else replaces what was there. Values keep the position of the
// file that they come from.
func merge(base, over *node, r *reporter) *node {
	out := *base
	out.entries = make([]entry, 0, len(base.entries)+len(over.entries))
	out.entries = append(out.entries, base.entries...)
	out.src, out.line, out.col = base.src, base.line, base.col
	for _, e := range over.entries {
		i := out.position(e.key)
		switch {
		case e.val.kind == nullKind && i < 0:
			r.warn(e.pos(), fmt.Sprintf("there is no %s below that null could delete", e.key), "remove the line, or check the name")
		case e.val.kind == nullKind:
			out.entries = append(out.entries[:i], out.entries[i+1:]...)
		case i < 0:
			out.entries = append(out.entries, e)
		case e.val.kind == mapKind && out.entries[i].val.kind == mapKind:
			// The key keeps its place in the base file, where most of it stands.
			out.entries[i].val = merge(out.entries[i].val, e.val, r)
		default:
			if old := out.entries[i].val; old.kind != e.val.kind && old.kind != nullKind && (old.kind == mapKind || old.kind == listKind) {
				r.warn(e.pos(), fmt.Sprintf("%s is %s here and replaces %s of %s:%d", e.key, e.val.describe(), old.describe(), out.entries[i].src.name, out.entries[i].line), "write it in the same form to merge the two")
			}
			out.entries[i] = e
		}
	}
	return &out
}

func (n *node) position(key string) int {
	for i := range n.entries {
		if n.entries[i].key == key {
			return i
		}
	}
	return -1
}
