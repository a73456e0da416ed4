package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// measurePrograms measures the daemon, and Jaeger where there is one, from outside.
func measurePrograms(ctx context.Context, o *options, dir string) error {
	ours, err := startBanyan(ctx, filepath.Join(dir, "daemon"))
	if err != nil {
		return err
	}
	if err := errors.Join(ours.measure(ctx, o), ours.stop()); err != nil {
		return err
	}
	if o.prometheus != "" {
		if err := measurePrometheus(ctx, o, filepath.Join(dir, "prometheus")); err != nil {
			return err
		}
	}
	if o.jaeger == "" {
		return nil
	}
	peer, err := startJaeger(ctx, o.jaeger, filepath.Join(dir, "jaeger"))
	if err != nil {
		return err
	}
	return errors.Join(peer.measure(ctx, o), peer.stop())
}

func (c *contender) measure(ctx context.Context, o *options) error {
	idle, err := c.usage()
	if err != nil {
		return err
	}
	fmt.Printf("%s, idle: %.0f MB resident\n", c.name, mb(idle.now))
	l := &load{url: c.url}
	p := newPool(time.Now(), o.rate*int(o.steady.Seconds())+o.through)
	if err := c.steadily(ctx, o, l, p); err != nil {
		return err
	}
	if err := c.flatOut(ctx, o, l, p); err != nil {
		return err
	}
	return c.searched(ctx, o, p)
}

// steadily sends so many spans a second, and each series every ten seconds.
func (c *contender) steadily(ctx context.Context, o *options, l *load, p *pool) error {
	before, err := c.usage()
	if err != nil {
		return err
	}
	begin, sent, late := time.Now(), 0, time.Duration(0)
	for next, now := begin, begin; now.Sub(begin) < o.steady; now = time.Now() {
		if c.metrics && !now.Before(next) {
			if err := l.series(ctx, o.series, now); err != nil {
				return err
			}
			next = next.Add(10 * time.Second)
		}
		due := begin.Add(time.Duration(sent) * time.Second / time.Duration(o.rate))
		time.Sleep(time.Until(due)) // the rate that is asked for
		late = max(late, time.Since(due))
		if err := l.spans(ctx, p.next(batch)); err != nil {
			return err
		}
		sent += batch
	}
	took := time.Since(begin)
	after, err := c.usage()
	if err != nil {
		return err
	}
	series := 0
	if c.metrics {
		series = o.series
	}
	fmt.Printf("%s, %.0f spans/s and %d series for %.0f s: %.0f MB resident, %.0f at most; %.0f %% of a core; %d requests refused, %.1f s late at most\n",
		c.name, float64(sent)/took.Seconds(), series, took.Seconds(), mb(after.now), mb(after.most),
		100*(after.cpu-before.cpu).Seconds()/took.Seconds(), l.refused, late.Seconds())
	l.refused = 0
	return nil
}

// flatOut sends as fast as is taken, one request after the other.
func (c *contender) flatOut(ctx context.Context, o *options, l *load, p *pool) error {
	before, err := c.usage()
	if err != nil {
		return err
	}
	disk, err := c.kept()
	if err != nil {
		return err
	}
	begin := time.Now()
	for sent := 0; sent < o.through; sent += batch {
		spans := p.next(batch)
		if sent <= o.through/2 && sent+len(spans) > o.through/2 {
			spans = mark(spans)
		}
		if err := l.spans(ctx, spans); err != nil {
			return err
		}
	}
	took := time.Since(begin)
	if err := c.settle(ctx); err != nil {
		return err
	}
	after, err := c.usage()
	if err != nil {
		return err
	}
	now, err := c.kept()
	if err != nil {
		return err
	}
	cpu := after.cpu - before.cpu
	fmt.Printf("%s, %d spans by OTLP in %.1f s: %.1f us of processor time each, %.0f/s a core; %.1f bytes of disk each; %.0f MB resident, %.0f at most; %d requests refused\n",
		c.name, o.through, took.Seconds(), float64(cpu.Microseconds())/float64(o.through), float64(o.through)/cpu.Seconds(),
		float64(now-disk)/float64(o.through), mb(after.now), mb(after.most), l.refused)
	return nil
}

// settle waits until hardly any processor time is used for what was taken.
func (c *contender) settle(ctx context.Context) error {
	for last, quiet := time.Duration(-1), 0; quiet < 3; {
		u, err := c.usage()
		if err != nil {
			return err
		}
		if quiet++; u.cpu-last > 50*time.Millisecond {
			quiet = 0
		}
		last = u.cpu
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// searched asks what Jaeger's page asks.
func (c *contender) searched(ctx context.Context, o *options, p *pool) error {
	get := func(path string, values url.Values, least int) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			text, err := fetch(ctx, &c.client, c.query+path+"?"+values.Encode())
			if err != nil {
				return err
			}
			var answer struct {
				Data []json.RawMessage `json:"data"`
			}
			if err := json.Unmarshal(text, &answer); err != nil {
				return err
			}
			if len(answer.Data) < least {
				return fmt.Errorf("%d traces, want %d: %.200s", len(answer.Data), least, text)
			}
			return nil
		}
	}
	now := time.Now()
	micros := func(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
	find := func(tags, limit string) url.Values {
		v := url.Values{"service": {"order"}, "limit": {limit}, "lookback": {"custom"},
			"start": {micros(now.Add(-24 * time.Hour))}, "end": {micros(now.Add(time.Hour))}}
		if tags != "" {
			v.Set("tags", tags)
		}
		return v
	}
	f := &figures{name: c.name, what: "searches", used: func() time.Duration {
		u, _ := c.usage() // a process that has ended answers nothing, which is seen
		return u.cpu
	}}
	return f.searches(ctx, o.searches, []search{
		{"trace", c.name + ": a trace by its id", func(ctx context.Context, i int) error {
			return get("/api/traces/"+p.ids[i*7919%len(p.ids)].String(), nil, 1)(ctx, i)
		}},
		{"latest", c.name + ": the latest 20 traces of a service", get("/api/traces", find("", "20"), 20)},
		{"error", c.name + ": 20 traces with an error in a service", get("/api/traces", find(`{"error":"true"}`, "20"), 1)},
		{"nobody", c.name + ": an attribute that no span has", get("/api/traces", find(`{"enduser.id":"nobody"}`, "20"), 0)},
	})
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// allocated is what a file takes up, which for those that are mapped is less than their size.
func allocated(e fs.DirEntry) (int64, error) {
	info, err := e.Info()
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Size(), nil
	}
	return st.Blocks * 512, nil
}
