package view

// cell is a piece of a table; right aligns it to the right.
type cell struct {
	text  string
	style Style
	right bool
}

// row is a table's row: cells below the headings, or one free line.
type row struct {
	cells []cell
	free  line
}

// table lays rows out in columns two spaces apart. Columns without any
// content below their heading are left out.
func table(headings []cell, rows []row, width int, color bool) []string {
	widths := make([]int, len(headings))
	used := make([]bool, len(headings))
	for _, r := range rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], Width(c.text))
			used[i] = used[i] || c.text != ""
		}
	}
	for i, h := range headings {
		widths[i] = max(widths[i], Width(h.text))
	}
	var out []string
	for _, r := range append([]row{{cells: headings}}, rows...) {
		l := r.free
		if r.cells != nil {
			l = arrange(r.cells, widths, used)
		}
		out = append(out, l.render(width, color))
	}
	return out
}

func arrange(cells []cell, widths []int, used []bool) line {
	var l line
	for i, c := range cells {
		if !used[i] {
			continue
		}
		if len(l) > 0 {
			l = append(l, span{"  ", Plain})
		}
		gap := Pad("", widths[i]-Width(c.text))
		if c.right {
			l = append(l, span{gap, Plain}, span{c.text, c.style})
		} else {
			l = append(l, span{c.text, c.style}, span{gap, Plain})
		}
	}
	return l
}
