package bus

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

// The variables by which TestKill makes its own binary a bus.
const (
	childDir     = "BUS_TEST_DIR"
	childAddress = "BUS_TEST_ADDRESS"
	childNext    = "BUS_TEST_NEXT" // of each key, the number of the next event; empty: publish nothing
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func crashSpec() Spec {
	return simple(func(_ *Topic, s *Subscription) { s.MaxAttempts = 0 })
}

// runChild is a bus on the disk. It publishes to all keys at once and prints
// "key number" for each event that is acknowledged, until it is killed.
func runChild(dir string) error {
	ctx := context.Background()
	store, err := progress.Open(ctx, filepath.Join(dir, "bus.db"))
	if err != nil {
		return err
	}
	b := New(Options{
		Engine: journal.New(journal.Config{Dir: filepath.Join(dir, "bus")}), Progress: store, Sole: true,
		Address: func(string) (string, bool) { return os.Getenv(childAddress), true },
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err := b.Configure(ctx, crashSpec()); err != nil {
		return err
	}
	var mu sync.Mutex
	for i, text := range strings.Fields(os.Getenv(childNext)) {
		next, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		go func() {
			for n := next; ; n++ {
				key := "k" + strconv.Itoa(i)
				if _, err := b.Publish(ctx, "shop", "t", makeEvents(fmt.Sprintf("%s:%s-%d", key, key, n))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				mu.Lock()
				fmt.Printf("%d %d\n", i, n)
				mu.Unlock()
			}
		}()
	}
	return b.Run(ctx)
}

// ledger is what the world outside knows.
type ledger struct {
	t      *testing.T
	mu     sync.Mutex
	acked  []int             // of each key, how many
	taken  []int             // the same
	places map[string]string // of each event, its sequence
	random *rand.Rand
	change chan struct{}
}

// ServeHTTP takes deliveries, fails some, and knows the order in which they must come.
func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, place := r.Header.Get("Ce-Id"), r.Header.Get("Banyan-Sequence")
	var key, n int
	if _, err := fmt.Sscanf(id, "k%d-%d", &key, &n); err != nil {
		l.t.Errorf("%q: %v", id, err)
		return
	}
	if was, ok := l.places[id]; ok && was != place {
		l.t.Errorf("event %s is stored twice, at %s and %s", id, was, place)
	}
	l.places[id] = place
	if n > l.taken[key] {
		l.t.Errorf("key %d: %d came before %d was taken", key, n, l.taken[key])
	}
	if l.random.IntN(10) == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	l.taken[key] = max(l.taken[key], n+1)
	close(l.change)
	l.change = make(chan struct{})
}

// child runs a bus until it has acknowledged so many events, and kills it.
func (l *ledger) child(dir, address string, acks int) {
	l.t.Helper()
	var next []string
	for _, n := range l.acked {
		next = append(next, strconv.Itoa(n)) // that one may be stored, and nobody was told
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childAddress+"="+address, childNext+"="+strings.Join(next, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		var key, n int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &key, &n); err != nil {
			break // cut short
		}
		if n != l.acked[key] {
			l.t.Errorf("key %d: %d acknowledged after %d", key, n, l.acked[key])
		}
		l.acked[key] = n + 1
		if seen == acks {
			_ = cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil {
		l.t.Error("the bus ended by itself")
	}
}

// TestKill: whenever the bus is killed, all that was acknowledged is delivered,
// each key in order, and nothing is stored twice although it is published again.
func TestKill(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	const keys = 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := &ledger{
		t: t, acked: make([]int, keys), taken: make([]int, keys), places: map[string]string{},
		random: rand.New(rand.NewPCG(seed, 0)), change: make(chan struct{}),
	}
	server := httptest.NewServer(l)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	for range rounds {
		l.child(dir, address, 50+rand.IntN(300))
	}
	cmd := exec.Command(os.Args[0]) // one that only delivers
	cmd.Env = append(os.Environ(), childDir+"="+dir, childAddress+"="+address)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	l.all(t)
}

// all waits until everything that was acknowledged is taken.
func (l *ledger) all(t *testing.T) {
	t.Helper()
	timeout := time.After(patience)
	for {
		l.mu.Lock()
		missing, change := 0, l.change
		for key, n := range l.acked {
			missing += max(0, n-l.taken[key])
		}
		l.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-change:
		case <-timeout:
			t.Fatalf("%d acknowledged events were not delivered", missing)
		}
	}
}
