package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// handler answers requests. Paths may have a prefix, by which a gateway's
// routes tell services apart: only the last segment counts.
func handler() http.Handler {
	healthz.Store(http.StatusOK)
	alive.Store(http.StatusOK)
	deeds := map[string]http.HandlerFunc{
		"healthz": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(healthz.Load())) },
		"alive":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(alive.Load())) },
		"set":     set,
		"call":    call,
		"env":     env,
		"sleep":   sleep,
		"exit":    exit,
		"spawn":   spawn,
		"eat":     eat,
		"burn":    burn,
		"say":     say,
		"note":    note,
		"events":  events,
		"socket":  socket,
		"grpc":    callGRPC,
		"take":    take,
		"move":    move,
		"moved":   moved,
		"step":    step,
		"sql":     querySQL,
		"metrics": metrics,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if deed := deeds[last]; deed != nil {
			deed(w, r)
			return
		}
		who(w, r)
	})
}

// metrics are one, in the text format of Prometheus.
func metrics(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "# TYPE testapp_seen counter\ntestapp_seen{where=\"here\"} 17\n")
}

// healthz and alive are the statuses of two probes.
var healthz, alive atomic.Int64

// set changes how the probes are answered.
func set(w http.ResponseWriter, r *http.Request) {
	for name, probe := range map[string]*atomic.Int64{"healthz": &healthz, "alive": &alive} {
		if code, err := strconv.Atoi(r.FormValue(name)); err == nil {
			probe.Store(int64(code))
		}
	}
	who(w, r)
}

// who says who answers.
func who(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client is gone, or it gets it
		"service": os.Getenv("BANYAN_SERVICE"), "instance": os.Getenv("BANYAN_INSTANCE"),
		"revision": os.Getenv("BANYAN_REVISION"), "version": os.Getenv("VERSION"), "pid": os.Getpid(),
	})
}

// call relays a GET to the URL in the variable `url`, or to the address in
// `addr`, with `path` added. With `forward` it is of the same trace.
func call(w http.ResponseWriter, r *http.Request) {
	base := os.Getenv(r.FormValue("url"))
	if addr := os.Getenv(r.FormValue("addr")); addr != "" {
		base = "http://" + addr
	}
	if base == "" {
		http.Error(w, r.FormValue("url")+" is not set", http.StatusTeapot)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, base+r.FormValue("path"), nil) //nolint:gosec // whom to call is for the test to say
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	if r.FormValue("forward") != "" {
		req.Header.Set("Traceparent", r.Header.Get("Traceparent"))
	}
	res, err := http.DefaultClient.Do(req) //nolint:gosec // as above
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	defer res.Body.Close()
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // the client is gone, or it gets it
}

func env(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.FormValue("name"))) }

func sleep(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("d"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	<-time.After(d)
	who(w, r)
}

func exit(http.ResponseWriter, *http.Request) { os.Exit(3) }

// spawn starts a process that leaves the process group and ignores signals.
func spawn(w http.ResponseWriter, _ *http.Request) {
	cmd := exec.Command(os.Args[0], "linger") //nolint:gosec,noctx // itself; it is to outlive us
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, cmd.Process.Pid) //nolint:gosec // a number
}

var eaten [][]byte

// eat takes memory for good.
func eat(w http.ResponseWriter, r *http.Request) {
	mib, err := strconv.Atoi(r.FormValue("mib"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for range mib {
		b := make([]byte, 1<<20)
		for n := 0; n < len(b); n += 4096 {
			b[n] = 1
		}
		eaten = append(eaten, b)
	}
	who(w, r)
}

// burn uses one core for a time.
func burn(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("d"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n := 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		n++
	}
	fmt.Fprint(w, n)
}

// say writes a line to standard output.
func say(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(os.Stdout, r.FormValue("line"))
	who(w, r)
}

// note writes the body of a request to standard output.
func note(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(os.Stdout, "noted %s\n", body)
	w.WriteHeader(http.StatusNoContent)
}

// events sends a server-sent event every 50 ms.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for n := 0; ; n++ {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", n); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

// socket echoes WebSocket messages.
func socket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}
