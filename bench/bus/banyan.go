//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// banyan is an app that runs: one service, this binary, that may publish to topic
// load, which nobody takes, and to topic push, which it takes itself.
type banyan struct {
	binary, dir string
	service     string // base URL of the service at the gateway
	host        string // where its $BANYAN_URL leads
}

const banyanFile = `
name: bench
gateway: {listen: "127.0.0.1:%d", routes: [{path: /, to: service}]}
services:
  service:
    command: %s service
    readiness: {http: /}
    publishes: [load, push]
    subscribes: {push: {path: /push, concurrency: 256}}
topics:
  load: {retention: {full: drop_oldest}}
`

func startBanyan(ctx context.Context, dir string) (*banyan, error) {
	binary, err := goBuild(ctx, dir, "banyan", "./cmd/banyan")
	if err != nil {
		return nil, err
	}
	self, err := goBuild(ctx, dir, "bench", "./bench/bus")
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	b := &banyan{binary: binary, dir: filepath.Join(dir, "app"), service: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "banyan.yaml"), fmt.Appendf(nil, banyanFile, port, self), 0o600); err != nil {
		return nil, err
	}
	if err := b.command(ctx, "up", "-d"); err != nil {
		return b, err
	}
	var text string
	if err := b.ask(ctx, "/url", &text); err != nil {
		return b, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return b, err
	}
	b.host = u.Host
	return b, nil
}

func (b *banyan) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("banyan %v: %w\n%s", args, err, out)
	}
	return nil
}

// down ends the app, also when the run was interrupted.
func (b *banyan) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.command(ctx, "down", "--force")
}

// ask asks the service.
func (b *banyan) ask(ctx context.Context, path string, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.service+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(to)
}

func (b *banyan) publisher(ctx context.Context, bytes int) (publisher, error) {
	return newHTTPPublisher(ctx, b.host, bytes)
}

// serviceArg makes this binary the app's service.
const serviceArg = "service"

// serve takes events, whose data is the time at which they were due to be published
// (nanoseconds since 1970), and tells how much later they came.
func serve(ctx context.Context) error {
	var mu sync.Mutex
	came := []time.Duration{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /url", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(os.Getenv("BANYAN_URL")) // the asker sees that it lacks
	})
	mux.HandleFunc("GET /came", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(came) // as above
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(len(came)) // as above
	})
	mux.HandleFunc("GET /forget", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		came = []time.Duration{}
		_ = json.NewEncoder(w).Encode("done") // as above
	})
	mux.HandleFunc("POST /push", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return // it comes again
		}
		due, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		came = append(came, now.Sub(time.Unix(0, due)))
		w.WriteHeader(http.StatusNoContent)
	})
	server := &http.Server{Addr: os.Getenv("HOST") + ":" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // it only ends
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
