package daemon

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/banyanrun/banyan/appfile"
)

const hidden = "[hidden]"

var (
	// secretNames are of keys whose values are not shown.
	secretNames = regexp.MustCompile(`(?i)(secret|token|pass|pwd|credential|private|key|auth|dsn|salt|cookie|webhook|slack)`)
	// plainNames look like them, and are the app file's own: whether a route asks who
	// calls, what events are ordered by, the file that a certificate's key is in.
	plainNames = map[string]bool{"auth": true, "key": true}
	// passwordInURL is what stands between the user and the last @ of a URL's host.
	passwordInURL = regexp.MustCompile(`(://[^/:@\s"']*:)([^/\s"']*)@`)
	// reference is a value that is nothing but names of values: it is one of those
	// that may be shown, beside numbers and truths.
	reference = regexp.MustCompile(`^(\$\{[a-z]+\.[^}\s]*\}|[-+]?[0-9][0-9_.]*|true|false)?$`)
)

// hideURL hides passwords in URLs.
func hideURL(text string) string {
	return passwordInURL.ReplaceAllStringFunc(text, func(found string) string {
		m := passwordInURL.FindStringSubmatch(found)
		if reference.MatchString(m[2]) && strings.HasPrefix(m[2], "$") {
			return found
		}
		return m[1] + hidden + "@"
	})
}

// hideVariables hides the values of environment variables: what is secret among them
// cannot be told from their names.
func hideVariables(env appfile.Environment) appfile.Environment {
	shown := appfile.Environment{}
	for name, value := range env {
		if !reference.MatchString(value) {
			value = hidden
		}
		shown[name] = value
	}
	return shown
}

// unreadable is shown in the place of what cannot be looked through.
const unreadable = "# This is no YAML, so it is not shown: what is secret in it cannot be told.\n"

// hideText hides in the text of an app file what may be secret: values of environment
// variables, of receivers of alerts and of telemetry, of whatever is called like a secret, and
// passwords in URLs. All else stays as it is written.
func hideText(text string) string {
	tokens := lexer.Tokenize(text)
	file, err := parser.Parse(tokens, parser.ParseComments)
	if err != nil {
		return unreadable
	}
	h := hider{}
	for _, doc := range file.Docs {
		h.node(doc.Body, false)
	}
	var out strings.Builder
	for _, t := range tokens {
		out.WriteString(h.shown(t))
	}
	if strings.HasSuffix(text, "\n") && !strings.HasSuffix(out.String(), "\n") {
		out.WriteByte('\n') // which is in no token
	}
	return hideURL(out.String())
}

// hider gathers the tokens that are not shown.
type hider map[*token.Token]bool

// node looks through a node; below: it is within what is hidden.
func (h hider) node(n ast.Node, below bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			h.node(v, below)
		}
	case *ast.MappingValueNode:
		key := strings.Trim(n.Key.String(), `"'`)
		h.node(n.Value, below || hides(key, n.Value))
	case *ast.SequenceNode:
		for _, v := range n.Values {
			h.node(v, below)
		}
	case *ast.AnchorNode:
		h.node(n.Value, below)
	case *ast.TagNode:
		h.node(n.Value, below)
	case *ast.LiteralNode:
		h[n.Value.GetToken()] = below
	case ast.ScalarNode:
		if t := n.GetToken(); below && !reference.MatchString(t.Value) {
			h[t] = true
		}
	}
}

// hides reports whether what stands below a key is not shown. Of a secret,
// environment is but the name of a variable.
func hides(key string, value ast.Node) bool {
	if isScalar(value) {
		return secretNames.MatchString(key) && !plainNames[key]
	}
	return key == "environment" || key == "notify" || key == "export"
}

func isScalar(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AnchorNode:
		return isScalar(n.Value)
	case *ast.TagNode:
		return isScalar(n.Value)
	case *ast.LiteralNode, ast.ScalarNode:
		return true
	}
	return false
}

// shown is a token as it is written, or without its value. Of NAME=value, as a list
// of variables has them, the name stays.
func (h hider) shown(t *token.Token) string {
	if !h[t] {
		return t.Origin
	}
	body := strings.TrimSpace(t.Origin)
	before, after, _ := strings.Cut(t.Origin, body)
	if name, _, ok := strings.Cut(strings.TrimLeft(body, `"'`), "="); ok && variableName.MatchString(name) {
		return before + name + "=" + hidden + after
	}
	return before + hidden + after
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
