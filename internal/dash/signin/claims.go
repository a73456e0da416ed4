package signin

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/fault"
)

// claims are what a provider says of a person.
type claims map[string]any

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// email is the person's address if the provider has verified it: else anybody could
// have given another's.
func (c claims) email() string {
	switch verified := c["email_verified"].(type) {
	case bool:
		if verified {
			return c.text("email")
		}
	case string: // as some providers write it
		if verified == "true" {
			return c.text("email")
		}
	}
	return ""
}

// groups are those that a claim names: one, or a list. Its name may have dots in it,
// as URLs have, or lead into objects by them.
func (c claims) groups(name string) (all []string, found bool) {
	value, found := c[name]
	if !found {
		value, found = c.inside(name)
	}
	switch v := value.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all, found
}

func (c claims) inside(name string) (any, bool) {
	var at any = map[string]any(c)
	for key := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = object[key]; !ok {
			return nil, false
		}
	}
	return at, true
}

// include reports whether the person is one of them.
func (p *People) include(c claims, groupsClaim string) bool {
	if slices.Contains(p.Subjects, c.text("sub")) {
		return true
	}
	groups, _ := c.groups(groupsClaim)
	if slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(p.Groups, g) }) {
		return true
	}
	email := strings.ToLower(c.email())
	return email != "" && slices.ContainsFunc(p.Emails, func(pattern string) bool {
		pattern = strings.ToLower(pattern)
		if domain, ok := strings.CutPrefix(pattern, "*@"); ok {
			at := strings.LastIndexByte(email, '@')
			return at > 0 && email[at+1:] == domain
		}
		return email == pattern
	})
}

// roleOf is what the app file gives to the person; it gives nothing by itself.
func (o *Options) roleOf(c claims) (access.Role, error) {
	switch {
	case o.Operators.include(c, o.GroupsClaim):
		return access.Operator, nil
	case o.Viewers.include(c, o.GroupsClaim):
		return access.Viewer, nil
	}
	var seen []string
	switch address := c.text("email"); {
	case c.email() != "":
		seen = append(seen, "the e-mail "+clean(address))
	case address != "":
		seen = append(seen, "an e-mail that it has not verified, which does not count")
	}
	if groups, found := c.groups(o.GroupsClaim); found {
		seen = append(seen, "groups, none of which has a role")
		if len(groups) == 0 {
			seen[len(seen)-1] = "no groups"
		}
	} else if o.wantsGroups() {
		seen = append(seen, "no claim "+o.GroupsClaim+", which would name groups")
	}
	if len(seen) == 0 {
		seen = []string{"nothing but the subject"}
	}
	return "", fault.New(fault.Denied, "you have an account at %s, and the app file gives it no role (the provider told the subject %s, and %s)",
		o.host(), clean(c.text("sub")), strings.Join(seen, " and ")).
		Fix("have the app's owner add you to dashboard.oidc.operators or viewers")
}

func (o *Options) wantsGroups() bool { return len(o.Operators.Groups)+len(o.Viewers.Groups) > 0 }
func (o *Options) wantsEmail() bool  { return len(o.Operators.Emails)+len(o.Viewers.Emails) > 0 }

// whoIs names the person in records: by what nobody can choose freely.
func (o *Options) whoIs(c claims) string {
	if email := c.email(); strings.Contains(email, "@") {
		return clean(email)
	}
	return clean(c.text("sub")) + " at " + o.host()
}

func (o *Options) host() string {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return o.Issuer
	}
	return u.Host
}

// mostText bounds what a provider says where people read it.
const mostText = 200

// clean makes a text fit for people: short, and without what steers a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > mostText {
		text = strings.ToValidUTF8(text[:mostText], "") + "…"
	}
	return text
}
