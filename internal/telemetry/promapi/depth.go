package promapi

// Bounds of an expression, as PromQL's parser and printer have none: nested deeper
// they take seconds and more. Texts in quotes count for neither.
const (
	deepest = 100
	longest = 64 << 10 // bytes
)

// unfit says why an expression is not even read; empty: it may be.
func unfit(expr string) string {
	depth, signs, length := 0, 0, 0
	for i := 0; i < len(expr); i++ {
		length++
		switch c := expr[i]; c {
		case '"', '\'', '`':
			i = closing(expr, i)
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case '-', '+':
			signs++
		}
		if c := expr[i]; c != '-' && c != '+' && c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			signs = 0
		}
		switch {
		case depth > deepest || signs > deepest:
			return "the expression is nested more than 100 deep"
		case length > longest:
			return "the expression is longer than 64 KiB"
		}
	}
	return ""
}

// closing is where the text ends that begins with the quote at i; the end of expr if
// nowhere.
func closing(expr string, i int) int {
	quote := expr[i]
	for i++; i < len(expr); i++ {
		switch {
		case expr[i] == quote:
			return i
		case expr[i] == '\\' && quote != '`':
			i++
		}
	}
	return len(expr) - 1
}
