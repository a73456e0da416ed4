package appfile

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func echo(r Ref) (string, error) { return "<" + r.String() + ">", nil }

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"plain":                       "plain",
		"${out}/a":                    "<${out}>/a",
		"${services.order-api.url}/x": "<${services.order-api.url}>/x",
		"${env.A:-b c}${port}":        "<${env.A:-b c}><${port}>",
		"$$":                          "$",
		"$$$$x":                       "$$x",
		"$${out}":                     "${out}",
		"$$${out}":                    "$<${out}>",
		"a$":                          "a$",
		"$A $(b) $1":                  "$A $(b) $1",
		"${database.path}${host}":     "<${database.path}><${host}>",
		"${secret.db-password}":       "<${secret.db-password}>",
		"}{${data_dir}}":              "}{<${data_dir}>}",
	} {
		if got, err := Expand(in, echo); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"${", "${}", "${x", "${HOME}", "${env.}", "${services.a}", "${services.a.b}", "${database}", "${out.x}", "${port:-1}", "${env.A-b}", "${ out }"} {
		if got, err := Expand(in, echo); err == nil {
			t.Errorf("%q is taken as %q", in, got)
		}
	}
}

func TestExpandDoesNotExpandTwice(t *testing.T) {
	got, err := Expand("${env.A}", func(Ref) (string, error) { return "${out} $$", nil })
	if err != nil || got != "${out} $$" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestExpandDefaultsAndErrors(t *testing.T) {
	unset := func(Ref) (string, error) { return "", ErrUnset }
	if got, err := Expand("${env.A:-b}", unset); err != nil || got != "b" {
		t.Errorf("unset: %q, %v", got, err)
	}
	if got, err := Expand("${env.A:-}", unset); err != nil || got != "" {
		t.Errorf("empty default: %q, %v", got, err)
	}
	if _, err := Expand("x ${env.A}", unset); !errors.Is(err, ErrUnset) || !strings.Contains(err.Error(), "${env.A}") {
		t.Errorf("no default: %v", err)
	}
	broken := errors.New("broken")
	if _, err := Expand("${env.A:-b}", func(Ref) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("another error: %v", err)
	}
}

func TestRefs(t *testing.T) {
	got := Refs("${out} $${port} ${nope} ${services.a.addr}${env.X:-y}")
	want := []Ref{{Kind: "out"}, {Kind: "services", Name: "a", Attr: "addr"}, {Kind: "env", Name: "X", Default: "y", HasDefault: true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

// TestEnvIsReplacedInTheRightPlaces: final in plain fields, escaped where
// Expand comes later, after commands are split.
func TestEnvIsReplacedInTheRightPlaces(t *testing.T) {
	lookup := func(name string) (string, bool) { return map[string]string{"X": "a b ${out} $5"}[name], name == "X" }
	f, err := Parse("banyan.yaml", []byte("services:\n  web:\n    command: ./web ${env.X}\n    owner: ${env.X}\n    environment: {A: \"${env.X}\", B: \"$$5\"}\n    replicas: ${env.N:-3}\n"), Options{Lookup: lookup})
	if err != nil {
		t.Fatal(err)
	}
	web := f.App.Services["web"]
	if len(web.Command) != 2 || web.Command[1] != "a b $${out} $$5" || web.Environment["A"] != web.Command[1] || web.Environment["B"] != "$$5" {
		t.Errorf("deferred: %q %q", web.Command, web.Environment)
	}
	if web.Owner != "a b ${out} $5" || *web.Replicas != 3 {
		t.Errorf("final: %q, %d", web.Owner, *web.Replicas)
	}
	if back, err := Expand(web.Command[1], echo); err != nil || back != "a b ${out} $5" {
		t.Errorf("expanded: %q, %v", back, err)
	}
	if !reflect.DeepEqual(f.EnvRefs, []string{"N", "X"}) {
		t.Errorf("EnvRefs: %v", f.EnvRefs)
	}
}
