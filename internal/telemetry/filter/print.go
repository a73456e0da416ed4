package filter

import (
	"slices"
	"strings"
)

// String is the filter as text: another filter of it takes the same records.
func (f *Filter) String() string {
	if f == nil || f.root == nil {
		return ""
	}
	var b strings.Builder
	f.root.print(&b, f.of, loose)
	return b.String()
}

// binding is how tightly what is around a part of a filter binds.
type binding uint8

const (
	loose binding = iota
	inAnd
	inNot
)

func (n allOf) print(b *strings.Builder, of Signal, around binding) {
	if around > inAnd {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, part := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		part.print(b, of, inAnd)
	}
}

func (n anyOf) print(b *strings.Builder, of Signal, around binding) {
	if around > loose {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, part := range n {
		if i > 0 {
			b.WriteString(" or ")
		}
		part.print(b, of, loose)
	}
}

func (n not) print(b *strings.Builder, of Signal, _ binding) {
	b.WriteString("not ")
	n.node.print(b, of, inNot)
}

func (t *term) print(b *strings.Builder, of Signal, _ binding) {
	if t.field == text && t.op == contains && !t.value.expression {
		b.WriteString(searched(t.value.text, of))
		return
	}
	b.WriteString(t.name(of))
	b.WriteString(t.op.String())
	switch v := t.value; {
	case v.expression:
		b.WriteString("/" + v.text + "/")
		if v.fold {
			b.WriteByte('i')
		}
	case v.quoted:
		b.WriteString(quote(v.text))
	default:
		b.WriteString(v.text)
	}
}

func (t *term) name(of Signal) string {
	switch {
	case t.field != attribute:
		return nameOf(of, t.field)
	case fieldOf(of, t.key) == attribute && isBare(t.key):
		return t.key
	}
	return quote(t.key)
}

// searched is a text that stands alone, in quotes where it needs them.
func searched(word string, of Signal) string {
	head, _, colon := strings.Cut(word, ":")
	if !isBare(word) || slices.Contains([]string{"and", "or", "not"}, strings.ToLower(word)) || colon && fieldOf(of, head) != attribute {
		return quote(word)
	}
	return word
}

// isBare reports whether a name or word needs no quotes.
func isBare(word string) bool {
	s := scanner{text: word}
	return word != "" && word[0] != '-' && word[0] != '\'' && s.until(operatorBytes) == word
}
