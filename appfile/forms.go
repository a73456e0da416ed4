package appfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The types of this file have a short form beside their full one. Each reads
// both from a node; JSON and YAML lead to the same code.

// nodeReader is a type that reads its own short forms.
type nodeReader interface {
	readNode(d *decoder, n *node, path string)
}

var (
	_ nodeReader = (*Command)(nil)
	_ nodeReader = (*Environment)(nil)
	_ nodeReader = (*StringList)(nil)
	_ nodeReader = (*Calls)(nil)
	_ nodeReader = (*DependsOn)(nil)
	_ nodeReader = (*ServiceSecrets)(nil)
	_ nodeReader = (*Volume)(nil)
	_ nodeReader = (*Update)(nil)
	_ nodeReader = (*Balance)(nil)
	_ nodeReader = (*Cache)(nil)
	_ nodeReader = (*Concurrency)(nil)
	_ nodeReader = (*Subscription)(nil)
	_ nodeReader = (*StepUndo)(nil)
	_ nodeReader = (*Alert)(nil)
	_ nodeReader = (*Dashboard)(nil)
)

func (c *Command) readNode(d *decoder, n *node, path string) {
	switch {
	case n.kind == listKind:
		for i, item := range n.items {
			text, ok := d.text(item, "an argument")
			if !ok {
				continue
			}
			d.ix.set(join(path, strconv.Itoa(i)), item.pos(), item)
			*c = append(*c, d.resolve(item, text, 0, commandText))
		}
		switch {
		case len(n.items) == 0:
			d.failed(path)
			d.problem(n.pos(), "the command is empty", "write the program and its arguments")
		case len(*c) > 0 && (*c)[0] == "":
			d.problem(n.items[0].pos(), "the command's first word, the program, is empty", "write the program's name or path")
		case len(*c) == 1 && strings.Contains((*c)[0], " "):
			d.warn(n.items[0].pos(), fmt.Sprintf("a list is taken word by word, so this is a program named %s", quote((*c)[0])), "write the command as a string, without [ ], or each word as an item of its own")
		}
	case n.kind == scalarKind:
		words, problems := splitCommand(n.text)
		for _, p := range problems {
			if p.warning {
				d.warn(n.at(p.off), p.message, p.fix)
			} else {
				d.problem(n.at(p.off), p.message, p.fix)
				d.failed(path)
			}
		}
		for i, w := range words {
			d.ix.set(join(path, strconv.Itoa(i)), n.at(w.off), n)
			*c = append(*c, d.resolve(n, w.text, w.off, commandText))
		}
		if len(*c) > 0 && (*c)[0] == "" && len(problems) == 0 {
			d.problem(n.pos(), "the command's first word, the program, is empty", "write the program's name or path")
		}
	default:
		d.failed(path)
		if keyOf(path) == "build" && (n.get("context") != nil || n.get("dockerfile") != nil || n.get("target") != nil) {
			d.problem(n.pos(), "build is a command here, not an image's description", "write build: go build -o ${out}/app ., for example, and working_dir: for the context")
			return
		}
		d.wrongType(n, "a command such as go run ./order, or a list of words")
	}
}

func (e *Environment) readNode(d *decoder, n *node, path string) {
	out := Environment{}
	switch n.kind {
	case mapKind:
		for _, en := range n.entries {
			d.ix.set(join(path, en.key), scalarOrKey(en), en.val)
			if en.val.kind == nullKind {
				d.problem(en.pos(), fmt.Sprintf("the variable %s has no value", en.key), fmt.Sprintf(`write %s: ${env.%s} to pass on banyan's own, or %s: "" for an empty one`, en.key, en.key, en.key))
				continue
			}
			if text, ok := d.text(en.val, "a variable's value"); ok {
				out[en.key] = d.resolve(en.val, text, 0, 0)
			}
		}
	case listKind:
		for _, item := range n.items {
			e.readItem(d, item, path, out)
		}
	default:
		fix := "write NAME: value, one a line, below environment:"
		if key, val, ok := strings.Cut(n.text, "="); ok && !strings.Contains(val, "=") {
			fix = fmt.Sprintf("write environment: {%s: %q}", key, val)
		}
		d.problem(n.pos(), fmt.Sprintf("environment must be a mapping of NAME: value or a list of NAME=value, not %s", n.describe()), fix)
	}
	if len(out) > 0 {
		*e = out
	}
}

// readItem reads one NAME=value of Compose's list form.
func (e *Environment) readItem(d *decoder, item *node, path string, out Environment) {
	if item.kind == mapKind && len(item.entries) == 1 && item.entries[0].val.kind == scalarKind {
		en := item.entries[0]
		d.problem(item.pos(), fmt.Sprintf("%s: … is a mapping inside a list", en.key), fmt.Sprintf("remove the dash, or write - %s=%s", en.key, en.val.text))
		return
	}
	if name, val := item.get("name"), item.get("value"); name != nil && val != nil {
		d.problem(item.pos(), "this is Kubernetes' form of a variable", fmt.Sprintf("write %s: %s, without the dash", name.text, val.text))
		return
	}
	text, ok := d.text(item, "NAME=value")
	if !ok {
		return
	}
	name, val, ok := strings.Cut(text, "=")
	if !ok {
		d.problem(item.pos(), fmt.Sprintf("%s is not of the form NAME=value", quote(text)), fmt.Sprintf("write %s=${env.%s} to pass on banyan's own", name, name))
		return
	}
	if first, double := d.ix.find(join(path, name)); double {
		d.problem(item.pos(), fmt.Sprintf("the variable %s is here a second time; the first is at line %d", name, first.line), "keep one of the two")
		return
	}
	d.ix.set(join(path, name), item.pos(), item)
	out[name] = d.resolve(item, val, len(name)+1, 0)
}

func (l *StringList) readNode(d *decoder, n *node, path string) {
	items := []*node{n}
	if n.kind == listKind {
		items = n.items
	}
	for i, item := range items {
		if text, ok := d.text(item, "a text or a list of texts"); ok {
			d.ix.set(join(path, strconv.Itoa(i)), item.pos(), item)
			*l = append(*l, d.resolve(item, text, 0, 0))
		}
	}
}

// readNames reads the list form of a map by name: [a, b].
func readNames(d *decoder, n *node, path, key, example string, add func(name string)) {
	if n.kind != listKind {
		fix := example
		if n.kind == scalarKind {
			fix = fmt.Sprintf("write %s: [%s]", key, strings.Join(strings.FieldsFunc(n.text, func(r rune) bool { return r == ',' || r == ' ' }), ", "))
		}
		d.problem(n.pos(), fmt.Sprintf("%s must be a list of names or a mapping, not %s", key, n.describe()), fix)
		d.failed(path)
		return
	}
	for _, item := range n.items {
		if item.kind == mapKind && len(item.entries) == 1 {
			d.problem(item.pos(), fmt.Sprintf("%s: … is a mapping inside a list", item.entries[0].key), fmt.Sprintf("write %s: as a mapping, without the dashes: %s", key, example))
			d.failed(path)
			continue
		}
		name, ok := d.text(item, "a name")
		if !ok {
			continue
		}
		name = d.resolve(item, name, 0, 0)
		if first, double := d.ix.find(join(path, name)); double {
			d.problem(item.pos(), fmt.Sprintf("%s is in %s a second time; the first is at line %d, column %d", name, key, first.line, first.col), "keep one of the two")
			continue
		}
		d.ix.set(join(path, name), item.pos(), item)
		add(name)
	}
}

func (c *Calls) readNode(d *decoder, n *node, path string) {
	if *c == nil && (n.kind == mapKind && len(n.entries) > 0 || n.kind == listKind && len(n.items) > 0) {
		*c = Calls{}
	}
	if n.kind == mapKind {
		readMap(d, n, path, map[string]*Call(*c))
		return
	}
	readNames(d, n, path, "calls", "{inventory: {timeout: 2s}}", func(name string) { (*c)[name] = &Call{} })
}

func (o *DependsOn) readNode(d *decoder, n *node, path string) {
	if *o == nil && (n.kind == mapKind && len(n.entries) > 0 || n.kind == listKind && len(n.items) > 0) {
		*o = DependsOn{}
	}
	if n.kind == mapKind {
		for _, e := range n.entries {
			if e.val.kind == scalarKind {
				d.ix.set(join(path, e.key), e.pos(), e.val)
				(*o)[e.key] = &Dependency{}
				d.problem(e.val.pos(), fmt.Sprintf("depends_on: %s must be a mapping with a condition, not %s", e.key, e.val.describe()), fmt.Sprintf("write %s: {condition: service_ready}, or depends_on: [%s]", e.key, e.key))
			}
		}
		scalars := func(e entry) bool { return e.val.kind == scalarKind }
		readMap(d, without(n, scalars), path, map[string]*Dependency(*o))
		return
	}
	readNames(d, n, path, "depends_on", "{inventory: {condition: service_ready}}", func(name string) { (*o)[name] = &Dependency{} })
}

func (s *ServiceSecrets) readNode(d *decoder, n *node, path string) {
	out := ServiceSecrets{}
	switch n.kind {
	case mapKind:
		for _, e := range n.entries {
			d.ix.set(join(path, e.key), scalarOrKey(e), e.val)
			if e.val.kind == nullKind {
				d.problem(e.pos(), fmt.Sprintf("the variable %s names no secret", e.key), "write VARIABLE: secret-name, or a list of secret names")
			} else if text, ok := d.text(e.val, "the name of a secret"); ok {
				out[e.key] = d.resolve(e.val, text, 0, 0)
			}
		}
	default:
		readNames(d, n, path, "secrets", "{DB_PASSWORD: db-password}", func(name string) {
			variable := VariableName(name)
			if at, ok := d.ix.find(join(path, name)); ok {
				d.ix.set(join(path, variable), at, nil)
			}
			out[variable] = name
		})
	}
	if len(out) > 0 {
		*s = out
	}
}

func (v *Volume) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, v)
		return
	}
	text, ok := d.text(n, "NAME:VARIABLE")
	if !ok {
		return
	}
	text = d.resolve(n, text, 0, 0)
	name, env, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		d.problem(n.pos(), fmt.Sprintf("the volume %s does not say which variable tells its path", quote(text)), fmt.Sprintf("write %s:%s_DIR", text, VariableName(text)))
	case strings.HasSuffix(env, ":ro") || strings.HasSuffix(env, ":rw"):
		d.problem(n.pos(), "a volume has no options: its service reads and writes it", "write "+name+":"+env[:len(env)-3])
	case strings.ContainsAny(name, "/.") || strings.Contains(env, "/"):
		base := strings.Trim(name[strings.LastIndexByte(strings.TrimRight(name, "/"), '/')+1:], "/.")
		base = orElse(base, "data")
		d.problem(n.pos(), fmt.Sprintf("%s is Compose's PATH:PATH, and a volume here is NAME:VARIABLE", quote(text)), fmt.Sprintf("write %s:%s_DIR; banyan makes the directory and tells the program its path in the variable", base, VariableName(base)))
	default:
		v.Name, v.Env = name, env
		return
	}
	d.failed(path)
}

func (u *Update) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, u)
		return
	}
	if text, ok := d.text(n, "a strategy, rolling or recreate"); ok {
		u.Strategy = d.resolve(n, text, 0, 0)
		d.ix.set(join(path, "strategy"), n.pos(), n)
	}
}

func (b *Balance) readNode(d *decoder, n *node, path string) {
	switch n.kind {
	case mapKind:
		d.fields(n, path, b)
	case scalarKind:
		b.By = d.resolve(n, n.text, 0, 0)
		d.ix.set(join(path, "by"), n.pos(), n)
	default:
		d.problem(n.pos(), fmt.Sprintf("balance must be a word or a mapping, not %s", n.describe()), "write balance: round_robin, for example, or balance: {by: hash, header: X-User-Id}")
		d.failed(path)
	}
}

func (c *Cache) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, c)
		return
	}
	if n.kind == scalarKind {
		text := d.resolve(n, n.text, 0, 0)
		if text == "true" && (n.bool || text != n.text) {
			return
		}
	}
	fix := "write cache: true for the defaults, or cache: {max_bytes: 16Mi}"
	if n.kind == scalarKind {
		if size, err := ParseBytes(n.text); err == nil && size > 0 {
			fix = fmt.Sprintf("write cache: {max_bytes: %s}", n.text)
		} else if ttl, err := ParseDuration(n.text); err == nil && ttl > 0 {
			fix = fmt.Sprintf("write cache: {default_ttl: %s}", n.text)
		} else if slices.Contains([]string{"false", "no", "off", "none"}, n.text) {
			fix = "leave cache out: nothing is kept without it"
		}
	}
	d.problem(n.pos(), fmt.Sprintf("cache must be true or a mapping, not %s", n.describe()), fix)
	d.failed(path)
}

func (c *Concurrency) readNode(d *decoder, n *node, path string) {
	if n.kind == mapKind {
		d.fields(n, path, c)
		return
	}
	d.ix.set(join(path, "max"), n.pos(), n)
	d.scalar(n, path, reflect.ValueOf(&c.Max).Elem(), "Concurrency.Max")
}

// VariableName is how a service or secret is written in the name of an
// environment variable: in upper case, with _ for - and dots. The service
// order-api has its address in ORDER_API_URL.
func VariableName(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// readValue reads a Go value, as JSON and YAML decoders make them, into one
// of the types above. References are left as they are.
func readValue(v any, into nodeReader) error {
	r := &reporter{}
	d := &decoder{reporter: r, ix: newIndex(), keepRefs: true}
	into.readNode(d, nodeOf(v), "")
	if len(r.problems) == 0 {
		return nil
	}
	return r.problems
}

// readJSON is the body of every UnmarshalJSON below.
func readJSON(data []byte, into nodeReader) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	if v == nil {
		return nil
	}
	return readValue(v, into)
}

// readYAML is the body of every UnmarshalYAML below.
func readYAML(unmarshal func(any) error, into nodeReader) error {
	var v any
	if err := unmarshal(&v); err != nil || v == nil {
		return err
	}
	return readValue(v, into)
}
