package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/state"
)

type thing struct{ N int }

func TestMain(m *testing.M) {
	if path := os.Getenv("STATE_TEST_WRITER"); path != "" {
		writeForEver(path)
	}
	os.Exit(m.Run())
}

// writeForEver stores numbers one after the other and prints each once it is durable.
func writeForEver(path string) {
	s, err := state.Open(context.Background(), path)
	if err != nil {
		panic(err)
	}
	for n := 1; ; n++ {
		if err := s.Put(context.Background(), "thing", "last", thing{n}); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func open(t *testing.T, path string) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWritesAreReadBackInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space?&#.db")
	s := open(t, path)
	fail := func(err error) { t.Error(err) }
	for n := range 1000 {
		s.Queue("thing", "a", thing{n}, fail)
	}
	s.Queue("thing", "b", thing{1}, fail)
	s.Queue("thing", "b", nil, fail)
	all, err := state.All[thing](t.Context(), s, "thing")
	if err != nil || len(all) != 1 || all["a"].N != 999 {
		t.Fatalf("%v, %v", all, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	var got thing
	if ok, err := s.Get(t.Context(), "thing", "a", &got); !ok || err != nil || got.N != 999 {
		t.Fatalf("%v %v %v", ok, err, got)
	}
}

func TestConcurrentPuts(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer s.Close()
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			if err := s.Put(t.Context(), "thing", strconv.Itoa(n), thing{n}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := state.All[thing](t.Context(), s, "thing")
	if err != nil || len(all) != 200 {
		t.Fatalf("%d, %v", len(all), err)
	}
}

func TestDamageIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	if err := s.Put(t.Context(), "thing", "a", thing{1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE documents SET value = CAST('{"N":2}' AS BLOB)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s = open(t, path)
	defer s.Close()
	_, err = state.All[thing](t.Context(), s, "thing")
	if fault.CodeOf(err) != fault.Damaged || !strings.Contains(err.Error(), path) {
		t.Fatalf("%v", err)
	}
}

func TestGarbageIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(t.Context(), path); fault.CodeOf(err) != fault.Damaged {
		t.Fatalf("%v", err)
	}
}

// TestKillLosesNothing kills a writer at a random moment: what it was told is
// durable must be there.
func TestKillLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STATE_TEST_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		promised := 0
		for promised < 20*(round+1) {
			if _, err := fmt.Fscan(out, &promised); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for { // what was printed before the kill took effect
			if _, err := fmt.Fscan(out, &promised); err != nil {
				break
			}
		}
		_ = cmd.Wait() // killed
		s := open(t, path)
		var got thing
		if _, err := s.Get(t.Context(), "thing", "last", &got); err != nil || got.N < promised {
			t.Fatalf("promised %d, found %d (%v)", promised, got.N, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
