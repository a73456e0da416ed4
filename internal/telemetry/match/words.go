package match

import "strings"

// WordMost is the length, in bytes, that longer words are cut to.
const WordMost = 64

// Words calls yield with each word of a text until it returns false. A word is a
// longest run of ASCII letters, digits, underscores and all characters outside of
// ASCII, in lower case by strings.ToLower.
func Words(text string, yield func(word string) bool) {
	words(strings.ToLower(text), yield)
}

// Within returns the words that every text has that contains the part, whatever
// the case. That leaves out the first and the last where the part begins or ends
// within a word, or may.
func Within(part string) []string {
	part = strings.ToLower(part)
	first, last := 0, len(part)
	for first < last && inWord(part[first]) {
		first++
	}
	for last > first && inWord(part[last-1]) {
		last--
	}
	var found []string
	words(part[first:last], func(w string) bool {
		found = append(found, w)
		return true
	})
	return found
}

func words(lower string, yield func(string) bool) {
	at := 0
	for at < len(lower) {
		if !inWord(lower[at]) {
			at++
			continue
		}
		end := at + 1
		for end < len(lower) && inWord(lower[end]) {
			end++
		}
		if !yield(lower[at:min(end, at+WordMost)]) {
			return
		}
		at = end
	}
}

func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}
