package signin

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/fault"
)

func TestRoles(t *testing.T) {
	o := Options{
		Issuer: "https://id.example.com", GroupsClaim: "groups",
		Operators: People{Emails: []string{"Ann@example.com"}, Groups: []string{"ops"}, Subjects: []string{"7"}},
		Viewers:   People{Emails: []string{"*@example.com"}, Groups: []string{"staff"}},
	}
	nested := o
	nested.GroupsClaim = "realm.roles"
	named := o
	named.GroupsClaim = "https://example.com/roles"
	for _, c := range []struct {
		name string
		o    *Options
		said claims
		want access.Role
		told string
	}{
		{name: "only an account", said: claims{"sub": "1"}, told: "no claim groups"},
		{name: "an e-mail", said: claims{"email": "ann@EXAMPLE.com", "email_verified": true}, want: access.Operator},
		{name: "as some write it", said: claims{"email": "ann@example.com", "email_verified": "true"}, want: access.Operator},
		{name: "not verified", said: claims{"sub": "1", "email": "ann@example.com", "email_verified": false}, told: "not verified"},
		{name: "verified is not said", said: claims{"sub": "1", "email": "ann@example.com"}, told: "not verified"},
		{name: "verified is something", said: claims{"sub": "1", "email": "ann@example.com", "email_verified": 1.0}, told: "not verified"},
		{name: "the domain", said: claims{"email": "bob@example.com", "email_verified": true}, want: access.Viewer},
		{name: "a domain in it", said: claims{"email": "bob@example.com@evil.example", "email_verified": true}, told: "no role"},
		{name: "a domain below", said: claims{"email": "bob@evil.example.com", "email_verified": true}, told: "no role"},
		{name: "a domain beside", said: claims{"email": "bob@evilexample.com", "email_verified": true}, told: "no role"},
		{name: "no name", said: claims{"email": "@example.com", "email_verified": true}, told: "no role"},
		{name: "a group", said: claims{"groups": []any{"x", "staff"}}, want: access.Viewer},
		{name: "the more of two", said: claims{"groups": []any{"staff", "ops"}}, want: access.Operator},
		{name: "one group", said: claims{"groups": "ops"}, want: access.Operator},
		{name: "another group", said: claims{"groups": []any{"Ops", "ops ", "o"}}, told: "none of which has a role"},
		{name: "no groups", said: claims{"groups": []any{}}, told: "no groups"},
		{name: "groups of another kind", said: claims{"groups": map[string]any{"ops": true}}, told: "no groups"},
		{name: "a subject", said: claims{"sub": "7"}, want: access.Operator},
		{name: "a subject as a group", said: claims{"sub": "ops"}, told: "no role"},
		{name: "a group as an e-mail", said: claims{"email": "ops", "email_verified": true}, told: "no role"},
		{name: "inside", o: &nested, said: claims{"realm": map[string]any{"roles": []any{"ops"}}}, want: access.Operator},
		{name: "not inside", o: &nested, said: claims{"realm": "ops", "groups": "ops"}, told: "no claim realm.roles"},
		{name: "a name with dots", o: &named, said: claims{"https://example.com/roles": []any{"ops"}}, want: access.Operator},
	} {
		if c.o == nil {
			c.o = &o
		}
		role, err := c.o.roleOf(c.said)
		if role != c.want || c.want == "" && (fault.CodeOf(err) != fault.Denied || !strings.Contains(err.Error(), c.told)) {
			t.Errorf("%s: %q, %v", c.name, role, err)
		}
	}
	if role, err := (&Options{}).roleOf(claims{"sub": "", "email": "", "email_verified": true, "groups": ""}); err == nil {
		t.Errorf("where the file gives no role: %q", role)
	}
}

// What the identity token leaves out is asked for where it decides.
func TestMoreIsAskedFor(t *testing.T) {
	wants := func(o *Options) { o.Operators = People{Emails: []string{"ann@example.com"}, Groups: []string{"ops"}} }
	r := newRig(t, wants)
	r.idp.More = map[string]any{"sub": "1", "groups": []string{"ops"}}
	if p, err := r.signIn(); err != nil || p.Role != access.Operator || p.Who != "1 at "+r.provider.options.host() {
		t.Errorf("%+v, %v", p, err)
	}
	r = newRig(t, wants)
	r.idp.More = map[string]any{"sub": "2", "groups": []string{"ops"}} // somebody else's
	if p, err := r.signIn(); fault.CodeOf(err) != fault.Denied {
		t.Errorf("%+v, %v", p, err)
	}
	r = newRig(t, wants)
	r.idp.Claims = map[string]any{"email": "ann@example.com"}
	r.idp.More = map[string]any{"sub": "1", "email": "another@example.com", "email_verified": true}
	if p, err := r.signIn(); fault.CodeOf(err) != fault.Denied {
		t.Errorf("what is said of one address counts for another: %+v, %v", p, err)
	}
	r = newRig(t, wants)
	r.idp.Claims = map[string]any{"email_verified": true}
	r.idp.More = map[string]any{"sub": "1", "email": "ann@example.com"}
	if p, err := r.signIn(); fault.CodeOf(err) != fault.Denied {
		t.Errorf("the same the other way: %+v, %v", p, err)
	}
}

func TestNamesAreClean(t *testing.T) {
	o := Options{Issuer: "https://id.example.com"}
	for _, c := range []struct {
		said claims
		want string
	}{
		{claims{"sub": "cli"}, "cli at id.example.com"},
		{claims{"sub": "1", "email": "cli", "email_verified": true}, "1 at id.example.com"},
		{claims{"sub": "1", "email": "ann@example.com", "email_verified": false}, "1 at id.example.com"},
		{claims{"sub": "a\x1b[2Jb\nc\u202e" + strings.Repeat("ä", 300)}, "a[2Jbc" + strings.Repeat("ä", 97) + "… at id.example.com"},
	} {
		if got := o.whoIs(c.said); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
