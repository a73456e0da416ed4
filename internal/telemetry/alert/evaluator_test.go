package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// hook is a receiver that hands on what it is posted.
type hook struct {
	*httptest.Server

	got    chan webhookBody
	status chan int // of the next answers; none: 200
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{got: make(chan webhookBody, 10), status: make(chan int, 10)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b webhookBody
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			t.Error(err)
		}
		select {
		case status := <-h.status:
			w.WriteHeader(status)
		default:
		}
		h.got <- b
	}))
	t.Cleanup(h.Close)
	return h
}

// rig is an evaluator over a real store.
type rig struct {
	*Evaluator

	t     *testing.T
	clock *clock
	store *metrics.Store
	sent  sentLog
}

func newRig(t *testing.T, store *metrics.Store, c *clock, file string) *rig {
	t.Helper()
	sent := make(sentLog, 100)
	e := New(Options{Store: store, App: "shop", File: file, Now: c.now, Log: slog.New(sent), Dashboard: func() string { return "http://banyan.localhost/" }})
	return &rig{e, t, c, store, sent}
}

// sentLog hands on what the log says of receivers.
type sentLog chan string

func (sentLog) Enabled(context.Context, slog.Level) bool { return true }
func (l sentLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l sentLog) WithGroup(string) slog.Handler          { return l }
func (l sentLog) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "a receiver") {
		l <- r.Message
	}
	return nil
}

// telling runs the part that tells receivers until the test calls stop.
func (r *rig) telling() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.tell(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// at sets the time and evaluates, with a value of up for cart.
func (r *rig) at(seconds int, up float64) {
	r.t.Helper()
	now := after(seconds)
	r.clock.set(now)
	if err := r.store.Append(r.t.Context(), []metrics.Sample{{Labels: metrics.Named("up", "service", "cart"), Time: now.UnixMilli(), Value: up}}); err != nil {
		r.t.Fatal(err)
	}
	r.evaluate(r.t.Context())
}

func openStore(t *testing.T) *metrics.Store {
	t.Helper()
	s, err := metrics.Open(metrics.Options{Dir: t.TempDir(), Now: func() time.Time { return after(24 * 3600) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func down() []Rule {
	return []Rule{
		{Name: "Down", Expr: "up == 0", For: 30 * time.Second, Labels: severity(Critical), Summary: "{{ $labels.service }} is down"},
		{Name: "up:sum", Recording: true, Expr: "sum(up)", Labels: map[string]string{"team": "shop"}},
		{Name: "Broken", Expr: `label_replace(up, "a", "b", "c", "(")`},
	}
}

func query(t *testing.T, s *metrics.Store, expr string, seconds int) string {
	t.Helper()
	r, err := s.Query(t.Context(), expr, after(seconds))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range r.Series {
		out = append(out, fmt.Sprintf("%s %v", x.Labels, x.Points[0].Value))
	}
	return strings.Join(out, ", ")
}

func TestEvaluator(t *testing.T) {
	h := newHook(t)
	store, c, file := openStore(t), &clock{t: start}, filepath.Join(t.TempDir(), "alerts.json")
	receivers := []Receiver{{Name: "webhook-1", Webhook: h.URL}}
	r := newRig(t, store, c, file)
	r.Apply(down(), receivers)
	stop := r.telling()
	r.at(0, 1)
	r.at(15, 0)
	r.at(30, 0)
	if got := query(t, store, `ALERTS`, 30); got != `ALERTS{alertname="Down", alertstate="pending", service="cart", severity="critical"} 1` {
		t.Error(got)
	}
	if got := query(t, store, "up:sum", 30); got != `up:sum{team="shop"} 0` {
		t.Error(got)
	}
	r.at(45, 0)
	if got := query(t, store, `ALERTS`, 46); got != `ALERTS{alertname="Down", alertstate="firing", service="cart", severity="critical"} 1` {
		t.Error(got)
	}
	h.status <- http.StatusInternalServerError
	r.at(60, 0)
	<-h.got // it was not taken
	<-r.sent
	r.at(75, 0)
	b := <-h.got
	if said := <-r.sent; said != "a receiver was told of alerts" {
		t.Error(said)
	}
	if b.Status != Firing || b.Version != "4" || b.Receiver != "webhook-1" || b.GroupLabels["alertname"] != "Down" || len(b.Alerts) != 1 || b.ExternalURL != "http://banyan.localhost/" {
		t.Errorf("%+v", b)
	}
	if a := b.Alerts[0]; a.Labels["service"] != "cart" || a.Labels["app"] != "shop" || a.Annotations["summary"] != "cart is down" || !a.StartsAt.Equal(after(45)) || !a.EndsAt.IsZero() || a.Fingerprint == "" {
		t.Errorf("%+v", a)
	}
	for _, s := range r.Rules() {
		if (s.Error != "") != (s.Name == "Broken") {
			t.Errorf("%s: %q", s.Name, s.Error)
		}
	}
	stop()

	// The next daemon knows what was told.
	r = newRig(t, store, c, file)
	r.Apply(down(), receivers)
	stop = r.telling()
	defer stop()
	r.at(120, 0)
	if s := r.Rules()[1]; s.State != Firing || !s.Active[0].Fired.Equal(after(45)) {
		t.Errorf("%+v", s)
	}
	r.at(180, 1)
	b = <-h.got
	if b.Status != Resolved || !b.Alerts[0].EndsAt.Equal(after(180)) {
		t.Errorf("%+v", b)
	}
	if got := query(t, store, `ALERTS`, 181); got != "" && !strings.Contains(got, "firing") {
		t.Error(got)
	}
	if s := r.Rules()[1]; s.State != Inactive || len(s.Past) != 1 || s.Past[0].State != Resolved {
		t.Errorf("%+v", s)
	}
}

func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alerts.json")
	for _, text := range []string{"", "{", `{"version":2}`, `[]`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := New(Options{Store: openStore(t), File: file})
		e.Apply(Shipped(), nil)
		e.evaluate(t.Context())
		for _, s := range e.Rules() {
			if s.Error != "" {
				t.Errorf("%s: %s", s.Name, s.Error)
			}
		}
	}
}

// A URL is a secret: it is in no log.
func TestSecretsAreNotLogged(t *testing.T) {
	var log strings.Builder
	e := New(Options{Store: openStore(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	for _, r := range []Receiver{
		{Name: "a", Slack: srv.URL + "/hunter2"},
		{Name: "b", Webhook: "http://ops:hunter2@127.0.0.1:1/"},
		{Name: "c", Webhook: "http://hunter2 /"},
		{Name: "d", Webhook: "http://hunter2.invalid/"},
	} {
		e.Apply(nil, []Receiver{r})
		e.told.update(start, map[string][]Active{"Down": firing(0, "cart")})
		notices, _ := e.told.take(after(60))
		e.send(t.Context(), notices[0])
	}
	if n := strings.Count(log.String(), "cannot be told"); n != 4 || strings.Contains(strings.ReplaceAll(log.String(), "lookup hunter2.invalid", ""), "hunter2") {
		t.Errorf("%d in\n%s", n, log.String())
	}
}

func TestRunEnds(t *testing.T) {
	e := New(Options{Store: openStore(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSlack(t *testing.T) {
	n := notice{receiver: Receiver{Name: "slack-1"}, rule: "Down", firing: firing(0, "cart"), resolved: firing(0, "order"), at: start}
	n.firing[0].Annotations = map[string]string{"summary": "a < b & c", "description": "more"}
	n.firing[0].Labels = append(n.firing[0].Labels, metrics.Label{Name: "severity", Value: Critical})
	n.resolved[0].State = Resolved
	text, err := json.Marshal(slackOf(message{notice: n, app: "shop", dashboard: "http://banyan.localhost/"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"text":"[FIRING:1] Down (shop)","attachments":[` +
		`{"color":"danger","title":"a \u0026lt; b \u0026amp; c","title_link":"http://banyan.localhost/","text":"more","fallback":"a \u0026lt; b \u0026amp; c","mrkdwn_in":["text"]},` +
		`{"color":"good","title":"Over: {alertname=\"Down\", service=\"order\"}","title_link":"http://banyan.localhost/","text":"","fallback":"Over: {alertname=\"Down\", service=\"order\"}","mrkdwn_in":["text"]}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
