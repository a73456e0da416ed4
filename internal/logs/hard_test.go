package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// collectForever is a daemon for TestKilled, in a process of its own.
func collectForever(dir string) {
	c, err := New(Options{Dir: dir, SegmentSize: 64 << 10, Segments: 1000})
	if err == nil {
		c.trimEvery = 8 << 10
		err = c.Open("a-1", "a")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("collecting")
	time.Sleep(time.Hour) //nolint:forbidigo // until it is killed
}

// TestKilled writes numbered lines while collectors are killed one after the
// other with SIGKILL, and then looks for each line exactly once.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool", "a-1.out")
	if err := os.MkdirAll(filepath.Dir(spool), 0o700); err != nil {
		t.Fatal(err)
	}
	n := 0
	for range 15 {
		cmd := exec.Command(os.Args[0], "logs-collector", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		_, _ = out.Read(b[:])
		for range 30 {
			var text strings.Builder
			for range 50 {
				fmt.Fprintf(&text, "%d %s\n", n, strings.Repeat("z", rand.IntN(200)))
				n++
			}
			appendTo(t, spool, text.String())
		}
		time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond) //nolint:forbidigo // a kill at any moment
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	c := newCollector(t, Options{Dir: dir})
	open(t, c, "a-1", "a")
	got := query(t, c, Filter{})
	if len(got) != n {
		t.Errorf("%d lines of %d", len(got), n)
	}
	for i, r := range got {
		if num, _, _ := strings.Cut(r.Line, " "); num != strconv.Itoa(i) {
			t.Fatalf("line %d is %.40q", i, r.Line)
		}
	}
}

// TestTornEnd cuts the last segment at each of its bytes, as a crash would, and
// looks for each line once: in a first segment and in a later one.
func TestTornEnd(t *testing.T) {
	for _, lines := range []int{3, 9} {
		dir := t.TempDir()
		opt := Options{Dir: dir, SegmentSize: 400}
		c := newCollector(t, opt)
		open(t, c, "a-1", "a")
		var want []string
		for i := range lines {
			want = append(want, strconv.Itoa(i))
			say(t, c, "a-1", want[i]+"\n")
			query(t, c, Filter{})
		}
		_ = c.Close()
		seqs := segments(filepath.Join(c.segmentDir(), "a"))
		path := segmentPath(filepath.Join(c.segmentDir(), "a"), seqs[len(seqs)-1])
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for cutAt := len(whole); cutAt >= 0; cutAt -= 5 {
			if err := os.WriteFile(path, whole[:cutAt], 0o600); err != nil {
				t.Fatal(err)
			}
			c := newCollector(t, opt)
			open(t, c, "a-1", "a")
			wantLines(t, query(t, c, Filter{}), want...)
			_ = c.Close()
			for _, seq := range segments(filepath.Dir(path))[len(seqs):] {
				_ = os.Remove(segmentPath(filepath.Dir(path), seq))
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	c := newCollector(t, Options{})
	full := true
	write := func(f *os.File, b []byte) (int, error) {
		if full {
			n, _ := f.Write(b[:len(b)/2])
			return n, syscall.ENOSPC
		}
		return f.Write(b)
	}
	c.storeOf("a").write = write
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "waits\n")
	wantLines(t, query(t, c, Filter{}))
	if err := c.End("a-1"); err == nil {
		t.Error("End dropped what was not stored")
	}
	st := c.storeOf("a")
	st.mu.Lock()
	full = false
	st.mu.Unlock()
	wantLines(t, query(t, c, Filter{}), "waits")
	st.mu.Lock()
	full = true
	st.mu.Unlock()
	line := strings.Repeat("b", 1023) + "\n"
	say(t, c, "a-1", strings.Repeat(line, 20<<10)) // 20 MiB
	query(t, c, Filter{})
	st.mu.Lock()
	full = false
	st.mu.Unlock()
	got := query(t, c, Filter{})
	if got[1].Lost == 0 || got[1].Lost+int64(len(got)-2) != 20<<10 || c.Lost() != got[1].Lost {
		t.Errorf("%d lines stored and %d lost of %d", len(got)-2, got[1].Lost, 20<<10)
	}
}

func TestTrim(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	line := strings.Repeat("b", 1023) + "\n"
	for range 8 {
		say(t, c, "a-1", strings.Repeat(line, 1024))
		query(t, c, Filter{Tail: 1})
	}
	out, _ := c.SpoolPaths("a-1")
	var st syscall.Stat_t
	if err := syscall.Stat(out, &st); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && st.Blocks*512 > 3<<20 {
		t.Errorf("a consumed spool of 8 MiB takes %d bytes", st.Blocks*512)
	}
	if n := len(query(t, c, Filter{})); n != 8<<10 {
		t.Errorf("%d lines", n)
	}
}

func TestSpoolTruncatedByOthers(t *testing.T) {
	c := newCollector(t, Options{})
	open(t, c, "a-1", "a")
	say(t, c, "a-1", "some text before\n")
	query(t, c, Filter{})
	out, _ := c.SpoolPaths("a-1")
	if err := os.Truncate(out, 0); err != nil {
		t.Fatal(err)
	}
	say(t, c, "a-1", "after\n")
	wantLines(t, query(t, c, Filter{}), "some text before", "after")
}

func FuzzSegment(f *testing.F) {
	f.Add([]byte(`{"offsets":{"a-1.out":5},"n":3}`+"\n"+`{"t":"2026-01-01T00:00:00Z","i":"a-1","s":"out","l":"x","o":9}`+"\n{\"end\":\"a-1\"}\n"), []byte("line\n"))
	f.Add([]byte("{\n\x00{}\n"), []byte("\xff\"\\"))
	f.Fuzz(func(t *testing.T, segment, line []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 1), segment, 0o600); err != nil {
			t.Fatal(err)
		}
		st := &store{dir: dir, service: "a", size: 1 << 20, keep: 8, write: (*os.File).Write}
		if err := st.recover(); err != nil {
			t.Fatal(err)
		}
		before := readAll(st)
		lastOf(st, &Filter{Tail: 2}, st.end)
		line = bytes.ReplaceAll(line, []byte{'\n'}, nil)
		e := entry{Time: time.Unix(1, 0).UTC(), Instance: "a-1", Stream: Stdout, Offset: 7}
		if err := st.append(appendRecord(nil, &e, line), 1); err != nil {
			t.Fatal(err)
		}
		after := readAll(st)
		if len(after) != len(before)+1 || after[len(before)].Line != strings.ToValidUTF8(string(line), "�") &&
			after[len(before)].Line != string([]rune(string(line))) {
			t.Fatalf("%q became %q", line, texts(after))
		}
	})
}

func readAll(st *store) []Record {
	var out []Record
	r := &reader{st: st, filter: &Filter{}, at: startOf(), end: st.end}
	defer r.close()
	for {
		rec, ok := r.next()
		if !ok {
			return out
		}
		if rec.Lost == 0 || rec.Stream != "" {
			out = append(out, rec)
		}
	}
}

// BenchmarkIdle reports what 600 idle instances of 300 services cost.
func BenchmarkIdle(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c, err := New(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 600 {
		if err := c.Open(fmt.Sprintf("svc%d-%d", i/2, i%2), fmt.Sprintf("svc%d", i/2)); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/600, "B/instance")
	_ = c.Close()
}

// BenchmarkCollect measures the way of a line of 100 bytes from spool to segment.
func BenchmarkCollect(b *testing.B) {
	c, err := New(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Open("a-1", "a"); err != nil {
		b.Fatal(err)
	}
	out, _ := c.SpoolPaths("a-1")
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text := bytes.Repeat(slices.Concat(bytes.Repeat([]byte("x"), 99), []byte("\n")), 1000)
	b.SetBytes(100)
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			_, _ = f.Write(text)
		}
		if i%10000 == 9999 {
			c.Tail("a", "", 1)
		}
	}
}
