package filter

// Quote writes a text as a filter has it in quotes: there it stands for itself, as a
// value or as the name of an attribute.
func Quote(text string) string { return quote(text) }
