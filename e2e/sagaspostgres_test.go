package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The server that keeps sagas crashes while they run, while the next daemon takes
// them over, and once more: a start that was acknowledged is brought to its end, and each
// step was asked for with one key.
func TestSagasWhenPostgresCrashes(t *testing.T) {
	long(t)
	p := newPostgresApp(t, postgresServer)
	server, err := os.ReadFile(filepath.Join(p.dir, "banyan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := strings.Replace(sagasFile, "name: sagas\n", "name: crashes\n", 1) // each has databases of its own on the server
	a := upSagas(t, p.app, file+string(server)+"saga_store: postgres\n")
	crash := func(away time.Duration) {
		if err := p.server.Crash(); err != nil {
			t.Fatal(err)
		}
		pause(t, away)
		if err := p.server.Start(); err != nil {
			t.Fatal(err)
		}
	}

	const sagas = 60
	ids := make([]string, sagas)
	var starters sync.WaitGroup
	started := make(chan struct{}, sagas)
	for n := range ids {
		starters.Go(func() {
			defer func() { started <- struct{}{} }() // also when it fails
			ids[n] = a.startWhatever(t, "crash-"+strconv.Itoa(n), time.Duration(n)*100*time.Millisecond)
		})
	}
	for range sagas / 6 {
		<-started
	}
	crash(500 * time.Millisecond)
	for range sagas / 6 {
		<-started
	}
	daemon := a.pid("daemon")
	kill(t, daemon)
	dead(t, daemon)
	crash(300 * time.Millisecond) // the next one has begun, or is about to
	for range sagas / 6 {
		<-started
	}
	crash(0)
	starters.Wait()
	for _, id := range ids {
		a.becomes(t, id, "succeeded")
		for service, want := range map[string]string{"stock": "reserve/do", "bank": "charge/do"} {
			if got := slices.Compact(keys(a.steps(service, id))); !slices.Equal(got, []string{want}) {
				t.Errorf("%s got %q for %s", service, got, id)
			}
		}
	}
}

// startWhatever starts a checkout after a while, again and again until it is acknowledged.
func (a sagasApp) startWhatever(t *testing.T, order string, after time.Duration) string {
	t.Helper()
	pause(t, after)
	var started struct{ ID string }
	await(t, 90*time.Second, "the saga to be started", func() error {
		res, err := send(http.MethodPost, a.url+"/checkout", sagaInput{Order: order}, "Idempotency-Key", order)
		if err != nil {
			return err
		}
		if res.status != http.StatusCreated && res.status != http.StatusOK {
			return fmt.Errorf("%s", res)
		}
		res.decode(t, &started)
		return nil
	})
	return started.ID
}
