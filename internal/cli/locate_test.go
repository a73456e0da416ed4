package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
)

func TestLocate(t *testing.T) {
	r := newRun(t, false)
	r.write("shop/banyan.yml", twoServices)
	r.write("shop/deep/x", "")
	shop := filepath.Join(r.dir, "shop")
	for _, c := range []struct {
		what, dir, arg, app, flag, env string
		abs, file, state               string
	}{
		{what: "here", abs: "banyan.yaml", file: "banyan.yaml", state: ".banyan"},
		{what: "above", dir: "shop/deep", abs: "shop/banyan.yml", file: "../banyan.yml", state: "shop/.banyan"},
		{what: "a directory", arg: "shop", abs: "shop/banyan.yml", file: "shop/banyan.yml", state: "shop/.banyan"},
		{what: "a file", app: shop + "/banyan.yml", abs: "shop/banyan.yml", file: "shop/banyan.yml", state: "shop/.banyan"},
		{what: "PATH before -C", arg: "shop", app: ".", abs: "shop/banyan.yml", file: "shop/banyan.yml", state: "shop/.banyan"},
		{what: "--state-dir", flag: "s", env: "/e", abs: "banyan.yaml", file: "banyan.yaml", state: "s"},
		{what: "BANYAN_STATE_DIR", env: "e", abs: "banyan.yaml", file: "banyan.yaml", state: "e"},
	} {
		p := *r.p
		world := *r.p.console
		p.console = &world
		p.dir = filepath.Join(r.dir, c.dir)
		p.flags.app, p.flags.stateDir = c.app, c.flag
		if c.env != "" {
			p.environ = []string{"BANYAN_STATE_DIR=" + c.env}
		}
		got, err := p.locate(c.arg)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if got.Abs != filepath.Join(r.dir, c.abs) || got.File != c.file || got.StateDir != filepath.Join(r.dir, c.state) {
			t.Errorf("%s: found %s, shown as %s, with state in %s", c.what, got.Abs, got.File, got.StateDir)
		}
	}
}

// TestLocateStateAlone is `banyan --state-dir X ps` from anywhere.
func TestLocateStateAlone(t *testing.T) {
	r := newRun(t, false)
	r.p.dir, r.p.flags.stateDir = "/", r.dir+"/state"
	got, err := r.p.locate("")
	if err != nil || got.Abs != "" || got.Dir() != r.dir+"/state" {
		t.Errorf("found %+v, %v", got, err)
	}
	if _, err := r.p.locateFile(""); err == nil {
		t.Error("an app file was found in /")
	}
}

func TestSourcePaths(t *testing.T) {
	file := &appfile.File{Path: "/app/banyan.yaml", Dir: "/app", Overlays: []string{"/app/banyan.prod.yaml"}, App: &appfile.App{
		Services: map[string]*appfile.Service{
			"a": {WorkingDir: "a", EnvFile: appfile.StringList{".env"}},
			"b": {Sources: []string{"b", "go.mod"}},
		},
		Jobs:    map[string]*appfile.Job{"j": {WorkingDir: "/abs"}},
		Secrets: map[string]*appfile.Secret{"s": {File: "s.txt"}, "none": nil},
	}}
	got := sourcePaths(file)
	slices.Sort(got)
	want := "/abs /app/.env /app/a /app/b /app/banyan.prod.yaml /app/banyan.yaml /app/go.mod /app/s.txt"
	if strings.Join(got, " ") != want {
		t.Errorf("paths = %v, want %s", got, want)
	}
}
