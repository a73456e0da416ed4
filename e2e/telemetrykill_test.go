package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// pourFile is an app that takes telemetry in from others.
const pourFile = `name: pour
gateway:
	listen: ":${port}"
	routes:
		- {path: /front, to: front}
services:
	front:
		command: ${testapp}
		readiness: {http: /healthz}
telemetry:
	otlp: {http: "127.0.0.1:OTLP"}
`

// pourer sends a span, two log records and a sample each few milliseconds, by requests
// of their own, and remembers which were answered 200, and when.
type pourer struct {
	url, name, trace string
	sent             int
	took             map[string]time.Time // by kind and number
	sample           int                  // the last that was taken
}

// pourEach is the time between two; four pourers make 800 requests a second at most.
const pourEach = 15 * time.Millisecond

func (p *pourer) run(stop <-chan struct{}) {
	tick := time.NewTicker(pourEach)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		p.sent++
		now := time.Now().UnixNano()
		resource := fmt.Sprintf(`"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": %q}}]}`, p.name)
		for path, body := range map[string]string{
			"traces": fmt.Sprintf(`{"resourceSpans": [{%s, "scopeSpans": [{"spans": [{"traceId": %q, "spanId": "%016x", "name": "span %d",
				"kind": 1, "startTimeUnixNano": "%d", "endTimeUnixNano": "%d"}]}]}]}`, resource, p.trace, p.sent, p.sent, now-1e6, now),
			"logs": fmt.Sprintf(`{"resourceLogs": [{%s, "scopeLogs": [{"logRecords": [
				{"timeUnixNano": "%d", "body": {"stringValue": "record %d a"}}, {"timeUnixNano": "%d", "body": {"stringValue": "record %d b"}}]}]}]}`,
				resource, now, p.sent, now, p.sent),
			"metrics": fmt.Sprintf(`{"resourceMetrics": [{%s, "scopeMetrics": [{"metrics": [{"name": "poured", "gauge": {"dataPoints": [
				{"timeUnixNano": "%d", "asInt": "%d"}]}}]}]}]}`, resource, now, p.sent),
		} {
			a, err := send(http.MethodPost, p.url+"/v1/"+path, json.RawMessage(body))
			if err != nil || a.status != http.StatusOK {
				continue // it is sent no more: what is there of it is there once
			}
			p.took[path+" "+strconv.Itoa(p.sent)] = time.Now()
			if path == "metrics" {
				p.sample = p.sent
			}
		}
	}
}

// TestKillDuringIngest: the daemon is killed while others send telemetry. What they were
// answered 200 for is found afterwards, once: samples without exception, spans and log
// records but for those of the last moment, which waited to be written.
func TestKillDuringIngest(t *testing.T) {
	port := freePort(t)
	s := startSeenFile(t, strings.ReplaceAll(pourFile, "OTLP", strconv.Itoa(port)))
	daemon := int(s.settled(30 * time.Second).GetDaemon().GetPid())
	stop := make(chan struct{})
	var pouring sync.WaitGroup
	pourers := make([]*pourer, 4)
	for i := range pourers {
		pourers[i] = &pourer{
			url: "http://127.0.0.1:" + strconv.Itoa(port), name: "pourer-" + strconv.Itoa(i), trace: fmt.Sprintf("%032x", i+1), took: map[string]time.Time{},
		}
		pouring.Go(func() { pourers[i].run(stop) })
	}
	await(t, 20*time.Second, "records that are kept", func() error {
		if lines, err := s.lines("service=pourer-0"); err != nil || len(lines) < 200 {
			return fmt.Errorf("%d: %w", len(lines), err)
		}
		return nil
	})
	killed := kill(t, daemon)
	s.when(20*time.Second, "a new daemon", func(st *banyanv1.Status) error {
		if int(st.GetDaemon().GetPid()) == daemon {
			return errors.New("the old one answers")
		}
		return nil
	})
	await(t, 30*time.Second, "records of after", func() error {
		lines, err := s.lines("service=pourer-0")
		if err != nil || len(lines) < 600 {
			return fmt.Errorf("%d: %w", len(lines), err)
		}
		return nil
	})
	close(stop)
	pouring.Wait()
	for _, p := range pourers {
		await(t, 20*time.Second, p.name, func() error { return s.poured(p, killed) })
	}
}

// waits is how long what was taken in may have waited to be written.
const waits = time.Second

// poured compares what a pourer was told with what is kept.
func (s *seen) poured(p *pourer, killed time.Time) error {
	lines, err := s.lines("service=" + p.name)
	if err != nil {
		return err
	}
	trace, err := s.GetTrace(s.t.Context(), &banyanv1.GetTraceRequest{TraceId: p.trace})
	if err != nil {
		return err
	}
	spans := map[string]int{}
	for _, span := range trace.GetSpans() {
		spans[span.GetName()]++
	}
	for text, n := range lines {
		if n != 1 {
			return fmt.Errorf("%q is there %d times", text, n)
		}
	}
	for name, n := range spans {
		if n != 1 {
			return fmt.Errorf("%q is there %d times", name, n)
		}
	}
	lost := 0
	for what, at := range p.took {
		kind, n, _ := strings.Cut(what, " ")
		there := kind == "metrics" || kind == "traces" && spans["span "+n] == 1 ||
			kind == "logs" && lines["record "+n+" a"] == 1 && lines["record "+n+" b"] == 1
		switch {
		case there:
		case at.Before(killed) && killed.Sub(at) < waits:
			lost++
		default:
			return fmt.Errorf("%s was taken %v before the daemon was killed, and is not there", what, killed.Sub(at))
		}
	}
	v, err := s.query(fmt.Sprintf("last_over_time(poured{service=%q}[5m])", p.name))
	if err != nil || int(v) < p.sample || int(v) > p.sent {
		return fmt.Errorf("the last sample is %v, not %d; %w", v, p.sample, err)
	}
	s.t.Logf("%s: %d rounds, %d answered 200, %d of the last %v before the kill are lost", p.name, p.sent, len(p.took), lost, waits)
	return nil
}
