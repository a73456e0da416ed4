package expr

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
)

// Error is a mistake in an expression.
type Error struct {
	Offset       int // of the byte in the text at which it is
	Message, Fix string
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("at byte %d: %s", e.Offset+1, e.Message)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// explain returns the first of the issues in words of its own.
func (e *Env) explain(text string, parsed *cel.Ast, issues *cel.Issues) *Error {
	all := issues.Errors()
	if len(all) == 0 {
		return &Error{Message: issues.Err().Error()}
	}
	first := slices.MinFunc(all, func(a, b *common.Error) int { return offset(text, a) - offset(text, b) })
	err := &Error{Offset: offset(text, first), Message: first.Message}
	if name, ok := between(first.Message, "undeclared reference to '", "'"); ok {
		err.Message, err.Fix = e.unknownName(name)
	} else if name, ok := between(first.Message, "undefined field '", "'"); ok && parsed != nil {
		err.Message, err.Fix = e.unknownField(parsed.NativeRep(), first.ExprID, name)
	} else if op, ok := between(first.Message, "found no matching overload for '", "'"); ok {
		_, args, _ := strings.Cut(first.Message, " applied to ")
		err.Message, err.Fix = noOverload(strings.Trim(op, "_"), strings.Trim(args, "'"))
	} else if rest, ok := strings.CutPrefix(first.Message, "Syntax error: "); ok {
		err.Message, err.Fix = "it cannot be read: "+rest, "see https://cel.dev for what an expression looks like"
	}
	return err
}

// offset of an error, in bytes.
func offset(text string, e *common.Error) int {
	line, column := e.Location.Line(), e.Location.Column()
	at := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	for ; column > 0 && at < len(text); column-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

func between(text, before, after string) (string, bool) {
	_, rest, ok := strings.Cut(text, before)
	if !ok {
		return "", false
	}
	in, _, ok := strings.Cut(rest, after)
	return in, ok
}

func (e *Env) unknownName(name string) (message, fix string) {
	first, _, _ := strings.Cut(name, ".")
	if why := e.unusable[first]; why != "" {
		return why, ""
	}
	known := make([]string, 0, len(e.vars))
	for name := range e.vars {
		known = append(known, name)
	}
	return "nothing is named " + name + " here", suggest(name, known, "there are ")
}

func (e *Env) unknownField(tree *ast.AST, id int64, name string) (message, fix string) {
	message = "there is no property " + name
	node := find(tree.Expr(), id)
	if node == nil || node.Kind() != ast.SelectKind {
		return message, ""
	}
	path, t := e.resolve(node.AsSelect().Operand())
	if path != "" {
		message = path + " has no property " + name
	}
	var known []string
	if t != nil {
		for name := range t.fields {
			known = append(known, name)
		}
	} else {
		for _, t := range e.provider.objects {
			for field := range t.fields {
				known = append(known, field)
			}
		}
		return message, suggest(name, known, "")
	}
	return message, suggest(name, known, "its schema has ")
}

// resolve says how an expression is written and what type it has, as far as it
// is a path that begins with a variable.
func (e *Env) resolve(node ast.Expr) (string, *Type) {
	switch node.Kind() { //nolint:exhaustive // others are no path
	case ast.IdentKind:
		return node.AsIdent(), e.vars[node.AsIdent()]
	case ast.SelectKind:
		path, t := e.resolve(node.AsSelect().Operand())
		if path == "" {
			return "", nil
		}
		return path + "." + node.AsSelect().FieldName(), t.property(node.AsSelect().FieldName())
	case ast.CallKind:
		if call := node.AsCall(); call.FunctionName() == "_[_]" && len(call.Args()) == 2 {
			if path, t := e.resolve(call.Args()[0]); path != "" {
				return path + "[…]", t.element()
			}
		}
	}
	return "", nil
}

func find(root ast.Expr, id int64) (found ast.Expr) {
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(node ast.Expr) {
		if node.ID() == id {
			found = node
		}
	}))
	return found
}

func noOverload(op, args string) (message, fix string) {
	message = fmt.Sprintf("%s does not take %s", op, args)
	switch {
	case strings.Contains(args, "double") && strings.Contains(args, "int"):
		fix = "write 2.0 for 2, or double(…) around the integer"
	case op == "+" && strings.Contains(args, "string"):
		fix = "write string(…) around what is no text"
	}
	return message, fix
}

func article(noun string) string {
	noun = strings.ReplaceAll(noun, "google.protobuf.", "")
	if strings.ContainsAny(noun[:min(1, len(noun))], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

// suggest names the known word that is most like the wrong one, or all.
func suggest(wrong string, known []string, all string) string {
	slices.Sort(known)
	known = slices.Compact(known)
	best, least := "", len(wrong)/3+2
	for _, word := range known {
		if d := distance(strings.ToLower(wrong), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case all == "" || len(known) == 0 || len(known) > 12:
		return ""
	}
	return all + strings.Join(known, ", ")
}

// distance is how many letters are added, removed or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
