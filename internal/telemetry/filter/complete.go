package filter

import (
	"slices"
	"strings"
)

// Source knows what records have. It answers at once, the most frequent first.
type Source interface {
	// Keys are the names of attributes, of records and of their resources.
	Keys(of Signal) []string
	// Values are those of a field, or of an attribute.
	Values(of Signal, field string) []string
}

// Completion is what may stand at a place in a filter.
type Completion struct {
	// From and To are the part, in bytes, that a suggestion replaces.
	From, To    int
	Suggestions []Suggestion
	// Err is what is wrong with the filter as it is; nil: nothing.
	Err *Error
}

// Suggestion is one text that may stand there.
type Suggestion struct {
	Text   string
	Kind   string // field, operator, value, keyword
	Detail string
}

// mostSuggestions bounds an answer: nobody reads more.
const mostSuggestions = 50

// Complete returns what may stand at a place, in bytes, of a filter, however much
// of it is there. known may be nil.
func Complete(filter string, at int, of Signal, known Source) Completion {
	if known == nil {
		known = nothing{}
	}
	c := &completer{scanner: scanner{text: filter}, at: min(max(at, 0), len(filter)), of: of, known: known}
	c.walk()
	if len(c.out.Suggestions) > mostSuggestions {
		c.out.Suggestions = c.out.Suggestions[:mostSuggestions]
	}
	if _, err := Parse(filter, of); err != nil {
		c.out.Err, _ = err.(*Error) //nolint:errorlint // Parse returns no other
	}
	return c.out
}

// nothing is a Source that knows nothing.
type nothing struct{}

func (nothing) Keys(Signal) []string           { return nil }
func (nothing) Values(Signal, string) []string { return nil }

// completer reads as the parser does, but goes on where that gives up, and stops
// where the cursor is.
type completer struct {
	scanner
	at    int
	of    Signal
	known Source
	after bool // a term stands before
	out   Completion
}

func (c *completer) walk() {
	for {
		c.skip()
		if c.pos >= c.at {
			c.begin(c.at, c.at)
			return
		}
		switch c.peek() {
		case '(', ')', '-':
			c.after = c.peek() == ')'
			c.pos++
		default:
			if c.term() {
				return
			}
		}
	}
}

// term reads a term, or a keyword. True: the cursor is in it.
func (c *completer) term() bool {
	from := c.pos
	word := c.keyword()
	key, field := c.name()
	if c.at <= c.pos {
		c.begin(from, c.pos)
		return true
	}
	if c.after = word == ""; !c.after {
		return false
	}
	end := c.pos
	c.skip()
	opAt := c.pos
	o := opOf(c.operator())
	if c.pos == opAt { // a word that is searched for
		c.pos = end
		return false
	}
	if c.at < opAt {
		c.begin(c.at, c.at)
		return true
	}
	if c.at < c.pos || c.at == c.pos && o == 0 {
		c.out.From, c.out.To = opAt, c.pos
		c.operators("", field, c.text[opAt:min(c.at, c.pos)])
		return true
	}
	return c.value(key, field, o)
}

func (c *completer) name() (string, field) {
	if c.quoteBegins() {
		key, _ := c.quoted() // without an end it is all that follows
		return key, attribute
	}
	key := c.until(operatorBytes)
	return key, fieldOf(c.of, key)
}

// value reads what stands behind an operator. True: the cursor is in it.
func (c *completer) value(key string, f field, o op) bool {
	c.skip()
	from := min(c.pos, c.at)
	switch {
	case c.quoteBegins():
		_, _ = c.quoted() // without an end it is all that follows
	case c.peek() == '/' && (o == contains || o == lacks):
		_, _, _ = c.expression() // the same
	default:
		c.until("")
	}
	if c.at > c.pos {
		return false
	}
	c.out.From, c.out.To = from, c.pos
	typed := strings.TrimLeft(c.text[from:c.at], `"'`)
	c.values(key, f, o, typed)
	return true
}

// begin suggests what a term, or the rest of a filter, begins with.
func (c *completer) begin(from, to int) {
	c.out.From, c.out.To = from, to
	typed := strings.TrimLeft(c.text[from:c.at], `"'`)
	for _, f := range Fields(c.of) {
		if hasPrefixFold(f.Name, typed) {
			c.suggest(f.Name, "field", f.Detail)
		}
		if strings.EqualFold(f.Name, typed) {
			c.operators(f.Name, f.id, "")
		}
	}
	for _, key := range c.known.Keys(c.of) {
		t := term{key: key}
		if hasPrefixFold(key, typed) {
			c.suggest(t.name(c.of), "field", "attribute")
		}
		if key == typed {
			c.operators(t.name(c.of), attribute, "")
		}
	}
	keywords := []string{"not"}
	if c.after {
		keywords = []string{"and", "or", "not"}
	}
	for _, k := range keywords {
		if hasPrefixFold(k, typed) {
			c.suggest(k, "keyword", "")
		}
	}
}

var opDetails = map[op]string{
	equal: "is", unequal: "is not", contains: "contains, or matches /…/", lacks: "does not contain",
	less: "is less than", atMost: "is at most", more: "is more than", atLeast: "is at least",
}

// operators suggests those of a field, behind a name, that begin as typed.
func (c *completer) operators(name string, f field, typed string) {
	for _, o := range allowed(f) {
		if strings.HasPrefix(o.String(), typed) {
			c.suggest(name+o.String(), "operator", opDetails[o])
		}
	}
}

var fixed = map[field][]string{
	severity: severityWords,
	kind:     kindWords[1:],
	status:   {"error", "ok", "unset"},
	duration: {"10ms", "100ms", "1s", "10s"},
}

// values suggests those that begin as typed, and then those that contain it.
func (c *completer) values(key string, f field, o op, typed string) {
	if f != attribute {
		key = nameOf(c.of, f)
	}
	all := fixed[f]
	if all == nil && f != text {
		all = c.known.Values(c.of, key)
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(v string) bool { return hasPrefixFold(v, typed) })
	first := slices.DeleteFunc(slices.Clone(all), func(v string) bool { return !hasPrefixFold(v, typed) })
	rest = slices.DeleteFunc(rest, func(v string) bool { return !containsFold(v, strings.ToLower(typed)) })
	for _, v := range append(first, rest...) {
		c.suggest(valueText(v, o), "value", "")
	}
	if (o == equal || o == unequal) && (typed == "" || typed == "*") && f != duration {
		c.suggest("*", "value", "any")
	}
}

func (c *completer) suggest(text, kind, detail string) {
	c.out.Suggestions = append(c.out.Suggestions, Suggestion{Text: text, Kind: kind, Detail: detail})
}

// valueText is a value as it is written behind an operator.
func valueText(v string, o op) string {
	s := scanner{text: v}
	bare := v != "" && s.until("") == v && v[0] != '\'' && strings.IndexByte(operatorBytes, v[0]) < 0 && !strings.Contains(v, "*")
	if !bare || v[0] == '/' && (o == contains || o == lacks) {
		return quote(v)
	}
	return v
}

func hasPrefixFold(s, prefix string) bool {
	return beginsFold(s, strings.ToLower(prefix))
}
