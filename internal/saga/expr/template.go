package expr

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Template is the path of a request, with expressions in { }.
type Template struct {
	text  []string // one more than programs
	holes []hole
}

type hole struct {
	program *Program
	query   bool // it is behind the ?
}

// Template reads a path. Its error is an *Error.
func (e *Env) Template(path string) (*Template, error) {
	t := &Template{}
	at, query := 0, false
	for {
		from := strings.IndexAny(path[at:], "{}")
		if from < 0 {
			t.text = append(t.text, path[at:])
			return t, nil
		}
		from += at
		if path[from] == '}' {
			return nil, &Error{Offset: from, Message: "} without {", Fix: "write %7D for a } of the path"}
		}
		t.text = append(t.text, path[at:from])
		query = query || strings.Contains(path[at:from], "?")
		size := strings.IndexAny(path[from+1:], "{}")
		if size < 0 || path[from+1+size] == '{' {
			return nil, &Error{Offset: from, Message: "{ without }", Fix: "close the expression; it cannot have braces itself"}
		}
		program, err := e.Compile(path[from+1:from+1+size], segment)
		if err != nil {
			if e, ok := err.(*Error); ok { //nolint:errorlint // Compile returns no other
				e.Offset += from + 1
			}
			return nil, err
		}
		t.holes = append(t.holes, hole{program, query})
		at = from + size + 2
	}
}

// Uses tells whether the path refers to a variable.
func (t *Template) Uses(name string) bool {
	for _, h := range t.holes {
		if h.program.Uses(name) {
			return true
		}
	}
	return false
}

// Programs are the expressions in the path.
func (t *Template) Programs() []*Program {
	var all []*Program
	for _, h := range t.holes {
		all = append(all, h.program)
	}
	return all
}

// Path fills in the expressions. A value stays within its segment, whatever is in it.
func (t *Template) Path(values Values) (string, error) {
	var b strings.Builder
	b.WriteString(t.text[0])
	for i, h := range t.holes {
		v, err := h.program.eval(values)
		if err != nil {
			return "", err
		}
		text, err := h.escape(v)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		b.WriteString(t.text[i+1])
	}
	path := b.String()
	if len(t.holes) == 0 {
		return path, nil
	}
	plain, _, _ := strings.Cut(path, "?")
	for part := range strings.SplitSeq(plain, "/") {
		if part == "." || part == ".." {
			return "", fmt.Errorf("the path %s has a segment %s, which servers take for another path", path, part)
		}
	}
	return path, nil
}

func (h hole) escape(v ref.Val) (string, error) {
	var text string
	switch v := v.(type) {
	case types.String:
		text = string(v)
	case types.Int:
		text = strconv.FormatInt(int64(v), 10)
	case types.Uint:
		text = strconv.FormatUint(uint64(v), 10)
	case types.Bool:
		text = strconv.FormatBool(bool(v))
	case types.Double:
		json, err := encode(v)
		if err != nil {
			return "", err
		}
		text = string(json)
	case types.Null:
		return "", errors.New("a part of the path is null")
	default:
		return "", fmt.Errorf("a part of the path is %s; text or a number is needed", article(v.Type().TypeName()))
	}
	if h.query {
		return url.QueryEscape(text), nil
	}
	if text == "" {
		return "", errors.New("a part of the path is empty")
	}
	return url.PathEscape(text), nil
}
