package appfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files into a new directory and returns its path.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const webOnly = "services:\n  web: {command: ./web}\n"

func TestLoadFindsTheFile(t *testing.T) {
	for _, name := range []string{"banyan.yaml", "banyan.yml"} {
		dir := tree(t, map[string]string{name: webOnly})
		f, err := Load(Options{Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		if f.Path != filepath.Join(dir, name) || f.Dir != dir {
			t.Errorf("path %s, dir %s", f.Path, f.Dir)
		}
	}
	t.Chdir(tree(t, map[string]string{"banyan.yaml": webOnly}))
	if _, err := Load(Options{}); err != nil {
		t.Error(err)
	}
}

func TestLoadSaysWhichFileIsMissing(t *testing.T) {
	both := tree(t, map[string]string{"banyan.yaml": webOnly, "banyan.yml": webOnly})
	compose := tree(t, map[string]string{"docker-compose.yml": webOnly})
	one := tree(t, map[string]string{"banyan.yaml": webOnly, "banyan.prod.yaml": "name: x\n"})
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Path: both}, "remove one of them"},
		{Options{Path: compose}, "is a Compose file"},
		{Options{Path: filepath.Join(one, "nope.yaml")}, "no such file"},
		{Options{Path: one, Env: "staging"}, "banyan.staging.yaml: file does not exist; environments here are prod"},
		{Options{Path: one, Env: "../x"}, "cannot be the name of an environment"},
	} {
		_, err := Load(c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.o, err, c.want)
		}
		if _, ok := errors.AsType[Problems](err); ok {
			t.Errorf("%v is not a mistake in a file", err)
		}
	}
	if _, err := Load(Options{Path: one, Env: "staging"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
}

func TestLoadMergesTheOverlay(t *testing.T) {
	dir := tree(t, map[string]string{
		"banyan.yaml": `
services:
  web:
    command: ./web
    environment: {A: one, B: two, C: three}
    calls: [api]
    requires: [node, python3]
    owner: team
  api: {command: ./api}
  debug: {command: ./debug}
`,
		"banyan.prod.yaml": `
name: shop
services:
  web:
    environment: {B: zwei, C: null, D: vier}
    requires: [go]
    owner: null
    replicas: 3
  debug: null
  extra: {command: ./extra}
`})
	f, err := Load(Options{Path: dir, Env: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	web := f.App.Services["web"]
	env := web.Environment
	if len(env) != 3 || env["A"] != "one" || env["B"] != "zwei" || env["D"] != "vier" {
		t.Errorf("environment: %v", env)
	}
	if f.App.Name != "shop" || web.Owner != "" || *web.Replicas != 3 || len(web.Requires) != 1 || len(f.App.Services) != 3 || web.Calls["api"] == nil {
		t.Errorf("merged: %+v", web)
	}
	if len(f.Overlays) != 1 || f.Overlays[0] != filepath.Join(dir, "banyan.prod.yaml") {
		t.Errorf("overlays: %v", f.Overlays)
	}
}

// TestLoadPointsIntoTheRightFile: each problem names the file that has it.
func TestLoadPointsIntoTheRightFile(t *testing.T) {
	t.Chdir(tree(t, map[string]string{
		"app/banyan.yaml": `services:
  web:
    command: ./web
    port: 3000
    calls: [api, nope]
    environment: {A: b}
    working_dir: weeb
    env_file: [.env, a.env]
    sources: [main.go]
  api: {command: ./api, working_dir: .., sources: [sorce]}
`,
		"app/banyan.prod.yaml": `services:
  web:
    replicas: 2
    comand: ./web
    environment: [A=c]
    zzz: null
  api: {port: 3000}
`,
		"app/web/main.go":  "",
		"app/a.env":        "export GOOD=1\nBAD LINE\n",
		"app/.env.example": "",
		"app/source/x":     "",
		"app/file.go":      "",
	}))
	_, err := Load(Options{Path: "app", Env: "prod"})
	got := err.Error()
	for _, line := range []string{
		`app/banyan.yaml:4:11: api and web both have port 3000; give one of them another port, or remove port: from programs that can read $PORT`,
		`app/banyan.yaml:5:18: web calls "nope", which is not a service of this app; services are api, web`,
		`app/banyan.yaml:7:18: working_dir "weeb" does not exist; did you mean web?`,
		`app/banyan.yaml:8:16: env_file ".env" does not exist; copy .env.example to .env`,
		`app/banyan.yaml:10:38: working_dir ".." is outside the app's directory`,
		`app/banyan.prod.yaml:3:15: service web pins port 3000, which only one of its 2 replicas could have;`,
		`app/banyan.prod.yaml:4:5: a service has no key "comand"; did you mean command?`,
		`app/a.env:2:1: "BAD LINE" is not of the form NAME=value; write NAME=value`,
	} {
		if !strings.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 8 {
		t.Errorf("%d problems:\n%s", n, got)
	}
}

func TestProfiles(t *testing.T) {
	dir := tree(t, map[string]string{"banyan.yaml": `
services:
  web: {command: ./web, calls: [ml]}
  ml: {command: ./ml, profiles: [ml, full]}
  debug: {command: ./debug, profiles: [debug], depends_on: [ml]}
jobs:
  seed: {command: ./seed, profiles: [full]}
`})
	load := func(profiles ...string) (*File, error) { return Load(Options{Path: dir, Profiles: profiles}) }
	f, err := load()
	if err != nil || len(f.App.Services) != 1 || len(f.App.Jobs) != 0 || len(f.Warnings) != 1 {
		t.Fatalf("none: %+v, %v", f, err)
	}
	if f, err = load("ml"); err != nil || len(f.App.Services) != 2 || len(f.Warnings) != 0 {
		t.Errorf("ml: %+v, %v", f, err)
	}
	if f, err = load("*"); err != nil || len(f.App.Services) != 3 || len(f.App.Jobs) != 1 {
		t.Errorf("*: %+v, %v", f, err)
	}
	if _, err = load("debug"); err == nil || !strings.Contains(err.Error(), "banyan.yaml:5:61: debug depends on ml, which the profiles leave out; ask for the profile ml, or give debug the same profiles") {
		t.Errorf("debug: %v", err)
	}
	if _, err = load("dbug"); err == nil || !strings.Contains(err.Error(), `no service or job has the profile "dbug"; did you mean debug?`) {
		t.Errorf("dbug: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Chdir(tree(t, map[string]string{
		"banyan.yaml":      "services:\n  web: {command: ./web, secrets: [a, b], environment: {C: d}}\nsecrets:\n  a: {file: a.txt}\n  b: {environment: BANYAN_TEST_UNSET}\n",
		"banyan.prod.yaml": "services:\n  web: {environment: [D=c], zzz: null}\n",
	}))
	f, err := Load(Options{Env: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	got := Problems(f.Warnings).Error()
	for _, want := range []string{
		"banyan.prod.yaml:2:9: environment is a list here and replaces a mapping of banyan.yaml:2; write it in the same form to merge the two",
		"banyan.prod.yaml:2:29: there is no zzz below that null could delete; remove the line, or check the name",
		`banyan.yaml:4:13: the file "a.txt" of the secret a cannot be read; `,
		"banyan.yaml:5:20: the variable BANYAN_TEST_UNSET of the secret b is not set; set it before what uses the secret is started",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s\nin:\n%s", want, got)
		}
	}
}

// keyPair makes a certificate and its key, in PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.example"}}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", certDER), encode("PRIVATE KEY", keyDER)
}

// TestLoadReadsTheCertificate: what TLS needs is there and fits before anything is started.
func TestLoadReadsTheCertificate(t *testing.T) {
	cert, key := keyPair(t)
	_, otherKey := keyPair(t)
	dir := tree(t, map[string]string{"certs/shop.pem": cert, "certs/shop-key.pem": key, "certs/other-key.pem": otherKey, "certs/text.pem": "hello"})
	load := func(cert, key string) error {
		text := fmt.Sprintf("gateway:\n  tls: {cert: %s, key: %s}\n  routes: [{path: /, to: web}]\n%s", cert, key, webOnly)
		if err := os.WriteFile(filepath.Join(dir, "banyan.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Options{Path: dir})
		return err
	}
	for _, path := range []string{"certs/shop-key.pem", filepath.Join(dir, "certs/shop-key.pem")} {
		if err := load("certs/shop.pem", path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, c := range []struct{ cert, key, want string }{
		{"certs/shop.pem", "certs/other-key.pem", "banyan.yaml:2:3: certs/shop.pem and certs/other-key.pem are no certificate and key that belong together: "},
		{"certs/text.pem", "certs/shop-key.pem", "banyan.yaml:2:3: certs/text.pem and certs/shop-key.pem are no certificate and key"},
		{"certs/shopp.pem", "certs/shop-key.pem", `banyan.yaml:2:15: the file "certs/shopp.pem" does not exist; did you mean shop.pem?`},
		{"certs/shop.pem", "certs", `banyan.yaml:2:36: the file "certs" cannot be read: `},
	} {
		if err := load(c.cert, c.key); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// TestProfilesOfStandIns: a stand-in that the profiles leave out is a warning.
func TestProfilesOfStandIns(t *testing.T) {
	dir := tree(t, map[string]string{"banyan.yaml": `
services:
  web: {command: ./web, calls: {api: {fallback: {service: spare}, mirror: {to: shadow}}}}
  api: {command: ./api}
  spare: {command: ./spare, profiles: [full]}
  shadow: {command: ./shadow, profiles: [test]}
`})
	f, err := Load(Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	got := Problems(f.Warnings).Error()
	for _, want := range []string{
		"banyan.yaml:3:59: web falls back to spare, which the profiles leave out; ask for the profile full if that is not meant",
		"banyan.yaml:3:80: web mirrors to shadow, which the profiles leave out; ask for the profile test if that is not meant",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s\nin:\n%s", want, got)
		}
	}
}

func TestDefaultName(t *testing.T) {
	for dir, want := range map[string]string{
		"/srv/shop": "shop", "/srv/My Shop!": "my-shop", "/srv/2024_app": "app", "/": "app", "": "app",
		"/srv/" + strings.Repeat("long-", 10): "long-long-long-long-long-long-long-long",
	} {
		a := &App{}
		if a.ApplyDefaults(dir); a.Name != want {
			t.Errorf("%q: got %q, want %q", dir, a.Name, want)
		}
	}
}

// TestValidateWithoutAFile: an App made by a program gets the same checks.
func TestValidateWithoutAFile(t *testing.T) {
	a := &App{Services: map[string]*Service{
		"web": {Command: Command{"./web", "${services.api.url}", "${nope}"}, Restart: "sometimes", Replicas: new(-1), Calls: Calls{"zzz": nil}},
		"api": nil,
	}}
	a.ApplyDefaults("/srv/shop")
	err := a.Validate()
	ps, ok := errors.AsType[Problems](err)
	if !ok || len(ps) != 6 {
		t.Fatalf("got %v", err)
	}
	for _, p := range ps {
		if p.File != "" || p.Line != 0 || strings.HasPrefix(p.String(), ":") {
			t.Errorf("%+v has a position", p)
		}
	}
	ok2 := &App{Services: map[string]*Service{"web": {Command: Command{"./web"}}}}
	ok2.ApplyDefaults("/srv/shop")
	if err := ok2.Validate(); err != nil {
		t.Error(err)
	}
}
