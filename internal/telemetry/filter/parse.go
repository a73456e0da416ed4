package filter

import (
	"fmt"
	"slices"
	"strings"
)

// Filter says which records are taken. The zero Filter, and nil, take all.
type Filter struct {
	of   Signal
	root node // nil: all
}

// Parse reads a filter of spans or of logs. An empty one takes all. What is wrong
// is an [*Error].
func Parse(text string, of Signal) (*Filter, error) {
	p := &parser{scanner: scanner{text: text}, of: of}
	if len(text) > mostBytes {
		return nil, p.wrong(mostBytes, "ask for less at a time", "the filter is longer than %d bytes: it goes on @", mostBytes)
	}
	p.skip()
	if p.done() {
		return &Filter{of: of}, nil
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.done() { // only a ) ends an or before the end
		return nil, p.wrong(p.pos, `leave it out; as text it stands in quotes: ")"`, "“)” @ closes nothing")
	}
	return &Filter{of: of, root: root}, nil
}

// parser reads by recursive descent: a method for each rule, lowest first.
type parser struct {
	scanner
	of    Signal
	depth int
}

func (p *parser) or() (node, error) {
	var all anyOf
	for {
		n, err := p.and()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.take("or") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) and() (node, error) {
	var all allOf
	for {
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if p.skip(); p.done() || p.peek() == ')' || p.keyword() == "or" {
			break
		}
		p.take("and")
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, p.wrong(p.pos, "write it flatter", "parentheses are nested more than %d deep @", mostDepth)
	}
	defer func() { p.depth-- }()
	p.skip()
	at := p.pos
	switch {
	case p.done():
		return nil, p.wrong(at, "go on with a word or a term such as service=order, or leave the last word out", "the filter breaks off @")
	case p.peek() == ')':
		return nil, p.wrong(at, "write a word or a term such as service=order before it, or leave it out", "“)” @ has nothing before it")
	case p.peek() == '(':
		return p.group()
	case p.peek() == '-':
		if p.pos++; p.gap() || p.keyword() != "" {
			return nil, p.wrong(at, `put - right before what is not to be: -status=ok; as text it stands in quotes: "-"`, "“-” @ stands alone")
		}
		return p.opposite()
	case p.take("not"):
		return p.opposite()
	case p.keyword() != "":
		word := p.until(operatorBytes)
		return nil, p.wrong(at, "write a word or a term such as service=order before it; as text it stands in quotes: "+quote(word), "“%s” @ has nothing before it", word)
	}
	n, err := p.term()
	if err != nil {
		return nil, err
	}
	return n, p.ends(n, at)
}

func (p *parser) opposite() (node, error) {
	n, err := p.unary()
	if err != nil {
		return nil, err
	}
	return not{n}, nil
}

func (p *parser) group() (node, error) {
	at := p.pos
	p.pos++
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.peek() != ')' {
		return nil, p.wrong(at, "write ) where it ends", "“(” @ has no end")
	}
	p.pos++
	return n, p.ends(n, at)
}

// ends makes sure that a part, which began at a place, is at its end.
func (p *parser) ends(n node, at int) error {
	if p.gap() {
		return nil
	}
	if t, ok := n.(*term); ok && t.value.expression {
		value := p.text[strings.IndexByte(p.text[at:], '/')+at:]
		return p.wrong(p.pos, "put a space before it; a text that begins with / stands in quotes: "+quote(firstWord(value)),
			"behind the regular expression “/%s/” comes “%s” @", excerpt(t.value.text), p.here())
	}
	return p.wrong(p.pos, "put a space before it, or all of the text in quotes", "“%s” goes on with “%s” @ without a space", excerpt(p.text[at:p.pos]), p.here())
}

// term reads FIELD OPERATOR VALUE, or a word or text that is searched for.
func (p *parser) term() (node, error) {
	at := p.pos
	inQuotes := p.quoteBegins()
	word, err := p.name(inQuotes)
	if err != nil {
		return nil, err
	}
	end := p.pos
	p.skip()
	opAt := p.pos
	written := p.operator()
	if written == "" {
		p.pos = end
		return p.search(at, word, inQuotes)
	}
	t := &term{field: attribute, key: word}
	if !inQuotes {
		t.field = fieldOf(p.of, word)
	}
	switch t.op = opOf(written); {
	case word == "":
		return nil, p.wrong(at, `write a field before it, such as service or http.route; as text it stands in quotes: `+quote(written), "“%s” @ has no field before it", written)
	case t.op == 0:
		return nil, p.noOperator(opAt, at, written)
	case !slices.Contains(allowed(t.field), t.op):
		return nil, p.notAllowed(opAt, t)
	}
	if err := p.value(t, opAt); err != nil {
		return nil, err
	}
	return t, nil
}

func (p *parser) name(inQuotes bool) (string, error) {
	if inQuotes {
		return p.quoted()
	}
	return p.until(operatorBytes), nil
}

// search is the term of a word, or of a text in quotes, that stands alone.
func (p *parser) search(at int, word string, inQuotes bool) (node, error) {
	if head, rest, ok := strings.Cut(word, ":"); ok && !inQuotes && fieldOf(p.of, head) != attribute {
		return nil, p.wrong(at, fmt.Sprintf("a value stands behind =: %s=%s; as text it stands in quotes: %s", head, rest, quote(word)), "“%s” @ is no term", excerpt(word))
	}
	t := &term{field: text, op: contains, value: literal{text: word, quoted: true}}
	return t, p.compile(t, at)
}

func (p *parser) noOperator(opAt, at int, written string) error {
	do := fmt.Sprintf("there are = != ~ !~ < <= > >=; as text it stands in quotes: %s", quote(firstWord(p.text[at:])))
	switch {
	case meant[written] != "":
		do = "write " + meant[written]
	case written == "=~" || written == "!=~":
		do = "for a regular expression write " + strings.Replace(written, "=", "", 1) + "/…/"
	case opOf(written[:1]) != 0:
		do += ", and so does a value that begins with " + written[1:]
	}
	return p.wrong(opAt, do, "unknown operator “%s” @", written)
}

func (p *parser) notAllowed(at int, t *term) error {
	var names []string
	for _, o := range allowed(t.field) {
		names = append(names, o.String())
	}
	return p.wrong(at, "use "+strings.Join(names, ", "), "%s cannot be asked for with “%s” @", nameOf(p.of, t.field), t.op)
}
