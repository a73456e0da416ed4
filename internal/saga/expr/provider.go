package expr

import (
	"maps"
	"slices"
	"strconv"

	"github.com/google/cel-go/common/types"
)

// provider tells the language what properties the objects of an Env have.
type provider struct {
	*types.Registry
	names   map[*Type]string
	objects map[string]*Type
}

func newProvider(base *types.Registry) *provider {
	return &provider{Registry: base, names: map[*Type]string{}, objects: map[string]*Type{}}
}

// with returns a provider that knows more variables too; p is not changed.
func (p *provider) with(vars []Var) *provider {
	more := &provider{Registry: p.Registry, names: maps.Clone(p.names), objects: maps.Clone(p.objects)}
	for _, v := range vars {
		more.add(v.Name, v.Type)
	}
	return more
}

// add names t and the types in it after where they are first found.
func (p *provider) add(path string, t *Type) {
	if t == nil {
		return
	}
	switch t.kind { //nolint:exhaustive // others have no types in them
	case kindList:
		p.add(path+".item", t.items)
	case kindObject:
		if _, known := p.names[t]; known {
			return
		}
		// It is no name that an expression can have.
		name := "object(" + path + ")"
		for i := 2; p.objects[name] != nil; i++ {
			name = "object(" + path + " " + strconv.Itoa(i) + ")"
		}
		p.names[t], p.objects[name] = name, t
		for _, key := range slices.Sorted(maps.Keys(t.fields)) {
			p.add(path+"."+key, t.fields[key])
		}
		p.add(path+".value", t.extra)
	}
}

// cel is a type as the language has it.
func (p *provider) cel(t *Type) *types.Type {
	if t == nil {
		return types.DynType
	}
	plain := types.DynType
	switch t.kind {
	case kindDyn:
	case kindBool:
		plain = types.BoolType
	case kindInt:
		plain = types.IntType
	case kindDouble:
		plain = types.DoubleType
	case kindString:
		plain = types.StringType
	case kindTime:
		return types.TimestampType
	case kindList:
		if !t.nullable {
			return types.NewListType(p.cel(t.items))
		}
	case kindObject:
		switch {
		case len(t.fields) > 0:
			return types.NewObjectType(p.names[t]) // null is one of its values
		case !t.nullable && t.extra != nil:
			return types.NewMapType(types.StringType, p.cel(t.extra))
		}
	}
	if t.nullable && plain != types.DynType {
		return types.NewNullableType(plain)
	}
	return plain
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if p.objects[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if t := p.objects[name]; t != nil {
		return slices.Sorted(maps.Keys(t.fields)), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	t := p.objects[name]
	if t == nil {
		return p.Registry.FindStructFieldType(name, field)
	}
	in := t.property(field)
	if in == nil {
		return nil, false
	}
	return &types.FieldType{Type: p.cel(in)}, true
}
