package e2e

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sinkFile is another Banyan, which takes telemetry in by gRPC.
const sinkFile = `name: sink
services:
	idle: {command: "${testapp}"}
telemetry:
	otlp: {grpc: "127.0.0.1:SINK"}
`

// exportFile is an app that sends telemetry to a collector, to that Banyan, to a server
// that is not there, and to itself.
const exportFile = `name: export
gateway:
	listen: ":${port}"
	routes:
		- {path: /front, to: front}
services:
	front:
		command: ${testapp}
		metrics: {}
		environment: {CHATTER: 500ms}
secrets:
	TOKEN: {environment: EXPORT_TOKEN}
	SELF: {environment: EXPORT_SELF}
telemetry:
	otlp: {http: "127.0.0.1:OWN"}
	export:
		- otlp: {url: "http://127.0.0.1:COLLECTOR/base", headers: {Authorization: "Bearer ${secret.TOKEN}"}}
		- otlp: {url: "http://127.0.0.1:SINK", protocol: grpc, signals: [traces, logs]}
		- otlp: {url: "${secret.SELF}", signals: [traces, logs]}
		- elasticsearch: {url: "http://127.0.0.1:NOBODY", api_key: "${secret.TOKEN}"}
`

// collector takes OTLP in, by OpenTelemetry's own messages.
type collector struct {
	mu      sync.Mutex
	spans   map[string]int // by url.path
	lines   map[string]int // of front, by text
	metrics map[string]string
	points  int
	tokens  map[string]bool
	wrong   error
}

// listen serves until the function is called that it returns.
func (c *collector) listen(t *testing.T, port int) (stop func()) {
	t.Helper()
	var l net.Listener
	await(t, 10*time.Second, "the port of the collector", func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		return err
	})
	s := &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	return func() {
		_ = s.Close()
		serving.Wait()
	}
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	zipped, err := gzip.NewReader(r.Body)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(zipped)
	}
	if err == nil {
		err = c.take(r.URL.Path, body)
	}
	c.tokens[r.Header.Get("Authorization")] = true
	if err != nil {
		c.wrong = errors.Join(c.wrong, fmt.Errorf("%s: %w", r.URL.Path, err))
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collector) take(path string, body []byte) error {
	switch path {
	case "/base/v1/traces":
		q := ptraceotlp.NewExportRequest()
		err := q.UnmarshalProto(body)
		for _, rs := range q.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					v, _ := s.Attributes().Get("url.path")
					c.spans[v.AsString()]++
				}
			}
		}
		return err
	case "/base/v1/logs":
		q := plogotlp.NewExportRequest()
		err := q.UnmarshalProto(body)
		for _, rl := range q.Logs().ResourceLogs().All() {
			if v, _ := rl.Resource().Attributes().Get("service.name"); v.AsString() != "front" {
				continue
			}
			for _, sl := range rl.ScopeLogs().All() {
				for _, l := range sl.LogRecords().All() {
					c.lines[l.Body().AsString()]++
				}
			}
		}
		return err
	case "/base/v1/metrics":
		q := pmetricotlp.NewExportRequest()
		err := q.UnmarshalProto(body)
		c.points += q.Metrics().DataPointCount()
		for _, rm := range q.Metrics().ResourceMetrics().All() {
			of, _ := rm.Resource().Attributes().Get("service.name")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					c.metrics[of.AsString()+" "+m.Name()] = m.Type().String()
				}
			}
		}
		return err
	}
	return errors.New("that is no path of OTLP")
}

// has waits until spans of so many requests below a path are there, each once.
func (c *collector) has(t *testing.T, path string, requests int) {
	t.Helper()
	await(t, time.Minute, "spans of "+path, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range requests {
			if n := c.spans[path+strconv.Itoa(i)]; n != 1 {
				return fmt.Errorf("there are %d spans of request %d", n, i)
			}
		}
		return nil
	})
}

// TestExport: a collector and another Banyan get everything, also what was while the
// collector was away and the daemon was killed; what is not there costs nothing, and
// what an app sends to itself goes round once.
func TestExport(t *testing.T) {
	ports := map[string]string{}
	for _, name := range []string{"SINK", "OWN", "COLLECTOR", "NOBODY"} {
		ports[name] = strconv.Itoa(freePort(t))
	}
	fill := func(file string) string {
		for name, port := range ports {
			file = strings.ReplaceAll(file, ":"+name, ":"+port)
		}
		return file
	}
	c := &collector{spans: map[string]int{}, lines: map[string]int{}, metrics: map[string]string{}, tokens: map[string]bool{}}
	port, err := strconv.Atoi(ports["COLLECTOR"])
	if err != nil {
		t.Fatal(err)
	}
	stop := c.listen(t, port)
	sink := startSeenFile(t, fill(sinkFile))
	a := newApp(t, fill(exportFile))
	a.env = append(a.env, "EXPORT_TOKEN=hunter2-hunter2", "EXPORT_SELF=http://127.0.0.1:"+ports["OWN"])
	a.up()
	s := see(a)
	request := func(path string, n int) {
		for i := range n {
			get(t, a.url(path+strconv.Itoa(i)))
		}
	}
	request("/front/a", 20)
	c.has(t, "/front/a", 20)
	await(t, 10*time.Second, "the spans at the other Banyan", func() error {
		found, err := sink.traces("service=front url.path=/front/a* banyan.exported_by=export-*")
		if err == nil && len(found) != 20 {
			err = fmt.Errorf("%d traces", len(found))
		}
		return err
	})
	stop()
	request("/front/b", 30)
	a.kill9()
	request("/front/c", 10)
	stop = c.listen(t, port)
	defer stop()
	c.has(t, "/front/b", 30)
	c.has(t, "/front/c", 10)
	s.wentRound(t)
	c.hasMetrics(t)
	await(t, time.Minute, "metrics of exports", func() error {
		_, err := s.query(`banyan_export_target_available{target="elasticsearch-4"} == 0 and ignoring(target, signal) banyan_export_sent_total{target="elasticsearch-4"} == 0`)
		return err
	})
	if files := a.filesWith("hunter2-hunter2"); len(files) > 0 {
		t.Errorf("the token is in %v", files)
	}
}

// wentRound: what came back was kept, and not sent again. It came once more if the
// daemon was killed before it had noted that it was sent.
func (s *seen) wentRound(t *testing.T) {
	t.Helper()
	await(t, 30*time.Second, "what came back", func() error {
		_, err := s.query(`sum(banyan_export_dropped_total{reason="it came from here",target="otlp-3",signal="traces"}) > 0`)
		return err
	})
	found, err := s.traces("service=front url.path=/front/a*")
	if err != nil || len(found) != 20 {
		t.Fatalf("%d traces, %v", len(found), err)
	}
	for _, one := range found {
		if one.GetSpans() > 3 {
			t.Errorf("a trace of one hop has %d spans", one.GetSpans())
		}
	}
}

// hasMetrics: metrics of services and of Banyan are there, of all kinds, and lines.
func (c *collector) hasMetrics(t *testing.T) {
	t.Helper()
	await(t, time.Minute, "metrics", func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for name, kind := range map[string]string{
			"banyan banyan_requests_total": "Sum", "banyan banyan_request_duration_seconds": "ExponentialHistogram",
			"front banyan_up": "Gauge", "front testapp_seen": "Sum",
		} {
			if got := c.metrics[name]; got != kind {
				return fmt.Errorf("%s is %q of %d", name, got, len(c.metrics))
			}
		}
		if len(c.lines) < 10 {
			return fmt.Errorf("%d lines", len(c.lines))
		}
		return c.wrong
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.tokens["Bearer hunter2-hunter2"] || len(c.tokens) != 1 {
		t.Errorf("it came with %v", c.tokens)
	}
}
