//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/banyanrun/banyan/bench/proxy/load"
)

// bench is one run of this command.
type bench struct {
	ctx     context.Context
	o       *options
	cpuID   string // the proxies' core
	dir     string
	cert    *certificate
	peers   []*peer
	missing []string
	cases   []benchCase
	noise   noise
}

func newBench(ctx context.Context, o *options, cpu, dir string) (*bench, error) {
	raiseLimit()
	chosen, err := selected(o)
	if err != nil {
		return nil, err
	}
	cert, err := newCertificate(dir)
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, o: o, cpuID: cpu, dir: dir, cert: cert, cases: chosen}
	b.peers, b.missing = choose(ctx, o)
	return b, nil
}

// measure runs all cases. A proxy that fails does so in its case alone.
func (b *bench) measure() (*report, error) {
	runtime.LockOSThread() // the loop's
	rep := b.newReport()
	for _, c := range b.cases {
		if !b.o.json {
			fmt.Fprintf(os.Stderr, "%-14s %s\n", c.name, c.title)
		}
		if err := c.measure(b, c, rep); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	rep.Disturbed = b.noise.share()
	return rep, nil
}

// contest is a case under way: the proxies that run, before one backend.
type contest struct {
	b     *bench
	c     benchCase
	loop  *load.Loop
	racer []*racer
}

// racer is a proxy in a contest.
type racer struct {
	*peer
	proc   *process
	failed error // it is measured no more
	spec   load.Spec
}

// enter starts a backend and every proxy before it.
func (b *bench) enter(c benchCase) (*contest, error) {
	loop, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	t := &contest{b: b, c: c, loop: loop}
	backend, err := loop.Backend(c.spec)
	if err != nil {
		loop.Close()
		return nil, err
	}
	j := job{backend: backend, spec: c.spec, edge: c.edge, prefixes: c.prefixes}
	if c.tls {
		j.cert = b.cert
		j.spec.TLS = b.cert.Pool
	}
	for _, p := range b.peers {
		if p.slow && c.long && b.o.quick || p.name == floorName && !c.floor || p.name == untoldName && c.targets[untoldName] == 0 {
			continue
		}
		r := &racer{peer: p, spec: j.spec}
		r.proc, r.failed = b.launch(p, j, filepath.Join(b.dir, c.name+"-"+p.name))
		t.racer = append(t.racer, r)
	}
	return t, b.ctx.Err()
}

// launch starts a proxy, with a directory of its own.
func (b *bench) launch(p *peer, j job, dir string) (*process, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if j.listen, err = freeAddr(); err != nil {
		return nil, err
	}
	cmd, err := p.command(p.path, dir, j)
	if err != nil {
		return nil, err
	}
	return start(b.ctx, b.cpuID, cmd.argv, cmd.env, j.listen)
}

// leave ends the proxies and the backend.
func (t *contest) leave() {
	for _, r := range t.racer {
		if r.proc != nil {
			r.proc.stop()
			_ = os.RemoveAll(filepath.Join(t.b.dir, t.c.name+"-"+r.name))
		}
	}
	t.loop.Close()
}

// round calls f with each proxy that has not failed, beginning with another
// than the round before. Slow ones are left out of odd rounds.
func (t *contest) round(n int, f func(*racer) error) error {
	for i := range t.racer {
		r := t.racer[(i+n)%len(t.racer)]
		if r.failed != nil || r.slow && n%2 == 1 {
			continue
		}
		if err := t.b.ctx.Err(); err != nil {
			return err
		}
		r.failed = f(r)
		if r.failed != nil && r.proc != nil {
			r.proc.stop()
			r.failed = fmt.Errorf("%w %s", r.failed, r.proc.said())
		}
	}
	return nil
}

// rounds are how often a case is measured.
func (b *bench) rounds(c benchCase) int {
	if c.targets != nil {
		return b.o.rounds
	}
	return max(1, b.o.rounds*3/5)
}

// cpu measures the CPU time that each proxy takes for a request.
func (b *bench) cpu(c benchCase, rep *report) error {
	t, err := b.enter(c)
	if err != nil {
		return err
	}
	defer t.leave()
	costs, rates := map[string][]float64{}, map[string][]float64{}
	for n := range b.rounds(c) {
		err := t.round(n, func(r *racer) error {
			cost, rate, err := t.cost(r)
			if err == nil {
				costs[r.name], rates[r.name] = append(costs[r.name], cost), append(rates[r.name], rate)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	o := outcome{Case: c.name, Title: c.title, Unit: c.unit, Figures: map[string]figure{}, targets: c.targets}
	for _, r := range t.racer {
		o.Figures[r.name] = figure{
			CPU: median(costs[r.name]), Samples: costs[r.name], Rate: median(rates[r.name]), Failed: text(r.failed),
		}
	}
	rep.Cases = append(rep.Cases, o)
	return nil
}

// cost is one proxy's CPU time for a request in µs, and its requests a second.
func (t *contest) cost(r *racer) (cost, rate float64, err error) {
	m := meter{noise: &t.b.noise}
	res, err := t.loop.Run(r.proc.addr, r.spec, t.b.o.warm, t.b.o.duration, m.begin(r.proc), m.end)
	if err != nil {
		return 0, 0, err
	}
	return m.perRequest(res), res.Rate(), nil
}
