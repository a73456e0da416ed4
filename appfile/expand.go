package appfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ref is a reference in a value of the file, such as ${services.order.url}.
type Ref struct {
	// Kind is env, secret, services, out, port, host, data_dir or database.
	Kind string
	// Name is the variable, secret or service. Empty for the other kinds.
	Name string
	// Attr is url, addr, host or port of services; url, path, host, port, name,
	// user or password of database. Empty for the other kinds.
	Attr string
	// Default is what ${env.NAME:-default} stands for where NAME is unset or
	// empty; HasDefault tells an empty default from none.
	Default    string
	HasDefault bool
}

// String writes the reference as it stands in the file.
func (r Ref) String() string {
	s := "${" + r.Kind
	if r.Name != "" {
		s += "." + r.Name
	}
	if r.Attr != "" {
		s += "." + r.Attr
	}
	if r.HasDefault {
		s += ":-" + r.Default
	}
	return s + "}"
}

// ErrUnset is what a lookup returns for a variable that is not set.
// [Expand] then uses the reference's default, if it has one.
var ErrUnset = errors.New("not set")

// Expand replaces each reference in s by what lookup returns for it, and $$
// by a dollar. What lookup returns is not expanded again. Other dollars stay
// as they are. It fails for a malformed reference and where lookup does.
func Expand(s string, lookup func(Ref) (string, error)) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	var b strings.Builder
	for _, p := range scan(s) {
		switch {
		case p.err != nil:
			return "", fmt.Errorf("%s: %s; %s", p.text, p.err.message, p.err.fix)
		case !p.isRef:
			b.WriteString(p.value)
		default:
			val, err := lookup(p.ref)
			if p.ref.HasDefault && (errors.Is(err, ErrUnset) || err == nil && val == "") {
				val, err = p.ref.Default, nil
			}
			if err != nil {
				return "", fmt.Errorf("%s: %w", p.ref, err)
			}
			b.WriteString(val)
		}
	}
	return b.String(), nil
}

// Refs lists the well-formed references of s, in order.
func Refs(s string) []Ref {
	var refs []Ref
	for _, p := range scan(s) {
		if p.isRef {
			refs = append(refs, p.ref)
		}
	}
	return refs
}

// Escape returns s so that [Expand] gives s back: each dollar is doubled.
func Escape(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// part is a piece of a value: text, a reference, or a malformed reference.
type part struct {
	text  string // as written
	value string // of text, with $$ as $
	off   int    // byte offset in the value
	isRef bool
	ref   Ref
	err   *refError
}

type refError struct{ message, fix string }

// scan splits a value into its parts.
func scan(s string) []part {
	var parts []part
	text := func(raw, value string, off int) {
		if n := len(parts); n > 0 && !parts[n-1].isRef && parts[n-1].err == nil {
			parts[n-1].text += raw
			parts[n-1].value += value
			return
		}
		parts = append(parts, part{text: raw, value: value, off: off})
	}
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$$"):
			text("$$", "$", i)
			i += 2
		case strings.HasPrefix(s[i:], "${"):
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				parts = append(parts, part{text: s[i:], off: i, err: &refError{"the ${ has no closing }", "write ${…}, or $${ for the characters themselves"}})
				return parts
			}
			raw := s[i : i+end+1]
			p := part{text: raw, off: i}
			if p.ref, p.err = parseRef(raw); p.err == nil {
				p.isRef = true
			}
			parts = append(parts, p)
			i += len(raw)
		default:
			n := strings.IndexByte(s[i+1:], '$')
			if n < 0 {
				n = len(s) - i - 1
			}
			text(s[i:i+1+n], s[i:i+1+n], i)
			i += 1 + n
		}
	}
	return parts
}

var (
	envName    = pattern(`^[A-Za-z_][A-Za-z0-9_]*$`)
	secretName = pattern(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

	refKinds      = []string{"env", "secret", "services", "out", "port", "host", "data_dir", "database"}
	serviceAttrs  = []string{"url", "addr", "host", "port"}
	databaseAttrs = []string{"url", "path", "host", "port", "name", "user", "password"}
)

// parseRef reads ${…}.
func parseRef(raw string) (Ref, *refError) {
	body := raw[2 : len(raw)-1]
	if strings.Contains(body, "${") {
		return Ref{}, &refError{"references do not nest", "give the default as plain text"}
	}
	head, def, hasDefault := strings.Cut(body, ":-")
	kind, rest, dotted := strings.Cut(head, ".")
	if strings.TrimSpace(body) != body || strings.ContainsAny(head, " \t\n") {
		return Ref{}, &refError{raw + " has spaces in it", "write " + "${" + strings.Join(strings.Fields(head), "") + "}"}
	}
	if hasDefault && kind != "env" && slices.Contains(refKinds, kind) {
		return Ref{}, &refError{"only ${env.NAME:-default} takes a default", "write ${" + head + "}"}
	}
	switch kind {
	case "env":
		return envRef(raw, rest, def, hasDefault)
	case "secret":
		if !secretName().MatchString(rest) {
			return Ref{}, &refError{raw + " names no secret", "write ${secret.NAME} with a name from secrets:"}
		}
		return Ref{Kind: kind, Name: rest}, nil
	case "services", "service":
		return serviceRef(raw, kind, rest)
	case "database":
		if !dotted || !slices.Contains(databaseAttrs, rest) {
			return Ref{}, &refError{raw + " does not say what of the database", "write ${database.url} or ${database.path}; with postgres also .host, .port, .name, .user and .password"}
		}
		return Ref{Kind: kind, Attr: rest}, nil
	case "out", "port", "host", "data_dir":
		if dotted {
			return Ref{}, &refError{raw + " has a part too many", "write ${" + kind + "}"}
		}
		return Ref{Kind: kind}, nil
	}
	return Ref{}, unknownRef(raw, head)
}

func envRef(raw, name, def string, hasDefault bool) (Ref, *refError) {
	if !envName().MatchString(name) {
		if i := strings.IndexAny(name, ":-?+="); i > 0 && envName().MatchString(name[:i]) {
			return Ref{}, &refError{raw + " is not understood", "the one form with a default is ${env." + name[:i] + ":-default}"}
		}
		return Ref{}, &refError{raw + " names no environment variable", "write ${env.NAME} or ${env.NAME:-default}"}
	}
	return Ref{Kind: "env", Name: name, Default: def, HasDefault: hasDefault}, nil
}

func serviceRef(raw, kind, rest string) (Ref, *refError) {
	name, attr, _ := strings.Cut(rest, ".")
	switch {
	case name == "":
		return Ref{}, &refError{raw + " names no service", "write ${services.NAME.url}"}
	case attr == "":
		return Ref{}, &refError{raw + " does not say what of the service", fmt.Sprintf("write ${services.%s.url}, .addr, .host or .port", name)}
	case !slices.Contains(serviceAttrs, attr):
		return Ref{}, &refError{fmt.Sprintf("a service has no %q", attr), fmt.Sprintf("write ${services.%s.%s}; known: %s", name, orElse(nearest(attr, serviceAttrs), "url"), strings.Join(serviceAttrs, ", "))}
	case kind == "service":
		return Ref{}, &refError{raw + " is not understood", fmt.Sprintf("write ${services.%s.%s}", name, attr)}
	}
	return Ref{Kind: "services", Name: name, Attr: attr}, nil
}

// unknownRef explains a ${…} of no known kind: mostly Compose's ${NAME}.
func unknownRef(raw, head string) *refError {
	for _, known := range refKinds {
		if strings.EqualFold(head, known) && known != "env" {
			return &refError{raw + " is not understood", "write it in lower case: ${" + known + "}"}
		}
	}
	bare, _, _ := strings.Cut(head, ".")
	if near := nearest(bare, refKinds); near != "" && (bare != head || near != "env") {
		return &refError{raw + " is not understood", "did you mean ${" + near + strings.TrimPrefix(head, bare) + "}?"}
	}
	if after, ok := strings.CutPrefix(head, "env:"); ok && envName().MatchString(after) {
		return &refError{raw + " is not understood", "write ${env." + after + "}"}
	}
	if _, attr, ok := strings.Cut(head, "."); ok && slices.Contains(serviceAttrs, attr) {
		return &refError{raw + " is not understood", "did you mean ${services." + head + "}?"}
	}
	if i := strings.IndexAny(head, ":-?+="); i > 0 && envName().MatchString(head[:i]) {
		return &refError{raw + " is not understood", "for a variable of the environment write ${env." + head[:i] + ":-default}"}
	}
	if envName().MatchString(head) {
		_, def, has := strings.Cut(raw[2:len(raw)-1], ":-")
		if has {
			head += ":-" + def
		}
		return &refError{raw + " is not understood", "for a variable of the environment write ${env." + head + "}; for the characters themselves write $" + raw}
	}
	return &refError{raw + " is not understood", "known are ${env.NAME}, ${secret.NAME}, ${services.NAME.url}, ${out}, ${port}, ${host}, ${data_dir}, ${database.url}; write $${ for the characters themselves"}
}
