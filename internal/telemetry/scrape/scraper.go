package scrape

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// Interval is the time between two scrapes.
const Interval = 15 * time.Second

// atOnce is how many instances are scraped at the same time.
const atOnce = 4

// Config is what a Scraper needs.
type Config struct {
	// Targets returns the instances that offer metrics at the moment.
	Targets func() []Target
	// Take takes the samples of one instance. What it refuses is lost: it counts that itself.
	Take func(ctx context.Context, samples []otlp.Sample) error
	Log  *slog.Logger
}

// Scraper scrapes instances.
type Scraper struct {
	Config

	client, h2c *http.Client
	known       map[Target]*history
}

// history is what a target had.
type history struct {
	series map[string]otlp.Sample // by name and labels, as they are when they end
	failed bool
}

// New makes a Scraper.
func New(c Config) *Scraper {
	return &Scraper{Config: c, client: newClient(false), h2c: newClient(true), known: map[Target]*history{}}
}

// Run scrapes until ctx ends.
func (s *Scraper) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	defer s.h2c.CloseIdleConnections()
	tick := time.NewTicker(Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.round(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// round scrapes all targets once, and ends the series of those that are gone.
func (s *Scraper) round(ctx context.Context) {
	now := map[Target]*history{}
	for _, t := range s.Targets() {
		h := s.known[t]
		if h == nil {
			h = &history{}
		}
		now[t] = h
	}
	for t, h := range s.known {
		if now[t] == nil {
			s.take(ctx, &t, h.end(time.Now().UnixNano(), nil))
		}
	}
	s.known = now
	var all sync.WaitGroup
	gate := make(chan struct{}, atOnce)
	for t, h := range now {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			s.scrape(ctx, &t, h)
		})
	}
	all.Wait()
}

// scrape is one of one target.
func (s *Scraper) scrape(ctx context.Context, t *Target, h *history) {
	began := time.Now()
	client := s.client
	if t.H2C {
		client = s.h2c
	}
	samples, err := fetch(ctx, client, t, began.UnixNano())
	if ctx.Err() != nil {
		return // nobody knows how it would have ended
	}
	up, count := 1.0, len(samples)
	if err != nil {
		up, samples = 0, nil
	}
	if failed := err != nil; failed != h.failed {
		h.failed = failed
		if failed {
			s.Log.Warn("metrics cannot be scraped", "service", t.Service, "instance", t.Instance, "url", t.URL, "error", err)
		} else {
			s.Log.Info("metrics are scraped again", "service", t.Service, "instance", t.Instance)
		}
	}
	own := func(f *otlp.Family, v float64) otlp.Sample {
		return otlp.Sample{Family: f, Name: f.Name, Labels: t.labels(), Time: began.UnixNano(), Value: v}
	}
	samples = append(samples, own(upOf, up), own(durationOf, time.Since(began).Seconds()), own(countOf, float64(count)))
	s.take(ctx, t, append(samples, h.end(began.UnixNano(), samples)...))
}

// What is said of each scrape, by Prometheus' names.
var (
	upOf       = &otlp.Family{Name: "up", Type: otlp.Gauge, Help: "Whether the instance's metrics could be scraped"}
	durationOf = &otlp.Family{Name: "scrape_duration_seconds", Type: otlp.Gauge, Unit: "seconds", Help: "How long the scrape took"}
	countOf    = &otlp.Family{Name: "scrape_samples_scraped", Type: otlp.Gauge, Help: "How many samples the instance had"}
)

func (s *Scraper) take(ctx context.Context, t *Target, samples []otlp.Sample) {
	if len(samples) == 0 {
		return
	}
	if err := s.Take(ctx, samples); err != nil {
		s.Log.Debug("scraped metrics were not taken", "service", t.Service, "instance", t.Instance, "error", err)
	}
}

// end returns the ends of the series that were there before and are not any more, and
// keeps those that are now.
func (h *history) end(at int64, now []otlp.Sample) []otlp.Sample {
	series := make(map[string]otlp.Sample, len(now))
	for i := range now {
		s := &now[i]
		if s.Time == at { // those with a time of their own end by themselves
			series[key(s)] = otlp.Sample{Family: s.Family, Name: s.Name, Labels: s.Labels, Value: otlp.Stale()}
		}
	}
	var ended []otlp.Sample
	for k, s := range h.series {
		if _, ok := series[k]; !ok {
			s.Time = at
			ended = append(ended, s)
		}
	}
	h.series = series
	return ended
}

// key is a series' name and labels.
func key(s *otlp.Sample) string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, l := range s.Labels {
		b.WriteByte(0)
		b.WriteString(l.Name)
		b.WriteByte(0)
		b.WriteString(l.Value)
	}
	return b.String()
}
