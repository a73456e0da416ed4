package expr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Program is an expression that was compiled.
type Program struct {
	program cel.Program
	ast     *ast.AST
	env     *Env
	uses    []string
}

// Uses tells whether the expression refers to a variable.
func (p *Program) Uses(name string) bool { return slices.Contains(p.uses, name) }

// JSON evaluates the expression.
func (p *Program) JSON(values Values) (json.RawMessage, error) {
	v, err := p.eval(values)
	if err != nil {
		return nil, err
	}
	return encode(v)
}

// Bool evaluates an expression that was compiled for [Bool].
func (p *Program) Bool(values Values) (bool, error) {
	v, err := p.eval(values)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it gives %s, and true or false is needed", article(v.Type().TypeName()))
	}
	return bool(b), nil
}

func (p *Program) eval(values Values) (ref.Val, error) {
	v, _, err := p.program.Eval(&activation{env: p.env, values: values, known: map[string]any{}})
	if err != nil {
		return nil, runError(err)
	}
	return v, nil
}

// runError says what a person can understand.
func runError(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "actual cost limit exceeded"):
		return fmt.Errorf("it takes more than %d operations", workMost)
	case strings.Contains(text, "no such overload"):
		return fmt.Errorf("an operation does not take what it was given (%s)", text)
	}
	return err
}
