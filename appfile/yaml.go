package appfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxFileSize bounds one file; 3,000 services fit in a third of it.
	maxFileSize = 1 << 20
	// maxNodes bounds a file with its aliases written out, against bombs of
	// aliases to aliases.
	maxNodes = 200_000
	// maxDepth bounds nesting.
	maxDepth = 200
)

// parseYAML reads one file into nodes. It returns nil after a mistake that
// leaves nothing to go on with.
func parseYAML(name string, data []byte, r *reporter) *node {
	text := strings.TrimPrefix(string(data), "\ufeff")
	src := &source{name: name, lines: splitLines(text)}
	start := pos{src, 1, 1}
	if !checkText(src, text, r) {
		return nil
	}
	file, err := parse(text)
	if err != nil {
		r.problems = append(r.problems, syntaxProblem(src, err))
		return nil
	}
	c := &converter{src: src, r: r, anchors: map[string]*node{}}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.DirectiveType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			r.problem(c.pos(doc.Body), "a second YAML document begins here", "an app file is one document: remove the line ---, or move this part to a file of its own")
			break
		}
		root = c.node(doc.Body, 0)
	}
	if c.full {
		return nil
	}
	if root == nil || root.kind == nullKind {
		r.problem(start, "the file is empty", "declare at least one service: services: {web: {command: ./web}}")
		return nil
	}
	if root.kind != mapKind {
		r.problem(root.pos(), fmt.Sprintf("the file must be a mapping of keys such as name, gateway and services, not %s", root.describe()), orElse(missingSpace(root), "begin with services: and a name below it"))
		return nil
	}
	return root
}

// missingSpace spots "key:value" without the space after the colon.
func missingSpace(n *node) string {
	if key, val, ok := strings.Cut(n.text, ":"); ok && n.kind == scalarKind && key != "" && val != "" {
		return fmt.Sprintf("put a space after the colon: %s: %s", key, val)
	}
	return ""
}

// checkText refuses what the parser should not be given.
func checkText(src *source, text string, r *reporter) bool {
	if len(text) > maxFileSize {
		r.problem(pos{src, 1, 1}, fmt.Sprintf("the file is larger than %s", Bytes(maxFileSize)), "this does not look like an app file")
		return false
	}
	depth := 0
	for i, line := range src.lines {
		// The parser takes quadratic time for brackets within brackets.
		depth += strings.Count(line, "[") + strings.Count(line, "{") - strings.Count(line, "]") - strings.Count(line, "}")
		off, message, fix := checkLine(line)
		if depth > 2*maxDepth {
			off, message, fix = 0, fmt.Sprintf("more than %d brackets are open here", 2*maxDepth), "this does not look like an app file"
		}
		if message != "" {
			r.problem(pos{src, i + 1, utf8.RuneCountInString(line[:off]) + 1}, message, fix)
			return false
		}
	}
	return true
}

// checkLine returns what is wrong with the characters of a line, and at which
// byte, or an empty message.
func checkLine(line string) (off int, message, fix string) {
	if !utf8.ValidString(line) {
		return 0, "this line is not UTF-8 text", "save the file as UTF-8"
	}
	if strings.HasPrefix(line, "<<<<<<< ") || strings.HasPrefix(line, ">>>>>>> ") {
		return 0, "a merge conflict begins or ends here", "resolve it, and remove its marks"
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r != ' ' && r != '\t' }); i >= 0 {
		if r, _ := utf8.DecodeRuneInString(line[i:]); unicode.IsSpace(r) && !isControl(r) {
			return i, fmt.Sprintf("the blank %U indents this line, which YAML does not take for one", r), "replace it by ordinary spaces; it was probably copied from a web page"
		}
	}
	if i := strings.IndexFunc(line, isControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(line[i:])
		return i, fmt.Sprintf("the control character %U is not allowed in YAML", r), `remove it, or write it as an escape in double quotes, such as "\x07"`
	}
	return 0, "", ""
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == 0xfeff }

// parse calls the YAML parser. A defect of it must not take the caller down.
func parse(text string) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

// converter turns the parser's tree into nodes.
type converter struct {
	src     *source
	r       *reporter
	anchors map[string]*node // nil while the anchor's own value is read
	total   int
	full    bool // too large; reported
}

// clamp keeps a position inside the file.
func (c *converter) clamp(line, col int) (int, int) {
	line = min(max(line, 1), len(c.src.lines))
	return line, min(max(col, 1), utf8.RuneCountInString(c.src.lines[line-1])+1)
}

// startToken is the token at which n begins; the parser's own for a block
// mapping is its first colon.
func startToken(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startToken(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return startToken(n.Key)
	}
	return n.GetToken()
}

func (c *converter) pos(n ast.Node) pos {
	tok := startToken(n)
	if tok == nil || tok.Position == nil {
		return pos{c.src, 1, 1}
	}
	line, col := c.clamp(tok.Position.Line, tok.Position.Column)
	return pos{c.src, line, col}
}

func (c *converter) make(n ast.Node, k kind) *node {
	at := c.pos(n)
	return &node{kind: k, src: c.src, line: at.line, col: at.col, size: 1}
}

// count adds to the number of nodes, aliases written out, and says whether
// the file is still of a sane size.
func (c *converter) count(at pos, size int) bool {
	c.total += size
	if c.total > maxNodes && !c.full {
		c.full = true
		c.r.problem(at, fmt.Sprintf("with its aliases written out, the file has more than %d values", maxNodes), "use fewer aliases of aliases")
	}
	return !c.full
}

func (c *converter) node(n ast.Node, depth int) *node {
	if n == nil {
		return &node{kind: nullKind, src: c.src, line: 1, col: 1, size: 1}
	}
	at := c.pos(n)
	if depth > maxDepth {
		c.r.problem(at, fmt.Sprintf("values are nested more than %d deep", maxDepth), "")
		return c.make(n, nullKind)
	}
	if !c.count(at, 1) {
		return c.make(n, nullKind)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n, n.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping(n, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		return c.sequence(n, depth)
	case *ast.AnchorNode:
		return c.anchor(n, depth)
	case *ast.AliasNode:
		return c.alias(n)
	case *ast.TagNode:
		return c.tag(n, depth)
	case *ast.MappingKeyNode:
		return c.node(n.Value, depth+1)
	case *ast.NullNode:
		return c.make(n, nullKind)
	}
	return c.scalar(n)
}

func (c *converter) scalar(n ast.Node) *node {
	out := c.make(n, scalarKind)
	switch n := n.(type) {
	case *ast.LiteralNode:
		out.style, out.text = blockStyle, n.Value.Value
		if tok := n.Value.GetToken(); tok != nil {
			out.rows = strings.Count(tok.Origin, "\n")
		}
		return out
	case *ast.StringNode:
		out.text = n.Value
	case *ast.BoolNode:
		out.bool, out.text = true, n.Token.Value
	default:
		if tok := n.GetToken(); tok != nil {
			out.text = tok.Value
		}
	}
	if tok := n.GetToken(); tok != nil {
		out.rows = strings.Count(strings.TrimSpace(tok.Origin), "\n")
		switch tok.Type {
		case token.SingleQuoteType:
			out.style = singleStyle
		case token.DoubleQuoteType:
			out.style = doubleStyle
		}
	}
	if first, _ := utf8.DecodeRuneInString(out.text); out.style == plainStyle && strings.ContainsRune("“”‘’„«", first) {
		c.r.problem(out.pos(), fmt.Sprintf("%c is a letter like any other to YAML, not a quote", first), `write straight quotes, " or '`)
	}
	return out
}

func (c *converter) sequence(n *ast.SequenceNode, depth int) *node {
	out := c.make(n, listKind)
	for _, v := range n.Values {
		item := c.node(v, depth+1)
		out.items = append(out.items, item)
		out.size += item.size
	}
	return out
}

func (c *converter) anchor(n *ast.AnchorNode, depth int) *node {
	name := tokenValue(n.Name)
	c.anchors[name] = nil
	val := c.node(n.Value, depth+1)
	c.anchors[name] = val
	return val
}

func (c *converter) alias(n *ast.AliasNode) *node {
	name := tokenValue(n.Value)
	val, ok := c.anchors[name]
	switch {
	case !ok:
		known := make([]string, 0, len(c.anchors))
		for k := range c.anchors {
			known = append(known, k)
		}
		c.r.problem(c.pos(n), fmt.Sprintf("the alias *%s has no anchor &%s above it", name, name), orElse(c.anchorBelow(name, c.pos(n).line), orElse(didYouMean(name, known, "*"), `to write a text that begins with *, put it in quotes`)))
	case val == nil:
		c.r.problem(c.pos(n), fmt.Sprintf("the alias *%s stands inside its own anchor &%s", name, name), "a value cannot contain itself")
	case c.count(c.pos(n), val.size):
		return val
	}
	return c.make(n, nullKind)
}

// anchorBelow finds the anchor after its alias.
func (c *converter) anchorBelow(name string, from int) string {
	for i, line := range c.src.lines {
		if i < from {
			continue
		}
		if _, after, ok := strings.Cut(line, "&"+name); ok && (after == "" || after[0] == ' ') {
			return fmt.Sprintf("move what has the anchor, at line %d, above its first use", i+1)
		}
	}
	return ""
}

// tag drops the core tags, whose effect the file's fields have anyway, and
// refuses all others.
func (c *converter) tag(n *ast.TagNode, depth int) *node {
	name := ""
	if n.Start != nil {
		name = n.Start.Value
	}
	val := c.node(n.Value, depth+1)
	switch name {
	case "!!str":
		if val.kind == scalarKind && val.style == plainStyle {
			copied := *val
			copied.style, copied.bool, copied.src = singleStyle, false, val.src
			return &copied
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!":
	default:
		c.r.problem(c.pos(n), fmt.Sprintf("the tag %s means nothing here", name), "remove it; a text that begins with ! needs quotes")
	}
	return val
}

func tokenValue(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// mapping converts a map, merges its merge keys and reports duplicates.
func (c *converter) mapping(n ast.Node, values []*ast.MappingValueNode, depth int) *node {
	out := c.make(n, mapKind)
	index := map[string]int{}
	for _, v := range values {
		if v.Key == nil {
			continue
		}
		if v.Key.IsMergeKey() {
			c.merge(out, index, v, depth)
			continue
		}
		e := c.entry(v, depth)
		i, double := index[e.key]
		switch {
		case double && !out.entries[i].merged:
			first := out.entries[i]
			c.r.problem(e.pos(), fmt.Sprintf("the key %q is here a second time; the first is at line %d, column %d", e.key, first.line, first.col), "keep one of the two")
		case double:
			out.entries[i] = e
		default:
			index[e.key] = len(out.entries)
			out.entries = append(out.entries, e)
		}
	}
	for _, e := range out.entries {
		out.size += e.val.size
	}
	return out
}

// swallowed is a value such as #fff, which is a comment.
var swallowed = pattern(`^[\w-]+:\s+#[^\s#]`)

func (c *converter) entry(v *ast.MappingValueNode, depth int) entry {
	at := c.pos(v.Key)
	e := entry{src: c.src, line: at.line, col: at.col}
	var key ast.Node = v.Key
	if k, ok := key.(*ast.MappingKeyNode); ok && k.Value != nil {
		key = k.Value
	}
	if a, ok := key.(*ast.AnchorNode); ok && a.Value != nil {
		key = a.Value
	}
	k := c.node(key, depth+1)
	if k.kind != scalarKind && k.kind != nullKind {
		c.r.problem(at, "a key must be plain text", "write key: value; a value that begins with { or [ needs quotes")
	}
	e.key = k.text
	if k.kind == nullKind {
		e.key = tokenValue(key)
	}
	e.val = c.node(v.Value, depth+1)
	if e.val.kind == nullKind {
		// An absent value has the position of the colon; the key is clearer.
		if swallowed().MatchString(string([]rune(c.src.lines[at.line-1])[at.col-1:])) {
			c.r.warn(at, fmt.Sprintf("%s has no value, because # begins a comment", e.key), "put the value in quotes, or a blank after the #")
		}
		null := *e.val
		null.line, null.col = at.line, at.col
		e.val = &null
	}
	return e
}

// merge adds the entries of "<<: *anchor" or "<<: [*a, *b]"; earlier maps and
// the map's own keys win.
func (c *converter) merge(out *node, index map[string]int, v *ast.MappingValueNode, depth int) {
	val := c.node(v.Value, depth+1)
	from := []*node{val}
	if val.kind == listKind {
		from = val.items
	}
	for _, m := range from {
		if m.kind == nullKind {
			continue // reported, or empty
		}
		if m.kind != mapKind {
			c.r.problem(c.pos(v.Key), fmt.Sprintf("<< merges mappings, and this is %s", m.describe()), "write <<: *anchor, where the anchor stands on a mapping")
			continue
		}
		for _, e := range m.entries {
			if _, ok := index[e.key]; ok {
				continue
			}
			e.merged = true
			index[e.key] = len(out.entries)
			out.entries = append(out.entries, e)
		}
	}
}

// syntaxProblem says in plain words what the YAML parser found.
func syntaxProblem(src *source, err error) Problem {
	c := &converter{src: src}
	line, col, message := 1, 1, err.Error()
	if e, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = e.Message
		if e.Token != nil && e.Token.Position != nil {
			line, col = e.Token.Position.Line, e.Token.Position.Column
		}
	}
	line, col = c.clamp(line, col)
	at := explainSyntax(src, line, col, message)
	at.pos.line, at.pos.col = c.clamp(at.pos.line, at.pos.col)
	return newProblem(at.pos, at.message, at.fix)
}
