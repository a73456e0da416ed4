package drivertest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func exitCode(h *harness) {
	for _, code := range []int{0, 3, 255} {
		e := h.wait(h.start(h.spec("exit", strconv.Itoa(code))))
		if e.Code != code || e.Signal != "" || e.OOM || e.Unknown || e.At.IsZero() {
			h.Errorf("exit %d is told as %+v", code, e)
		}
	}
}

func endedBySignal(h *harness) {
	s := h.spec("sleep")
	p := h.start(s)
	h.ready(s, "pid ")
	if err := p.Signal("SIGHUP"); err != nil {
		h.Fatal(err)
	}
	if e := h.wait(p); e.Signal != "SIGHUP" || e.Code != -1 {
		h.Errorf("a death by SIGHUP is told as %+v", e)
	}
	if err := p.Signal("SIGTERM"); err != nil {
		h.Errorf("a signal after the end: %v", err)
	}
	if err := p.Signal("SIGNONSENSE"); err == nil {
		h.Error("SIGNONSENSE was taken for a signal")
	}
}

func output(h *harness) {
	s := h.spec("echo", "to out", "to err")
	if err := os.WriteFile(s.Stdout, []byte("before\n"), 0o600); err != nil {
		h.Fatal(err)
	}
	h.wait(h.start(s))
	for file, want := range map[string]string{s.Stdout: "before\nto out\n", s.Stderr: "to err\n"} {
		got, _ := os.ReadFile(file)
		if string(got) != want {
			h.Errorf("%s holds %q, not %q", filepath.Base(file), got, want)
		}
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			h.Errorf("%s has mode %v, not 0600 (%v)", file, fi.Mode(), err)
		}
	}
}

func environment(h *harness) {
	h.Setenv("LEAKED_FROM_DAEMON", "yes")
	s := h.spec("env")
	s.Env = append(s.Env, "A=1", "B=with space and = sign", "EMPTY=")
	p := h.start(s)
	h.wait(p)
	got := map[string]bool{}
	b, _ := os.ReadFile(s.Stdout)
	for line := range strings.Lines(string(b)) {
		if e, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "env "); ok && !strings.HasPrefix(e, "BANYAN_TAG=") {
			got[e] = true
		}
	}
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, slices.Sorted(slices.Values(s.Env))) {
		h.Errorf("the environment is %q, not %q", have, s.Env)
	}
	if dir := h.ready(s, "dir "); dir != h.dir {
		h.Errorf("it runs in %s, not in %s", dir, h.dir)
	}
}

func secrets(h *harness) {
	const secret = "correct-horse-battery"
	s := h.spec("sleep")
	s.Env = append(s.Env, "PASSWORD="+secret)
	prep := h.prepare(s)
	check := func(when string) {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(prep.Identity().PID) + "/cmdline")
		if strings.Contains(string(b), secret) {
			h.Errorf("%s the secret is in the arguments: %q", when, b)
		}
	}
	check("before the start")
	p, err := prep.Start(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	h.stopLater(p)
	check("after the start")
}

// refused starts an instance whose program cannot run and checks the error.
func (h *harness) refused(argv []string, dir string, want ...string) {
	h.Helper()
	s := h.spec()
	s.Argv, s.Dir = argv, dir
	prep := h.prepare(s)
	_, err := prep.Start(h.Context())
	if err == nil {
		h.Fatalf("%q started", argv)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			h.Errorf("the error does not say %q: %v", w, err)
		}
	}
	h.gone("the stand-in", prep.Identity().PID)
	h.clean(prep.Identity())
}

func notFound(h *harness) {
	h.refused([]string{"no-such-program-here"}, h.dir, "command not found: no-such-program-here", "install it")
	h.refused([]string{"/no/such/program"}, h.dir, "command not found: /no/such/program")
	file := filepath.Join(h.dir, "plain")
	if err := os.WriteFile(file, []byte("data"), 0o644); err != nil {
		h.Fatal(err)
	}
	h.refused([]string{"./plain"}, h.dir, "permission denied", "chmod +x")
}

func dirMissing(h *harness) {
	h.refused([]string{"true"}, filepath.Join(h.dir, "nowhere"), "nowhere does not exist", "working_dir")
}

func badInterpreter(h *harness) {
	file := filepath.Join(h.dir, "script")
	if err := os.WriteFile(file, []byte("#!/no/such/ruby -w\n"), 0o755); err != nil {
		h.Fatal(err)
	}
	h.refused([]string{"./script"}, h.dir, "interpreter", "/no/such/ruby -w")
}

func abort(h *harness) {
	mark := filepath.Join(h.dir, "ran")
	p := h.prepare(h.spec("touch", mark))
	id := p.Identity()
	if id.PID <= 0 || id.StartTime == 0 || id.BootID == "" || id.Driver != h.d.Name() {
		h.Errorf("the identity is not complete: %+v", id)
	}
	if !alive(id.PID) {
		h.Error("nothing waits")
	}
	p.Abort()
	p.Abort() // harmless
	h.gone("the stand-in", id.PID)
	h.clean(id)
	h.neverRan(mark)
}

func (h *harness) neverRan(mark string) {
	h.Helper()
	if _, err := os.Stat(mark); err == nil {
		h.Error("the program ran")
	}
}

func startAfterAbort(h *harness) {
	p := h.prepare(h.spec("sleep"))
	p.Abort()
	if _, err := p.Start(h.Context()); err == nil {
		h.Error("it started")
	}
}

func many(h *harness) {
	const n = 50
	type result struct {
		code int
		err  error
	}
	results := make(chan result, n)
	begin := time.Now()
	for i := range n {
		s := h.spec("exit", strconv.Itoa(i))
		s.ID += strconv.Itoa(i)
		go func() {
			prep, err := h.d.Prepare(h.Context(), s)
			if err != nil {
				results <- result{-1, err}
				return
			}
			p, err := prep.Start(h.Context())
			if err != nil {
				results <- result{-1, err}
				return
			}
			<-p.Done()
			results <- result{p.Exit().Code, p.Stop(h.Context(), "SIGTERM", 0)}
		}()
	}
	seen := map[int]bool{}
	for range n {
		r := <-results
		if r.err != nil {
			h.Error(r.err)
		}
		seen[r.code] = true
	}
	if len(seen) != n {
		h.Errorf("%d different exit codes of %d", len(seen), n)
	}
	h.Logf("%d started and ended in %s", n, time.Since(begin).Round(time.Millisecond))
}
