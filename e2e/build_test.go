package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

const buildFile = `
name: built
gateway: {listen: ":${port}", routes: [{path: /a, to: a}, {path: /b, to: b}]}
services:
	a:
		build: go build -o ${out}/a ./a
		sources: [a, go.mod]
		command: ${out}/a
	b:
		build: go build -o ${out}/b ./b
		sources: [b, go.mod]
		command: ${out}/b
`

const buildMain = `package main

import (
	"fmt"
	"net/http"
	"os"
)

// Says hello.
func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
`

// source writes a program's source as it is, tabs and all.
func (a *app) source(name, content string) {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// Sources decide what is built and replaced.
func TestBuild(t *testing.T) {
	a := newApp(t, buildFile)
	a.source("go.mod", "module example.com/built\n\ngo 1.26\n")
	a.source("a/main.go", buildMain)
	a.source("b/main.go", buildMain)
	figure(t, "two Go services are built and up after %s", ms(a.up().took))
	says(t, a.url("/a"), "hello")

	t.Run("what is up to date is not built again", func(t *testing.T) {
		before := a.pidsNow()
		figure(t, "up to date after %s", ms(a.up().took))
		samePids(t, before, a.pidsNow())
	})
	t.Run("a comment restarts nothing", func(t *testing.T) {
		before := a.pidsNow()
		a.source("a/main.go", strings.Replace(buildMain, "Says hello.", "Greets whoever comes.", 1))
		a.up()
		samePids(t, before, a.pidsNow())
	})
	t.Run("a change replaces its service only", func(t *testing.T) {
		b := a.one("b").GetPid()
		l := startLoad(t, loadOptions{rate: 50, urls: []string{a.url("/a"), a.url("/b")}})
		a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `"good day"`, 1))
		a.up()
		l.finish()
		says(t, a.url("/a"), "good day")
		if now := a.one("b").GetPid(); now != b {
			t.Errorf("b was process %d and is %d now", b, now)
		}
	})
	t.Run("an error shows the compiler's words and the old revision serves", func(t *testing.T) {
		before := a.pidsNow()
		a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `helo`, 1))
		r := a.banyan("up", "-d")
		if r.code != 1 || !strings.Contains(r.err, "undefined: helo") || !strings.Contains(r.err, "a/main.go:11") {
			t.Errorf("want exit code 1 and the compiler's words: %s", r)
		}
		s := service(a.ps(), "a")
		if s.GetState() != banyanv1.State_STATE_FAILED || !strings.Contains(strings.Join(s.GetDetails(), "\n"), "undefined: helo") {
			t.Errorf("ps --json lacks the compiler's words: %v", s)
		}
		says(t, a.url("/a"), "good day")
		samePids(t, before, a.pidsNow())
		a.source("a/main.go", strings.Replace(buildMain, `"hello"`, `"good day"`, 1))
		a.up()
		samePids(t, before, a.pidsNow())
	})
	t.Run("a build survives the death of its daemon", func(t *testing.T) {
		a.source("b/main.go", strings.Replace(buildMain, `"hello"`, `"good night"`, 1))
		cmd := a.command("up", "-d")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		a.inState(20*time.Second, "b", banyanv1.State_STATE_BUILDING)
		kill(t, a.pid("daemon"))
		_ = cmd.Wait() // either way
		a.up()
		says(t, a.url("/b"), "good night")
		a.mustBeWhole(t)
	})
}

// says fails the test unless a request is answered with the text.
func says(t *testing.T, url, want string) {
	t.Helper()
	if got := string(get(t, url).body); got != want {
		t.Errorf("%s says %q, want %q", url, got, want)
	}
}
