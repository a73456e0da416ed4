package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// What a child is told by its environment.
const (
	childURL    = "BANYAN_OUTBOX_URL"
	childLedger = "BANYAN_OUTBOX_LEDGER"
	childCrash  = "BANYAN_OUTBOX_CRASH" // half:PASS (of a publish) or after:MICROSECONDS; empty: never
)

// child relays until it kills itself, or is killed.
func child() int {
	file, err := os.OpenFile(os.Getenv(childLedger), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fail(err)
	}
	point, number, _ := strings.Cut(os.Getenv(childCrash), ":")
	passes, _ := strconv.Atoi(number)
	reached := func(at string) {
		if at == point {
			if passes--; passes == 0 {
				die()
			}
		}
	}
	if err := crashpoint.Arm(); err != nil {
		return fail(err)
	}
	if point == "after" {
		time.AfterFunc(time.Duration(passes)*time.Microsecond, die)
	}
	r, err := New(Options{Service: "order", URL: os.Getenv(childURL), Bus: &ledger{file, reached}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return fail(err)
	}
	if err := r.Run(context.Background()); err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may take a moment
}

// ledger is a bus that is a file, which outlives the relay.
type ledger struct {
	file    *os.File
	reached func(string)
}

type entry struct{ Key, ID, Data string }

func (l *ledger) Publish(_ context.Context, _, _ string, events []cloudevent.Event) ([]error, error) {
	for i, event := range events {
		if i == len(events)/2 {
			l.reached("half")
		}
		key, _ := event.Get(cloudevent.Subject)
		id, _ := event.Get(cloudevent.ID)
		line, err := json.Marshal(entry{key, id, string(event.Data)})
		if err != nil {
			return nil, err
		}
		if _, err := l.file.Write(append(line, '\n')); err != nil {
			return nil, err
		}
	}
	return nil, l.file.Sync()
}

// A relay that is killed at any point publishes every row at least once, with one
// id, and each key's rows in order.
func TestKilled(t *testing.T) {
	for name, open := range dialects {
		t.Run(name, func(t *testing.T) {
			db, address := open(t)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			path := filepath.Join(t.TempDir(), "ledger")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			var crashes []string
			passes := 3
			if testing.Short() {
				passes = 1
			}
			for pass := 1; pass <= passes; pass++ {
				for _, point := range []string{"outbox.read", "half", "outbox.published", "outbox.deleted"} {
					crashes = append(crashes, fmt.Sprintf("%s:%d", point, pass))
				}
				crashes = append(crashes, fmt.Sprintf("after:%d", 1000*(5+random.IntN(100))))
			}
			run(t, db, `CREATE TABLE orders (key INTEGER, i INTEGER)`)
			// The writers go on for as long as relays die.
			const keys = 3
			var written [keys]int
			stop := make(chan struct{})
			var writers sync.WaitGroup
			for key := range keys {
				writers.Go(func() {
					for {
						if err := write(db, key, written[key]); err != nil {
							t.Errorf("writer: %v", err)
							return
						}
						written[key]++
						select {
						case <-stop:
							return
						default:
						}
					}
				})
			}
			for _, crash := range crashes {
				if err := relayChild(t, address, path, crash).Wait(); !killed(err) {
					t.Errorf("%s: the child ended with %v", crash, err)
				}
			}
			close(stop)
			writers.Wait()
			last := relayChild(t, address, path, "")
			drained(t, db)
			if err := last.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := last.Wait(); !killed(err) {
				t.Errorf("the last child ended with %v", err)
			}

			published := 0
			byKey := map[int][]cloudevent.Event{}
			for _, e := range entries(t, path) {
				key, err := strconv.Atoi(e.Key)
				if err != nil {
					t.Fatal(err)
				}
				byKey[key] = append(byKey[key], cloudevent.Event{
					Attrs: []cloudevent.Attr{{Name: cloudevent.ID, Value: e.ID}, {Name: cloudevent.Subject, Value: e.Key}}, Data: []byte(e.Data),
				})
				published++
			}
			rows := 0
			for key := range keys {
				checkKeys(t, byKey[key], 1, written[key])
				rows += written[key]
			}
			t.Logf("%d rows, published %d times in all", rows, published)
		})
	}
}

// relayChild starts a relay that is a process.
func relayChild(t *testing.T, address, ledger, crash string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+address, childLedger+"="+ledger)
	if strings.HasPrefix(crash, "outbox.") {
		cmd.Env = append(cmd.Env, crashpoint.Variable+"="+crash)
	} else {
		cmd.Env = append(cmd.Env, childCrash+"="+crash)
	}
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	t.Cleanup(func() {
		watchdog.Stop()
		_ = cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%s: %s", crash, out.String())
		}
	})
	return cmd
}

func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func entries(t *testing.T, path string) []entry {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []entry
	for line := range strings.Lines(string(text)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}
