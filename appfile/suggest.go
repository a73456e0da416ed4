package appfile

import (
	"slices"
	"strconv"
	"strings"
)

// quote writes a value in double quotes, shortened where it is long.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// nearest returns the known word that word was probably meant to be, or "".
func nearest(word string, known []string) string {
	best, bestDistance := "", 0
	plain := simplify(word)
	for _, k := range known {
		d := distance(plain, simplify(k))
		if limit := max(1, min(len(plain), len(k))/3); d > limit {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// simplify makes workingDir, working-dir and working_dir alike.
func simplify(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(word))
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// didYouMean is "did you mean x?", or "" where nothing is near.
func didYouMean(word string, known []string, prefix string) string {
	if n := nearest(word, known); n != "" {
		return "did you mean " + prefix + n + "?"
	}
	return ""
}

// Suggest ends a message about a name that is not known: "did you mean x?" if one
// of the known names is near to it, or else the list of those there are. What
// names them, as in "services".
func Suggest(name string, known []string, what string) string { return suggestName(name, known, what) }

// suggestName is didYouMean, or else the list of what there is.
func suggestName(word string, known []string, what string) string {
	if s := didYouMean(word, known, ""); s != "" {
		return s
	}
	if len(known) == 0 {
		return "there are no " + what
	}
	return what + " are " + list(known)
}

// list joins names, sorted, at most twelve of them.
func list(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
	}
	return strings.Join(names, ", ")
}
