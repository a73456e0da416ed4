package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/parser"
)

// valueMost bounds what Pick returns, in bytes, so that it can be an index's key.
const valueMost = 200

// Correlate finds in a condition what a variable must be equal to: the condition
// is false unless the path on, such as event.data.order, equals value, which does
// not refer to the variable. nil: there is no such part.
func (p *Program) Correlate(name string) (on string, value *Program) {
	for _, part := range conjuncts(p.ast.Expr()) {
		if part.Kind() != ast.CallKind || part.AsCall().FunctionName() != operators.Equals {
			continue
		}
		args := part.AsCall().Args()
		for i, side := range args {
			on := pathOf(side, name)
			if on == "" || on == name {
				continue
			}
			text, err := parser.Unparse(args[1-i], p.ast.SourceInfo())
			if err != nil {
				continue
			}
			if value, err := p.env.Compile(text, JSON); err == nil && !value.Uses(name) {
				return on, value
			}
		}
	}
	return "", nil
}

// conjuncts are the parts of a && b && c.
func conjuncts(e ast.Expr) []ast.Expr {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.LogicalAnd {
		return []ast.Expr{e}
	}
	var all []ast.Expr
	for _, arg := range e.AsCall().Args() {
		all = append(all, conjuncts(arg)...)
	}
	return all
}

// pathOf is a.b.c if e says that and a is the variable.
func pathOf(e ast.Expr, variable string) string {
	switch {
	case e.Kind() == ast.IdentKind && e.AsIdent() == variable:
		return variable
	case e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly():
		if path := pathOf(e.AsSelect().Operand(), variable); path != "" {
			return path + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// Pick returns what a path that [Program.Correlate] found leads to in the JSON of
// the variable, as a text that is equal for equal values. false: it leads to no
// string, number or truth value.
func Pick(text json.RawMessage, on string) (string, bool) {
	v, err := decode(text, nil)
	if err != nil {
		return "", false
	}
	_, path, ok := strings.Cut(on, ".")
	for ok {
		var key string
		key, path, ok = strings.Cut(path, ".")
		object, isObject := v.(map[string]any)
		if !isObject {
			return "", false
		}
		v = object[key]
	}
	return canonical(v)
}

// canonical is a text that is equal for values that the language takes for equal.
func canonical(v any) (string, bool) {
	var text string
	switch v := v.(type) {
	case string:
		text = "s" + v
	case bool:
		text = strconv.FormatBool(v)
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			text = strconv.FormatInt(i, 10)
			break
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return "", false
		}
		if text = strconv.FormatFloat(f, 'g', -1, 64); f >= -1<<63 && f < 1<<63 && f == float64(int64(f)) {
			text = strconv.FormatInt(int64(f), 10)
		}
	default:
		return "", false
	}
	if len(text) > valueMost {
		sum := sha256.Sum256([]byte(text))
		text = hex.EncodeToString(sum[:])
	}
	return text, true
}

// Key evaluates the expression to a text as [Pick] returns it. false: it is no
// string, number or truth value.
func (p *Program) Key(values Values) (string, bool, error) {
	text, err := p.JSON(values)
	if err != nil {
		return "", false, err
	}
	v, err := decode(text, nil)
	if err != nil {
		return "", false, err
	}
	key, ok := canonical(v)
	return key, ok, nil
}
