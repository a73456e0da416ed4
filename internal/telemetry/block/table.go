package block

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// table is what rows have in common. What goes together, such as a name, its kind,
// its resource and the keys of its attributes, is one template, so that a row costs
// one number for all of it, and a condition on it is decided once a template.
type table struct {
	resources []*signal.Resource
	scopes    []signal.Scope
	names     []string
	keys      []string   // the columns
	shapes    [][]uint32 // columns in the order of a record's attributes
	templates []template
}

// template is what is the same in many rows.
type template struct {
	resource, scope, name, shape uint32
	bits                         uint8 // spans: kind and, from bit 4, status; logs: severity
}

func spanBits(kind signal.Kind, status signal.Status) uint8 {
	return uint8(kind)&15 | uint8(status)<<4
}

func (t template) kind() signal.Kind         { return signal.Kind(t.bits & 15) }
func (t template) status() signal.Status     { return signal.Status(t.bits >> 4) }
func (t template) severity() signal.Severity { return signal.Severity(t.bits) }

func appendResource(b []byte, r *signal.Resource) []byte {
	b = appendText(b, r.Service)
	b = appendText(b, r.Instance)
	b = appendText(b, r.Revision)
	return appendAttrs(b, r.Attrs)
}

func (p *parser) resource() *signal.Resource {
	return &signal.Resource{Service: p.text(), Instance: p.text(), Revision: p.text(), Attrs: p.attrs()}
}

func (t *table) bytes() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t.resources)))
	for _, r := range t.resources {
		b = appendResource(b, r)
	}
	b = binary.AppendUvarint(b, uint64(len(t.scopes)))
	for _, s := range t.scopes {
		b = appendText(b, s.Name)
		b = appendText(b, s.Version)
	}
	for _, list := range [][]string{t.names, t.keys} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.shapes)))
	for _, shape := range t.shapes {
		b = binary.AppendUvarint(b, uint64(len(shape)))
		for _, key := range shape {
			b = binary.AppendUvarint(b, uint64(key))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.templates)))
	for _, r := range t.templates {
		b = binary.AppendUvarint(b, uint64(r.resource))
		b = binary.AppendUvarint(b, uint64(r.scope))
		b = binary.AppendUvarint(b, uint64(r.name))
		b = binary.AppendUvarint(b, uint64(r.shape))
		b = append(b, r.bits)
	}
	return b
}

func parseTable(b []byte) (*table, error) {
	p, t := parser{b: b}, &table{}
	t.resources = make([]*signal.Resource, p.count(4))
	for i := range t.resources {
		t.resources[i] = p.resource()
	}
	t.scopes = make([]signal.Scope, p.count(2))
	for i := range t.scopes {
		t.scopes[i] = signal.Scope{Name: p.text(), Version: p.text()}
	}
	t.names, t.keys = p.list(), p.list()
	t.shapes = make([][]uint32, p.count(1))
	for i := range t.shapes {
		shape := make([]uint32, p.count(1))
		for j := range shape {
			shape[j] = p.index(len(t.keys))
		}
		t.shapes[i] = shape
	}
	t.templates = make([]template, p.count(5))
	for i := range t.templates {
		t.templates[i] = template{
			resource: p.index(len(t.resources)), scope: p.index(len(t.scopes)),
			name: p.index(len(t.names)), shape: p.index(len(t.shapes)), bits: p.byte(),
		}
	}
	return t, p.err()
}

func (p *parser) list() []string {
	list := make([]string, p.count(1))
	for i := range list {
		list[i] = p.text()
	}
	return list
}

// maker adds to a table.
type maker struct {
	table       table
	names, keys texts
	columns     []dict // by key
	resources   map[string]uint32
	scopes      map[signal.Scope]uint32
	shapes      map[string]uint32
	templates   map[template]uint32
	lastScope   uint32
	last        *signal.Resource // which most often comes again
	lastNumber  uint32
	shape       []uint32 // of the record that is added
	scratch     []byte
	size        int64
}

func newMaker() maker {
	return maker{
		resources: map[string]uint32{}, scopes: map[signal.Scope]uint32{},
		shapes: map[string]uint32{}, templates: map[template]uint32{},
	}
}

// columnSize is about what a column takes up without its name and values.
const columnSize = 200

// value adds a value in a column to the record's shape, and returns its number.
func (m *maker) value(column string, v *signal.Value) uint32 {
	key := m.keys.add(column)
	if int(key) == len(m.columns) {
		m.columns = append(m.columns, dict{})
		m.size += columnSize + int64(len(column))
		m.table.keys = m.keys.all
	}
	m.shape = append(m.shape, key)
	d := &m.columns[key]
	before := d.bytes
	n := d.add(v)
	m.size += d.bytes - before
	return n
}

// row returns the number of the template of a record whose values were added.
func (m *maker) row(r *signal.Resource, s signal.Scope, name string, bits uint8) uint32 {
	t := template{resource: m.resource(r), scope: m.scope(s), name: m.names.add(name), shape: m.shapeOf(), bits: bits}
	m.table.names = m.names.all
	if n, ok := m.templates[t]; ok {
		return n
	}
	n := uint32(len(m.table.templates))
	m.templates[t] = n
	m.table.templates = append(m.table.templates, t)
	m.size += 64 + int64(len(name))
	return n
}

func (m *maker) resource(r *signal.Resource) uint32 {
	if r == m.last {
		return m.lastNumber
	}
	m.scratch = appendResource(m.scratch[:0], r)
	n, ok := m.resources[string(m.scratch)]
	if !ok {
		n = uint32(len(m.table.resources))
		m.resources[string(m.scratch)] = n
		m.table.resources = append(m.table.resources, cloned(r))
		m.size += 4 * int64(len(m.scratch))
	}
	m.last, m.lastNumber = r, n
	return n
}

// cloned shares nothing with r, which may be a part of something large.
func cloned(r *signal.Resource) *signal.Resource {
	c := &signal.Resource{
		Service: strings.Clone(r.Service), Instance: strings.Clone(r.Instance), Revision: strings.Clone(r.Revision), Attrs: slices.Clone(r.Attrs),
	}
	for i := range c.Attrs {
		a := &c.Attrs[i]
		a.Key, a.Value.Text = strings.Clone(a.Key), strings.Clone(a.Value.Text)
	}
	return c
}

func (m *maker) scope(s signal.Scope) uint32 {
	if all := m.table.scopes; len(all) > 0 && all[m.lastScope] == s {
		return m.lastScope
	}
	n, ok := m.scopes[s]
	if !ok {
		n = uint32(len(m.table.scopes))
		// It may be a part of something large.
		s.Name, s.Version = strings.Clone(s.Name), strings.Clone(s.Version)
		m.scopes[s] = n
		m.table.scopes = append(m.table.scopes, s)
		m.size += 96 + int64(len(s.Name)+len(s.Version))
	}
	m.lastScope = n
	return n
}

func (m *maker) shapeOf() uint32 {
	b := m.scratch[:0]
	for _, key := range m.shape {
		b = binary.AppendUvarint(b, uint64(key))
	}
	m.scratch = b
	n, ok := m.shapes[string(b)]
	if !ok {
		n = uint32(len(m.table.shapes))
		m.shapes[string(b)] = n
		m.table.shapes = append(m.table.shapes, append([]uint32(nil), m.shape...))
		m.size += 6 * int64(len(m.shape))
	}
	m.shape = m.shape[:0]
	return n
}
