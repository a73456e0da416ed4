package logs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func newCollector(t *testing.T, opt Options) *Collector {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	c, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func open(t *testing.T, c *Collector, instance, service string) {
	t.Helper()
	if err := c.Open(instance, service); err != nil {
		t.Fatal(err)
	}
}

func end(t *testing.T, c *Collector, instance string) {
	t.Helper()
	if err := c.End(instance); err != nil {
		t.Fatal(err)
	}
}

// say appends to an instance's stdout as the instance would.
func say(t *testing.T, c *Collector, instance, text string) {
	t.Helper()
	out, _ := c.SpoolPaths(instance)
	appendTo(t, out, text)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, c *Collector, f Filter) []Record {
	t.Helper()
	var out []Record
	for r, err := range c.Query(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func texts(rs []Record) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Line)
	}
	return out
}

func wantLines(t *testing.T, got []Record, want ...string) {
	t.Helper()
	if g := texts(got); !slices.Equal(g, want) {
		t.Errorf("lines are %.500q, not %.500q", g, want)
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "logs-collector" {
		collectForever(os.Args[2])
	}
	goleak.VerifyTestMain(m)
}

func TestLines(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "one\r\ntwo \"quoted\" \\ \x1b[31m\tred\n\nbad \xff byte\n")
	_, errPath := c.SpoolPaths("a-1")
	appendTo(t, errPath, "to stderr\n")
	got := query(t, c, Filter{})
	wantLines(t, got, "one", "two \"quoted\" \\ \x1b[31m\tred", "", "bad � byte", "to stderr")
	last := got[4]
	if last.Service != "a" || last.Instance != "a-1" || last.Stream != Stderr || last.Time.IsZero() {
		t.Errorf("the record is %+v", last)
	}
}

func TestNoticesByItself(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	next := follow(t, c, Filter{})
	begin := time.Now()
	say(t, c, "a-1", "hello\n")
	if r := next(); r.Line != "hello" {
		t.Errorf("%+v", r)
	}
	t.Logf("followed after %s", time.Since(begin))
}

func TestPartialLine(t *testing.T) {
	c := newCollector(t, Options{})
	c.quiet = 30 * time.Millisecond
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "password: ")
	wantLines(t, query(t, c, Filter{}))
	next := follow(t, c, Filter{})
	if r := next(); r.Line != "password: " || !r.Cut {
		t.Errorf("after the quiet time: %+v", r)
	}
	say(t, c, "a-1", "\nrest\nlast")
	if r := next(); r.Line != "rest" {
		t.Errorf("after the newline: %+v", r)
	}
	end(t, c, "a-1")
	if r := next(); r.Line != "last" {
		t.Errorf("after the end: %+v", r)
	}
}

// follow returns a function that waits for the next record.
func follow(t *testing.T, c *Collector, f Filter) func() Record {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	records, stopped := make(chan Record), make(chan struct{})
	go func() {
		defer close(stopped)
		for r, err := range c.Follow(ctx, f) {
			if err != nil {
				return
			}
			select {
			case records <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-stopped })
	return func() Record {
		t.Helper()
		select {
		case r := <-records:
			return r
		case <-time.After(10 * time.Second):
			t.Fatal("no record came within 10 s")
			return Record{}
		}
	}
}

func TestLongLines(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	long := strings.Repeat("é", 100_000) // 200 kB
	say(t, c, "a-1", long+"\nshort\n")
	got := query(t, c, Filter{})
	var whole strings.Builder
	for i, r := range got[:len(got)-1] {
		if len(r.Line) > maxLine || r.Cut != (i < len(got)-2) {
			t.Errorf("piece %d has %d bytes, cut %v", i, len(r.Line), r.Cut)
		}
		whole.WriteString(r.Line)
	}
	if whole.String() != long || got[len(got)-1].Line != "short" {
		t.Error("the pieces do not make the line")
	}
}

func TestRestartNeitherLosesNorDoubles(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for life := range 5 {
		c := newCollector(t, Options{Dir: dir, SegmentSize: 2000, Segments: 100})
		open(t, c, "a-1", "a")
		for i := range 20 {
			line := fmt.Sprintf("life %d line %d", life, i)
			want = append(want, line)
			say(t, c, "a-1", line+"\n")
		}
		if life%2 == 0 {
			query(t, c, Filter{})
		}
		_ = c.Close()
		want = append(want, "while dead")
		say(t, c, "a-1", "while dead\n")
	}
	c := newCollector(t, Options{Dir: dir})
	open(t, c, "a-1", "a")
	wantLines(t, query(t, c, Filter{}), want...)
}

func TestEndDropsTheSpool(t *testing.T) {
	dir := t.TempDir()
	c := newCollector(t, Options{Dir: dir})
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "a long first life\nno newline")
	end(t, c, "a-1")
	end(t, c, "a-1")
	if left, _ := os.ReadDir(c.spoolDir()); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	_ = c.Close()
	say(t, c, "a-1", "2nd\n") // the name's next life, while no daemon lives
	c = newCollector(t, Options{Dir: dir})
	if s := c.Strays(); !slices.Equal(s, []string{"a-1"}) {
		t.Errorf("strays: %q", s)
	}
	open(t, c, "a-1", "a")
	wantLines(t, query(t, c, Filter{}), "a long first life", "no newline", "2nd")
}

func TestSegmentsAreBounded(t *testing.T) {
	c := newCollector(t, Options{SegmentSize: 64 << 10, Segments: 3})
	open(t, c, "a-1", "a")
	next := follow(t, c, Filter{})
	say(t, c, "a-1", "first\n")
	if r := next(); r.Line != "first" {
		t.Errorf("%+v", r)
	}
	n := 0
	for range 40 {
		var b strings.Builder
		for range 200 {
			fmt.Fprintf(&b, "line %06d %s\n", n, strings.Repeat("x", 60))
			n++
		}
		say(t, c, "a-1", b.String())
		query(t, c, Filter{Tail: 1})
	}
	if seqs := segments(filepath.Join(c.segmentDir(), "a")); len(seqs) > 3 {
		t.Errorf("there are %d segments", len(seqs))
	}
	got := c.Tail("a", "a-1", 5)
	if len(got) != 5 || !strings.HasPrefix(got[4].Line, fmt.Sprintf("line %06d", n-1)) {
		t.Errorf("the last lines are %q", texts(got))
	}
	checkSlowReader(t, next, n)
}

// checkSlowReader: the records and the losses told must add up to all lines.
func checkSlowReader(t *testing.T, next func() Record, n int) {
	t.Helper()
	seen, lost := 0, 0
	for seen+lost < n {
		r := next()
		if r.Lost > 0 {
			lost += int(r.Lost)
			continue
		}
		if want := fmt.Sprintf("line %06d", seen+lost); !strings.HasPrefix(r.Line, want) {
			t.Fatalf("after %d seen and %d lost comes %.20q", seen, lost, r.Line)
		}
		seen++
	}
	if lost == 0 {
		t.Error("the slow reader lost nothing: the test is too small")
	}
}

func TestQueryFilters(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newCollector(t, Options{Now: func() time.Time { return now }, SegmentSize: 300})
	begin := now
	for i := range 10 {
		for _, svc := range []string{"a", "b"} {
			open(t, c, svc+"-1", svc)
			say(t, c, svc+"-1", fmt.Sprintf("%s%d\n", svc, i))
		}
		query(t, c, Filter{})
		now = now.Add(time.Second)
	}
	wantLines(t, query(t, c, Filter{Services: []string{"b"}, Tail: 2}), "b8", "b9")
	wantLines(t, query(t, c, Filter{Instances: []string{"a-1"}, Since: begin.Add(8 * time.Second)}), "a8", "a9")
	wantLines(t, query(t, c, Filter{Until: begin.Add(time.Second)}), "a0", "b0", "a1", "b1")
	wantLines(t, query(t, c, Filter{Tail: 3}), "b8", "a9", "b9")
	wantLines(t, query(t, c, Filter{Services: []string{"none"}}))
}

func TestFollowPastThenLive(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "1\n2\n3\n")
	next := follow(t, c, Filter{Tail: 2})
	for _, want := range []string{"2", "3"} {
		if r := next(); r.Line != want {
			t.Errorf("%q, not %q", r.Line, want)
		}
	}
	say(t, c, "a-1", "4\n")
	open(t, c, "new-1", "new")
	if r := next(); r.Line != "4" {
		t.Errorf("%q, not 4", r.Line)
	}
	say(t, c, "new-1", "5\n")
	if r := next(); r.Line != "5" || r.Service != "new" {
		t.Errorf("%+v, not 5", r)
	}
}

func TestWatch(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	re := regexp.MustCompile(`^ready on \d+$`)
	say(t, c, "a-1", "ready on x\n")
	w := c.Watch("a-1", re)
	select {
	case <-w:
		t.Fatal("it matched too early")
	default:
	}
	say(t, c, "a-1", "ready on 8080\n")
	waitClosed(t, w)
	waitClosed(t, c.Watch("a-1", re)) // a line from before
	end(t, c, "a-1")
	open(t, c, "a-1", "a")
	select {
	case <-c.Watch("a-1", re):
		t.Error("a line of an earlier life matched")
	default:
	}
}

func waitClosed(t *testing.T, w <-chan struct{}) {
	t.Helper()
	select {
	case <-w:
	case <-time.After(10 * time.Second):
		t.Fatal("no match")
	}
}

func TestRedact(t *testing.T) {
	c := newCollector(t, Options{Redact: func(service string, line []byte) []byte {
		return bytes.ReplaceAll(line, []byte("hunter2"), []byte("[secret of "+service+"]"))
	}})
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "password hunter2\n")
	wantLines(t, query(t, c, Filter{}), "password [secret of a]")
}
