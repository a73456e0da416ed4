package appfile

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// parsedApp is the App of a text without mistakes.
func parsedApp(t *testing.T, text string) *App {
	t.Helper()
	f, err := Parse("banyan.yaml", []byte(text), corpusOptions())
	if err != nil {
		t.Fatal(err)
	}
	return f.App
}

// TestTopicsAreComplete: every topic that anybody names is there, with all its defaults.
func TestTopicsAreComplete(t *testing.T) {
	app := parsedApp(t, `
topics:
  paid: {key: customer}
services:
  order:
    command: ./order
    publishes: [placed, paid]
    subscribes: {paid: {path: /paid, dead_letter: failed}, reported: /reported}
jobs:
  report: {command: ./report, publishes: [reported]}
`)
	want := Topic{
		Key: new("subject"), Compatibility: CompatibilityBackward, DedupWindow: new(Duration(24 * time.Hour)), MaxEvent: 256 << 10,
		Retention: &Retention{Time: Duration(168 * time.Hour), Size: 1 << 30, Full: FullRefuse},
	}
	for _, name := range []string{"placed", "failed", "reported"} {
		if got := app.Topics[name]; got == nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s is %+v, want %+v", name, got, want)
		}
	}
	if got := app.Topics["paid"]; got == nil || *got.Key != "customer" || *got.DedupWindow != *want.DedupWindow {
		t.Errorf("paid is %+v", got)
	}
	if len(app.Topics) != 4 {
		t.Errorf("%d topics, want 4", len(app.Topics))
	}
	if want := (Bus{Engine: EngineEmbedded, MaxBytes: 10 << 30}); app.Bus == nil || !reflect.DeepEqual(*app.Bus, want) {
		t.Errorf("bus is %+v, want %+v", app.Bus, want)
	}
}

func TestNoTopicsNoBus(t *testing.T) {
	if app := parsedApp(t, webOnly); app.Bus != nil || app.Topics != nil {
		t.Errorf("bus %+v, topics %v", app.Bus, app.Topics)
	}
}

// TestSubscriptionOverlay: what an overlay says of a subscription in the full form is added to it.
func TestSubscriptionOverlay(t *testing.T) {
	dir := tree(t, map[string]string{
		"banyan.yaml": `
topics:
  placed: {key: customer, retention: {time: 7d}}
services:
  order: {command: ./order, publishes: [placed]}
  stock: {command: ./stock, subscribes: {placed: {path: /placed}}}
  mail: {command: ./mail, subscribes: {placed: /placed}}
`,
		"banyan.prod.yaml": `
bus: {max_bytes: 100Gi}
topics:
  placed: {retention: {size: 50Gi}}
services:
  stock: {subscribes: {placed: {concurrency: 200}}}
  mail: {subscribes: null}
`,
	})
	f, err := Load(Options{Path: dir, Env: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	if sub := f.App.Services["stock"].Subscribes["placed"]; sub.Path != "/placed" || sub.Concurrency != 200 {
		t.Errorf("the subscription is %+v", sub)
	}
	if topic := f.App.Topics["placed"]; *topic.Key != "customer" || topic.Retention.Size != 50<<30 || topic.Retention.Time != 7*day {
		t.Errorf("the topic is %+v, %+v", topic, topic.Retention)
	}
	if f.App.Bus.MaxBytes != 100<<30 || f.App.Services["mail"].Subscribes != nil {
		t.Errorf("bus %+v, mail %+v", f.App.Bus, f.App.Services["mail"].Subscribes)
	}
}

func TestFromTime(t *testing.T) {
	for from, want := range map[string]time.Time{
		FromNew: {}, FromAll: {}, "": {}, "2026-11-01": {},
		"2026-11-01T00:00:00Z":          time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T02:00:00.5+02:00":   time.Date(2026, 11, 1, 0, 0, 0, 5e8, time.UTC),
		"2026-11-01T00:00:00":           {},
		"2026-11-01T00:00:00Z and more": {},
	} {
		s := Subscription{From: from}
		if at, ok := s.FromTime(); ok == want.IsZero() || ok && !at.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", from, at, ok, want)
		}
	}
}

// TestSchemaFiles: the schemas that an app names must be there, as JSON.
func TestSchemaFiles(t *testing.T) {
	const app = "topics:\n  placed: {schema: schemas/placed.json}\nservices:\n  web: {command: ./web, publishes: [placed]}\n"
	for content, want := range map[string]string{
		`{"type": "object"}`:      "",
		`true`:                    "",
		"{\n\"type\": object\n}":  `the schema "schemas/placed.json" is no JSON: line 2:`,
		`"object"`:                "neither a JSON object nor true or false",
		"":                        "is no JSON: line 1",
		"missing":                 "does not exist; did you mean place.json?",
		`{"type": "object"} more`: "is no JSON",
	} {
		files := map[string]string{"banyan.yaml": app, "schemas/placed.json": content}
		if content == "missing" {
			files = map[string]string{"banyan.yaml": app, "schemas/place.json": "{}"}
		}
		_, err := Load(Options{Path: tree(t, files)})
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", content, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "banyan.yaml:2:20:")):
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

// TestCheck: what the caller's check finds is reported at its place.
func TestCheck(t *testing.T) {
	const app = `services:
  stock: {command: ./stock}
sagas:
  checkout:
    steps:
      - name: cool
        when: input.gift && inpt.paid
        delay: 1s
`
	dir := tree(t, map[string]string{"banyan.yaml": app})
	asked := ""
	found := Finding{Path: []string{"sagas", "checkout", "steps", "0", "when"}, Offset: 14, Message: "there is no inpt", Fix: "did you mean input?"}
	o := Options{Path: dir, Check: func(a *App, dir string) []Finding {
		asked = dir + " " + a.Sagas["checkout"].Steps[0].When
		return []Finding{found}
	}}
	_, err := Load(o)
	problems, ok := errors.AsType[Problems](err)
	want := Problem{File: filepath.Join(dir, "banyan.yaml"), Line: 7, Column: 29, Message: found.Message, Fix: found.Fix}
	if !ok || len(problems) != 1 || problems[0] != want {
		t.Errorf("got %v, want %v", err, want)
	}
	if asked != dir+" input.gift && inpt.paid" {
		t.Errorf("asked about %q", asked)
	}
	found.Warning = true
	f, err := Load(o)
	if err != nil || len(f.Warnings) != 1 || f.Warnings[0] != want {
		t.Errorf("got %v and %v, want the warning %v", f, err, want)
	}
	found.Path = []string{"sagas", "checkout", "steps", "0", "undo", "path"} // of a default, which stands nowhere
	if f, err := Load(o); err != nil || f.Warnings[0].Line != 6 {
		t.Errorf("got %v and %v, want line 6", f, err)
	}
	asked = ""
	if _, err := Parse("banyan.yaml", []byte("services: {}\n"), o); err == nil || asked != "" {
		t.Errorf("asked about an app with other mistakes, %v", err)
	}
}
