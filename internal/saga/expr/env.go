package expr

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// workMost bounds an evaluation, in the units of the language's cost model: about
// one for each operation and each element that is looked at.
const workMost = 1_000_000

// Var is a variable of expressions.
type Var struct {
	Name string
	Type *Type
}

// Env is what expressions can refer to.
type Env struct {
	cel      *cel.Env
	provider *provider
	adapter  adapter
	vars     map[string]*Type
	unusable map[string]string // names that something else has, and why they are not to be had here
}

// NewEnv returns an Env with the given variables.
func NewEnv(vars ...Var) (*Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	p, a := newProvider(registry), adapter{registry}
	env, err := cel.NewEnv(
		cel.CustomTypeAdapter(a),
		cel.CustomTypeProvider(p),
		cel.OptionalTypes(),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableMacroCallTracking(), // for Correlate, which writes parts of expressions
	)
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	return (&Env{cel: env, provider: p, adapter: a}).With(vars...)
}

// With returns an Env that has more variables; e is not changed.
func (e *Env) With(vars ...Var) (*Env, error) {
	more := &Env{provider: e.provider.with(vars), adapter: e.adapter, vars: maps.Clone(e.vars), unusable: e.unusable}
	if more.vars == nil {
		more.vars = map[string]*Type{}
	}
	options := []cel.EnvOption{cel.CustomTypeProvider(more.provider)}
	for _, v := range vars {
		more.vars[v.Name] = v.Type
		options = append(options, cel.Variable(v.Name, more.provider.cel(v.Type)))
	}
	var err error
	if more.cel, err = e.cel.Extend(options...); err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	return more, nil
}

// Unusable returns an Env that explains why some names cannot be used in it.
func (e *Env) Unusable(why map[string]string) *Env {
	more := *e
	more.unusable = why
	return &more
}

// Want is what an expression must give.
type Want int

// An expression may give one of these.
const (
	JSON Want = iota // any
	Bool
	segment // text, a number or a truth value, for a path
)

// Compile reads an expression. Its error is an *Error.
func (e *Env) Compile(text string, want Want) (*Program, error) {
	parsed, issues := e.cel.Parse(text)
	if issues.Err() != nil {
		return nil, e.explain(text, nil, issues)
	}
	checked, issues := e.cel.Check(parsed)
	if issues.Err() != nil {
		return nil, e.explain(text, parsed, issues)
	}
	out := checked.OutputType()
	if !fits(out, want) {
		return nil, &Error{Message: fmt.Sprintf("it gives %s, and %s is needed", article(out.String()), wanted[want])}
	}
	program, err := e.cel.Program(checked, cel.CostLimit(workMost), cel.CustomDecoratorV2(ordered(e.adapter)))
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	uses := map[string]bool{}
	for _, r := range checked.NativeRep().ReferenceMap() {
		if _, ok := e.vars[r.Name]; ok {
			uses[r.Name] = true
		}
	}
	return &Program{program: program, ast: checked.NativeRep(), env: e, uses: slices.Sorted(maps.Keys(uses))}, nil
}

var wanted = map[Want]string{Bool: "true or false", segment: "text or a number"}

func fits(t *types.Type, want Want) bool {
	if t.Kind() == types.DynKind || want == JSON {
		return true
	}
	for _, ok := range []*types.Type{types.BoolType, types.StringType, types.IntType, types.UintType, types.DoubleType} {
		if (want == segment || ok == types.BoolType) && (t.IsExactType(ok) || t.IsExactType(types.NewNullableType(ok))) {
			return true
		}
	}
	return false
}

// Values gives variables: JSON, and false for those that have none. Empty JSON is null.
type Values func(name string) (json.RawMessage, bool)

// activation decodes variables when they are used.
type activation struct {
	env    *Env
	values Values
	known  map[string]any
}

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	if v, ok := a.known[name]; ok {
		return v, true
	}
	t, declared := a.env.vars[name]
	if !declared {
		return nil, false
	}
	text, ok := a.values(name)
	if !ok {
		return nil, false
	}
	v, err := decode(text, t)
	if err != nil {
		return types.NewErr("%s: %v", name, err), true
	}
	if v == nil {
		v = types.NullValue
	}
	a.known[name] = v
	return v, true
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }
