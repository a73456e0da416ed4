package appfile

// Finding is what [Options.Check] finds.
type Finding struct {
	// Path leads to the value, from the top: keys, and indexes of lists from 0,
	// such as sagas, checkout, steps, 0, when.
	Path []string
	// Offset is the byte of the value's text that the finding is about.
	Offset int
	// Warning: it does not keep the app from running.
	Warning bool
	// Message and Fix are as in [Problem].
	Message, Fix string
}

// findings reports what Options.Check found.
func (v *validator) findings(found []Finding) {
	for _, f := range found {
		path := join("", f.Path...)
		at := v.at(path)
		if p, ok := v.ix.places[path]; ok && p.node != nil {
			at = p.node.at(f.Offset)
		}
		if f.Warning {
			v.warn(at, f.Message, f.Fix)
		} else {
			v.problem(at, f.Message, f.Fix)
		}
	}
}
