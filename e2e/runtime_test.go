package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Where Python and Node.js are missing, `up` says so, leaves their services
// out, and the shop works without them.
func TestWithoutPythonAndNode(t *testing.T) {
	long(t)
	s := newShop(t)
	tools := newDir(t)
	for _, name := range []string{"sh", "env"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(s.env, "PATH="+tools)
	r := s.up()
	for _, want := range []string{"recommendation is left out: python3 is not on PATH", "notification is left out: node is not on PATH"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("up does not say %q: %s", want, r)
		}
	}
	st := s.ps()
	for _, name := range []string{"recommendation", "notification"} {
		if sv := service(st, name); sv.GetState() != banyanv1.State_STATE_LEFT_OUT || len(sv.GetInstances()) != 0 {
			t.Errorf("%s: %v", name, sv)
		}
	}
	if !st.GetSettled() {
		t.Error("it is not settled")
	}
	ada := s.signUp()
	ada.buy()
	item := s.products(1)[0].ID
	ask(t, http.MethodGet, s.url("/api/recommendations?product="+item), nil).problem(t, http.StatusServiceUnavailable, "no-ready-instance")
	get(t, s.url("/"))
}

// The example as a user gets it: its own file, built by Banyan. What an order
// does reaches the services in Python and Node.js.
func TestShopFromSource(t *testing.T) {
	long(t)
	needs(t, "python3")
	needs(t, "node")
	source := filepath.Join(bin.repo, "examples", "shop")
	data, err := os.ReadFile(filepath.Join(source, "banyan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := shop{newApp(t, "name: shop")}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(source, s.dir); err != nil {
		t.Fatal(err)
	}
	s.write("banyan.yaml", onOwnPort(t, string(data)))
	figure(t, "built from source and up after %s", ms(s.up().took))
	s.must("down")
	figure(t, "built before, all ready after %s", ms(s.up().took))
	st := s.ps()
	figure(t, "memory: daemon %d MiB, data plane %d MiB", st.GetDaemon().GetMemoryBytes()>>20, st.GetDataPlane().GetMemoryBytes()>>20)
	for _, sv := range st.GetServices() {
		if sv.GetState() != banyanv1.State_STATE_READY {
			t.Errorf("%s is %s: %s", sv.GetName(), sv.GetState(), sv.GetReason())
		}
	}
	ada := s.signUp()
	ada.buy()
	item := s.products(2)[0].ID
	get(t, s.url("/api/recommendations?product="+item))
	told := at(s.one("notification"), "/notifications?user_id="+ada.id)
	await(t, 20e9, "a notification", func() error {
		if a := get(t, told); !strings.Contains(string(a.body), ada.email) {
			return errors.New(a.String())
		}
		return nil
	})
}

// copyTree copies what git would: no state, no caches.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && (e.Name() == ".banyan" || e.Name() == "__pycache__" || e.Name() == "node_modules"):
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
}
