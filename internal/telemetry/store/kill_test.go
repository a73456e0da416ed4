package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// child, if set, is the directory in which this program stores until it is killed.
const child = "BANYAN_TELEMETRY_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		storeForever(dir)
	}
	os.Exit(m.Run())
}

func openDir(dir string) (*Store, error) {
	return Open(Options{Dir: dir, HeadRecords: 500, Limit: 1 << 30})
}

// storeForever tells each number once the record that has it is stored.
func storeForever(dir string) {
	s, err := openDir(dir)
	if err != nil {
		panic(err)
	}
	source := blocktest.New(1, began.UnixNano())
	for n := int(s.Status()[1].Records); ; n++ {
		logs := source.Logs(1)
		logs[0].Text = strconv.Itoa(n)
		if err := s.AppendLogs(logs); err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stdout, n)
	}
}

// A program that is killed while it stores, again and again, loses nothing that it
// told, and has nothing twice.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	told := -1
	for round := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 300 + 411*round {
			if !lines.Scan() {
				t.Fatal("it ended by itself")
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := lines.Text()
		for lines.Scan() {
			last = lines.Text()
		}
		_ = cmd.Wait() // it was killed
		if n, err := strconv.Atoi(strings.TrimSpace(last)); err == nil {
			told = n
		}
		checkKilled(t, dir, told)
	}
}

// checkKilled looks for each number up to the last that was told, once.
func checkKilled(t *testing.T, dir string, told int) {
	t.Helper()
	s, err := openDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seen := map[int]bool{}
	for q := (LogQuery{Limit: 5000}); ; {
		r, err := s.SearchLogs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Logs {
			note(t, seen, l)
		}
		if q.Cursor = r.Next; r.Next == "" {
			break
		}
	}
	for n := range told + 1 {
		if !seen[n] {
			t.Fatalf("record %d is lost, of %d", n, told)
		}
	}
	if st := s.Status()[1]; len(st.Damage) > 0 || st.Err != nil {
		t.Errorf("%+v", st)
	}
}

func note(t *testing.T, seen map[int]bool, l signal.Log) {
	t.Helper()
	n, err := strconv.Atoi(l.Text)
	if err != nil || seen[n] {
		t.Fatalf("record %q is there twice, or was never stored", l.Text)
	}
	seen[n] = true
}
