package appfile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills the public types from nodes, remembers where each value
// stands, and goes on after mistakes so that one run finds them all.
type decoder struct {
	*reporter
	ix       *index
	lookup   func(string) (string, bool)
	envRefs  map[string]bool
	deferred bool // the field being read keeps its references
	keepRefs bool // all fields do: a JSON value, not a file
}

// index remembers where values stand, by path.
type index struct {
	places map[string]place
}

type place struct {
	pos
	node *node // of a scalar, to find the place inside it
	bad  bool  // already reported: what follows from it is not
}

func newIndex() *index { return &index{places: map[string]place{}} }

func join(path string, names ...string) string {
	for _, n := range names {
		if path != "" {
			path += "\x00"
		}
		path += n
	}
	return path
}

func (ix *index) set(path string, at pos, n *node) {
	if old, ok := ix.places[path]; ok {
		ix.places[path] = place{at, n, old.bad}
		return
	}
	ix.places[path] = place{pos: at, node: n}
}

// find returns where exactly path stands.
func (ix *index) find(path string) (pos, bool) {
	if ix == nil {
		return pos{}, false
	}
	p, ok := ix.places[path]
	return p.pos, ok
}

// failed marks a value whose mistake is reported.
func (d *decoder) failed(path string) { d.ix.fail(path) }

func (ix *index) fail(path string) {
	if ix == nil {
		return
	}
	p := ix.places[path]
	p.bad = true
	ix.places[path] = p
}

// scalarOrKey is the better place to point at: a short value, or else the key.
func scalarOrKey(e entry) pos {
	if e.val.kind == scalarKind {
		return e.val.pos()
	}
	return e.pos()
}

// without is the map less some of its entries.
func without(n *node, drop func(entry) bool) *node {
	copied := *n
	copied.entries = slices.DeleteFunc(slices.Clone(n.entries), drop)
	return &copied
}

// field is one key of a struct type.
type field struct {
	key   string
	index []int  // for reflect's FieldByIndex
	id    string // Type.Field, the key of the tables of rules; an embedded field has its own type's
	typ   reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, in := range fieldsOf(f.Type) {
				in.index = append([]int{i}, in.index...)
				fields = append(fields, in)
			}
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fields = append(fields, field{key, []int{i}, t.Name() + "." + f.Name, f.Type})
	}
	return fields
}

// fields reads a mapping into the struct that target points to.
func (d *decoder) fields(n *node, path string, target any) {
	d.structure(n, path, reflect.ValueOf(target).Elem())
}

func (d *decoder) structure(n *node, path string, v reflect.Value) {
	t := v.Type()
	if n.kind != mapKind {
		d.notMapping(n, path, t)
		d.failed(path)
		return
	}
	known := fieldsOf(t)
	for _, e := range n.entries {
		if strings.HasPrefix(e.key, "x-") && extensible[t.Name()] {
			continue
		}
		i := slices.IndexFunc(known, func(f field) bool { return f.key == e.key })
		if i < 0 {
			message, fix := d.unknownKey(t, e)
			d.problem(e.pos(), message, fix)
			if m := meantKey().FindStringSubmatch(fix); m != nil {
				d.failed(join(path, m[1])) // not to say as well that it is missing
			}
			if t.Name() == "App" && looksLikeService(e.val) {
				d.failed("services")
			}
			continue
		}
		f := known[i]
		at := join(path, e.key)
		d.ix.set(at, scalarOrKey(e), e.val)
		if e.val.kind == nullKind {
			continue // as if it was not there
		}
		was := d.deferred
		d.deferred = was || deferredFields[f.id]
		d.value(e.val, at, v.FieldByIndex(f.index), f.id)
		d.deferred = was
	}
}

// meantKey is the key that a fix of unknownKey names.
var meantKey = pattern(`^(?:write|did you mean) (?:the program and its arguments in )?([a-z_]+)`)

// extensible are the types that allow x-… keys.
var extensible = map[string]bool{"App": true, "Service": true, "Job": true, "Route": true}

// deferredFields keep their references in the loaded App: whoever starts the
// program expands them. All other strings are final after Load.
var deferredFields = map[string]bool{
	"Service.Command": true, "Service.Build": true, "Service.Environment": true,
	"Job.Command": true, "Job.Build": true, "Job.Environment": true,
	"Probe.Exec": true, "JWT.JWKS": true, "Bus.URL": true, "Postgres.URL": true, "Database.Migrate": true,
	"OIDC.ClientSecret": true, "Notify.Webhook": true, "Notify.Slack": true, "Email.User": true, "Email.Password": true,
	"ExportOTLP.URL": true, "ExportOTLP.Headers": true, "ExportElasticsearch.URL": true,
	"ExportHTTP.URL": true, "ExportHTTP.Headers": true,
	"ExportElasticsearch.APIKey": true, "ExportElasticsearch.User": true, "ExportElasticsearch.Password": true,
}

// value reads a node into any of the field types.
func (d *decoder) value(n *node, path string, v reflect.Value, id string) {
	if r, ok := reflect.TypeAssert[nodeReader](v.Addr()); ok {
		r.readNode(d, n, path)
		return
	}
	switch v.Type() {
	case reflect.TypeFor[Duration]():
		parsed(d, n, path, v, ParseDuration, "a duration such as 500ms or 2s")
		return
	case reflect.TypeFor[Bytes]():
		parsed(d, n, path, v, ParseBytes, "a size such as 64Ki or 128Mi")
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if id == "Service.Replicas" && n.kind == mapKind {
			d.autoscaling(n)
			d.failed(path)
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem(), id)
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Map:
		d.mapping(n, path, v, id)
	case reflect.Slice:
		d.slice(n, path, v, id)
	default:
		d.scalar(n, path, v, id)
	}
}

// mapping reads a map by name: of structs, or of strings.
func (d *decoder) mapping(n *node, path string, v reflect.Value, id string) {
	if n.kind != mapKind {
		d.notMap(n, id)
		d.failed(path)
		return
	}
	if len(n.entries) == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	if m, ok := reflect.TypeAssert[map[string]string](v); ok {
		for _, e := range n.entries {
			d.ix.set(join(path, e.key), scalarOrKey(e), e.val)
			if text, ok := d.text(e.val, "a text"); ok {
				m[e.key] = d.resolve(e.val, text, 0, 0)
			}
		}
		return
	}
	switch m := v.Interface().(type) {
	case map[string]*Service:
		readMap(d, n, path, m)
	case map[string]*Job:
		readMap(d, n, path, m)
	case map[string]*Secret:
		readMap(d, n, path, m)
	case map[string]*Topic:
		readMap(d, n, path, m)
	case map[string]*Subscription:
		readMap(d, n, path, m)
	case map[string]*Saga:
		readMap(d, n, path, m)
	case map[string]*Alert:
		readMap(d, n, path, m)
	}
}

// readMap reads a map of name to mapping. A name without a value is an empty
// mapping.
func readMap[T any](d *decoder, n *node, path string, m map[string]*T) {
	for _, e := range n.entries {
		if strings.HasPrefix(e.key, "x-") && reflect.TypeFor[T]().Name() != "Call" && e.val.kind == mapKind && path == "services" {
			d.problem(e.pos(), fmt.Sprintf("the service %s has the prefix of an extension", e.key), "move it to the top of the file, or give the service another name")
			continue
		}
		at := join(path, e.key)
		d.ix.set(at, e.pos(), nil)
		item := new(T)
		m[e.key] = item
		if e.val.kind != nullKind {
			d.value(e.val, at, reflect.ValueOf(item).Elem(), "")
		}
	}
}

// slice reads a list of strings, volumes or routes.
func (d *decoder) slice(n *node, path string, v reflect.Value, id string) {
	if n.kind != listKind {
		d.notList(n, id)
		d.failed(path)
		return
	}
	for i, item := range n.items {
		at := join(path, strconv.Itoa(i))
		d.ix.set(at, item.pos(), item)
		elem := reflect.New(v.Type().Elem()).Elem()
		if item.kind == nullKind {
			d.problem(item.pos(), "this list item is empty", "remove the dash, or write the item after it")
			continue
		}
		d.value(item, at, elem, id)
		v.Set(reflect.Append(v, elem))
	}
}

// parsed reads a type with a text form of its own.
func parsed[T any](d *decoder, n *node, path string, v reflect.Value, parse func(string) (T, error), want string) {
	text, ok := d.text(n, want)
	if ok {
		before := len(d.problems)
		text = d.resolve(n, text, 0, 0)
		val, err := parse(text)
		if len(d.problems) > before {
			err = nil
		} else if err == nil {
			v.Set(reflect.ValueOf(val))
			return
		}
		if format, ok := errors.AsType[*formatError](err); ok {
			d.problem(n.pos(), keyOf(path)+": "+format.message+origin(n.text, text), format.fix)
		}
	}
	d.failed(path)
}

func keyOf(path string) string { return path[strings.LastIndexByte(path, 0)+1:] }

// scalar reads a string, number or bool.
func (d *decoder) scalar(n *node, path string, v reflect.Value, id string) {
	want := map[reflect.Kind]string{
		reflect.String: "a text", reflect.Int: "a whole number", reflect.Float64: "a number", reflect.Bool: "true or false",
	}[v.Kind()]
	if n.kind != scalarKind {
		d.problem(n.pos(), fmt.Sprintf("%s must be %s, not %s", keyOf(path), want, n.describe()), scalarFix(n, path, id))
		d.failed(path)
		return
	}
	text, before := n.text, len(d.problems)
	resolved := d.resolve(n, text, 0, 0)
	if len(d.problems) > before {
		d.failed(path)
		return
	}
	fix := ""
	switch v.Kind() {
	case reflect.String:
		v.SetString(resolved)
		return
	case reflect.Int:
		i, err := strconv.Atoi(resolved)
		if err == nil && (n.style == plainStyle || resolved != text) && text[0] != '+' && (i == 0 || text[0] != '0') {
			v.SetInt(int64(i))
			return
		}
		fix = intFix(resolved, n, id)
	case reflect.Float64:
		f, err := strconv.ParseFloat(resolved, 64)
		if err == nil && (n.style == plainStyle || resolved != text) && !math.IsNaN(f) && !math.IsInf(f, 0) {
			v.SetFloat(f)
			return
		}
		fix = floatFix(resolved, n, id)
	case reflect.Bool:
		if n.bool || resolved != text {
			if b, ok := map[string]bool{"true": true, "false": false}[strings.ToLower(resolved)]; ok {
				v.SetBool(b)
				return
			}
		}
		fix = boolFix(resolved)
	}
	d.problem(n.pos(), fmt.Sprintf("%s must be %s, not %s%s", keyOf(path), want, quote(resolved), origin(text, resolved)), fix)
	d.failed(path)
}

// origin tells where a value came from that is not in the file.
func origin(text, resolved string) string {
	if text == resolved {
		return ""
	}
	return ", the value of " + text
}

// looseCores is a number of cores with a unit.
var looseCores = pattern(`(?i)^([0-9]+(?:\.[0-9]+)?) ?v?(?:cores?|cpus?)$`)

// looseRate is 10/s.
var looseRate = pattern(`^([0-9]+) ?(?:/|per) ?([smh])[a-z]*$`)

// scalarFix says what to write for a mapping or list that should be one value.
func scalarFix(n *node, path, id string) string {
	key := keyOf(path)
	switch {
	case id == "Probe.HTTP" && n.kind == mapKind:
		if p := n.get("path"); p != nil && p.kind == scalarKind {
			return "write http: " + p.text
		}
	case id == "Route.To" && n.kind == listKind:
		return "a route leads to one service: write a route for each"
	case n.kind == listKind && len(n.items) == 1 && n.items[0].kind == scalarKind:
		return fmt.Sprintf("write %s: %s", key, yamlText(n.items[0]))
	case n.kind == mapKind && len(n.entries) == 1 && n.entries[0].val.kind == nullKind:
		return "a text that begins with { needs quotes"
	}
	return ""
}

func intFix(text string, n *node, id string) string {
	if m := looseRate().FindStringSubmatch(text); m != nil && id == "RateLimit.Requests" {
		return fmt.Sprintf("write requests: %s and per: 1%s", m[1], m[2])
	}
	if host, own, ok := strings.Cut(text, ":"); ok && id == "Service.Port" && validPort(host) && validPort(own) {
		return fmt.Sprintf("write %s, where the program listens; the gateway leads requests to it", own)
	}
	if id == "Concurrency.Max" && (text == "adaptive" || text == "auto") {
		return "write concurrency: {max: 200, adaptive: true}"
	}
	if version, ok := strings.CutPrefix(text, "v"); ok && id == "Service.ProxyProtocol" {
		text = version
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok && id == "Outlier.MaxPercent" {
		text = percent
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
		fix := "write " + strconv.FormatFloat(f, 'f', 0, 64)
		if n.style != plainStyle {
			fix += " without the quotes"
		}
		return fix
	}
	return "write a whole number such as 2"
}

func floatFix(text string, n *node, id string) string {
	if f, err := strconv.ParseFloat(text, 64); err == nil && n.style != plainStyle {
		return fmt.Sprintf("write %v without the quotes", f)
	}
	if m := looseCores().FindStringSubmatch(text); m != nil {
		return "write " + m[1]
	}
	if milli, ok := strings.CutSuffix(text, "m"); ok && id == "Resources.CPU" {
		if f, err := strconv.ParseFloat(milli, 64); err == nil {
			return fmt.Sprintf("cpu counts cores: write %v", f/1000)
		}
	}
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(percent), 64); err == nil {
			if fieldRules[id].max == 100 {
				return fmt.Sprintf("write %v", f)
			}
			return fmt.Sprintf("write %v", f/100)
		}
	}
	return "write a number such as 0.5"
}

func boolFix(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "1", "true":
		return "write true, without quotes"
	case "no", "off", "n", "0", "false":
		return "write false, without quotes"
	}
	return "write true or false"
}

// text returns the characters of a scalar, or reports what stands there instead.
func (d *decoder) text(n *node, want string) (string, bool) {
	if n.kind == scalarKind {
		return n.text, true
	}
	d.wrongType(n, want)
	return "", false
}

func (d *decoder) wrongType(n *node, want string) {
	if !strings.Contains(want, " must be ") {
		want = "this must be " + want
	}
	fix := ""
	if n.kind == mapKind && len(n.entries) == 1 && n.entries[0].val.kind == nullKind {
		fix = "a text that begins with { needs quotes"
	}
	d.problem(n.pos(), fmt.Sprintf("%s, not %s", want, n.describe()), fix)
}

// flags of resolve.
const (
	// commandText allows $NAME, which a program such as sh may expand itself.
	commandText = 1 << iota
)

// resolve replaces the ${env.…} of one text. off is where the text begins in
// the node's own. In deferred fields the other references and $$ stay, and
// what is put in is escaped; in all other fields the result is final.
func (d *decoder) resolve(n *node, text string, off, flags int) string {
	if d.keepRefs || !strings.Contains(text, "$") {
		return text
	}
	var b strings.Builder
	for _, p := range scan(text) {
		at := func(more int) pos { return d.locate(n, text, off, p.off+more) }
		switch {
		case p.err != nil:
			d.problem(at(0), p.err.message, p.err.fix)
		case !p.isRef:
			if flags&commandText == 0 {
				d.bareDollar(p.text, at)
			}
			if d.deferred {
				b.WriteString(p.text)
			} else {
				b.WriteString(p.value)
			}
		case p.ref.Kind == "env":
			b.WriteString(d.env(p.ref, at(0)))
		case d.deferred:
			b.WriteString(p.text)
		default:
			d.problem(at(0), fmt.Sprintf("%s cannot be used here: it is known only once the app runs", p.text), "it works in command, environment, readiness and liveness exec, and jwks; here only ${env.NAME} does")
		}
	}
	return b.String()
}

// locate finds the place of byte i of text, which was cut from n at off. The
// words of a command lose their quotes, so that offsets inside them may be off.
func (d *decoder) locate(n *node, text string, off, i int) pos {
	if off+i <= len(n.text) && strings.HasPrefix(n.text[min(off, len(n.text)):], text) {
		return n.at(off + i)
	}
	if end := strings.IndexByte(text[i:], '}'); end > 0 && off <= len(n.text) {
		if j := strings.Index(n.text[off:], text[i:i+end+1]); j >= 0 {
			return n.at(off + j)
		}
	}
	return n.at(min(off, len(n.text)))
}

// inTemplate says that what follows stands in {{ … }}, as {{ $value }} in an alert.
func inTemplate(before string) bool {
	return strings.LastIndex(before, "{{") > strings.LastIndex(before, "}}")
}

// bareDollar reports $NAME and $(…), which Compose or a shell would replace.
func (d *decoder) bareDollar(text string, at func(int) pos) {
	for i := 0; i < len(text); i++ {
		if text[i] != '$' {
			continue
		}
		if strings.HasPrefix(text[i:], "$$") {
			i++
			continue
		}
		if name := bareVariable(text[i:]); name != "" && !inTemplate(text[:i]) {
			d.problem(at(i), fmt.Sprintf("$%s is not replaced by a value here", name), variableFix(name))
		} else if strings.HasPrefix(text[i:], "$(") {
			d.problem(at(i), "$(…) runs no command here, because no shell reads this", "write the value, or $$( for the characters themselves")
		}
	}
}

// env is the value of ${env.NAME}, escaped where it will be expanded again.
func (d *decoder) env(ref Ref, at pos) string {
	if d.envRefs == nil {
		d.envRefs = map[string]bool{}
	}
	d.envRefs[ref.Name] = true
	val, ok := d.lookup(ref.Name)
	switch {
	case ref.HasDefault && (!ok || val == ""):
		val = ref.Default
	case !ok:
		d.problem(at, fmt.Sprintf("the environment variable %s is not set", ref.Name), fmt.Sprintf("set it, or give a default: ${env.%s:-default}", ref.Name))
	}
	if d.deferred {
		return Escape(val)
	}
	return val
}

func (d *decoder) envNames() []string { return slices.Sorted(maps.Keys(d.envRefs)) }
