package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

func TestEdgeRefusalAndGateway(t *testing.T) {
	r := newRig(t)
	echo := backend(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("X-Caller", q.Header.Get("Banyan-Caller"))
		w.Header().Set("X-Traceparent", q.Header.Get("Traceparent"))
		w.Header().Set("X-For", q.Header.Get("X-Forwarded-For"))
		_, _ = io.WriteString(w, q.Method+" "+q.RequestURI)
	})
	r.service("inventory", route.HTTP1, "inventory-1", echo)
	edge := r.edge("order", "inventory", route.Policy{Timeout: time.Second, Retries: 1})
	refuse := "http://" + r.listen("refuse/order", route.RoleRefuse, "order", "")
	gw := r.gateway(route.Route{Path: "/api/stock", To: "inventory", Rewrite: "/v1"})
	r.apply()
	c := client(t)

	resp, body := get(t, c, edge+"/items/a%2Fb?x=1;2")
	if body != "GET /items/a%2Fb?x=1;2" || resp.Header.Get("X-Caller") != "order" {
		t.Errorf("edge: %q, caller %q", body, resp.Header.Get("X-Caller"))
	}
	if _, ok := parseTraceparent([]byte(resp.Header.Get("X-Traceparent"))); !ok {
		t.Errorf("traceparent %q", resp.Header.Get("X-Traceparent"))
	}
	resp, body = get(t, c, gw+"/api/stock/7?q=2")
	if body != "GET /v1/7?q=2" || resp.Header.Get("X-Caller") != "gateway" || resp.Header.Get("X-For") != "127.0.0.1" {
		t.Errorf("gateway: %q, %v", body, resp.Header)
	}
	if resp, _ = get(t, c, gw+"/other"); resp.StatusCode != 404 || resp.Header.Get("Banyan-Error") != "no-route" {
		t.Errorf("no route: %v %v", resp.Status, resp.Header)
	}

	resp, body = get(t, c, refuse+"/~refused/payment/charge")
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 403 || p.Code != CallRefused || p.Caller != "order" || p.Service != "payment" {
		t.Errorf("refusal: %d %+v", resp.StatusCode, p)
	}
	if ev := r.told("refused"); ev.Caller != "order" || ev.Service != "payment" {
		t.Errorf("event: %+v", ev)
	}
	eventually(t, "the access log", func() bool { return strings.Count(r.log.String(), "\n") == 2 })
}

func TestNoReadyInstance(t *testing.T) {
	r := newRig(t)
	r.service("a", route.HTTP1)
	edge := r.edge("x", "a", route.Policy{})
	r.apply()
	resp, body := get(t, client(t), edge)
	if resp.StatusCode != 503 || resp.Header.Get("Banyan-Error") != "no-ready-instance" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v %s", resp.Status, resp.Header, body)
	}
}

func TestApplyRefuses(t *testing.T) {
	r := newRig(t)
	r.apply()
	if err := r.e.Apply(&route.Snapshot{Version: route.Version{Epoch: 0, N: 9}}, nil); !errors.Is(err, ErrOlder) {
		t.Errorf("older: %v", err)
	}
	s := &route.Snapshot{Version: route.Version{Epoch: 2}, Listeners: []route.Listener{{ID: "x", Role: route.RoleEdge}}}
	if err := r.e.Apply(s, nil); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("without a socket: %v", err)
	}
	if v := r.e.Version(); v.Epoch != 1 {
		t.Errorf("in force: %v", v)
	}
}

// TestDrain changes instances under load: nothing fails, and an instance is
// stopped as soon as it is reported drained.
func TestDrain(t *testing.T) {
	r := newRig(t)
	edge := r.edge("x", "a", route.Policy{Timeout: 10 * time.Second})
	type inst struct {
		id   string
		stop func()
	}
	start := func(id string) inst {
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.Copy(io.Discard, q.Body)
			time.Sleep(time.Millisecond) //nolint:forbidigo // what it does takes time
			_, _ = io.WriteString(w, id)
		})}
		l := mustListen(t)
		go func() { _ = srv.Serve(l) }()
		r.service("a", route.HTTP1, append(pairs(r.snap.Services["a"]), id, l.Addr().String())...)
		return inst{id, func() { _ = srv.Close() }}
	}
	live := []inst{start("a-0"), start("a-1")}
	r.apply()

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := client(t)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				method, body := http.MethodGet, io.Reader(nil)
				if n%2 == 0 {
					method, body = http.MethodPost, strings.NewReader("hello")
				}
				req, _ := http.NewRequestWithContext(t.Context(), method, edge, body)
				resp, err := c.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%d %s %v", resp.StatusCode, b, err)
					return
				}
			}
		})
	}
	for n := range 40 {
		live = append(live, start("b-"+string(rune('A'+n))))
		r.apply()
		old := live[0]
		live = live[1:]
		r.service("a", route.HTTP1, without(pairs(r.snap.Services["a"]), old.id)...)
		r.apply()
		eventually(t, old.id+" drained", func() bool {
			return r.hasDrained(old.id) || !contains(r.e.Draining(), old.id)
		})
		old.stop()
	}
	close(stop)
	wg.Wait()
	for _, i := range live {
		i.stop()
	}
}
