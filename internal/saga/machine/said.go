package machine

import (
	"encoding/json"
	"strings"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// saidMost bounds what is quoted of an answer, in characters.
const saidMost = 200

// saidIn are the members of an object in which services say why, the one that
// tends to say most first: problem details (RFC 9457), OAuth (RFC 6749), and habit.
var saidIn = []string{"message", "detail", "error_description", "error", "title", "reason", "code"}

// said is what an answer says for people: text, or where an object has some.
// Empty: nothing that could be quoted.
func said(body json.RawMessage) string {
	body = definition.ShortBody(body)
	if text := line(body); text != "" {
		return text
	}
	object := members(body)
	for _, name := range saidIn {
		if text := line(object[name]); text != "" {
			return text
		}
		inner := members(object[name]) // {"error": {"message": "…"}}
		for _, name := range saidIn {
			if text := line(inner[name]); text != "" {
				return text
			}
		}
	}
	return ""
}

func members(body json.RawMessage) (object map[string]json.RawMessage) {
	_ = json.Unmarshal(body, &object) // anything else has no members
	return object
}

// line is a JSON string on one line. A page for browsers says nothing in a line.
func line(body json.RawMessage) (text string) {
	_ = json.Unmarshal(body, &text) // anything else is no text
	if text = strings.Join(strings.Fields(text), " "); strings.HasPrefix(text, "<") {
		return ""
	}
	if runes := []rune(text); len(runes) > saidMost {
		text = string(runes[:saidMost]) + "…"
	}
	return text
}

// quoting adds what an answer says to what is known of it.
func quoting(what string, body json.RawMessage) string {
	if text := said(body); text != "" {
		return what + ": " + text
	}
	return what
}
