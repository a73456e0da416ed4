//go:build linux

package main

import (
	"syscall"
	"time"
)

// memoryOutcome is what open connections cost each proxy.
type memoryOutcome struct {
	Connections int                 `json:"connections"`
	Figures     map[string]resident `json:"figures"`
}

// resident is a proxy's memory (RSS), in bytes.
type resident struct {
	Before  int64   `json:"before,omitempty"`         // after some requests on 64 connections
	PerConn float64 `json:"per_connection,omitempty"` // what each idle connection adds
	Failed  string  `json:"failed,omitempty"`
}

const (
	idleConnections = 10_000
	settleTime      = time.Second // for a proxy to give back what the requests took
)

// memory measures connections that were used once and are idle.
func (b *bench) memory(c benchCase, rep *report) error {
	t, err := b.enter(c)
	if err != nil {
		return err
	}
	defer t.leave()
	o := memoryOutcome{Connections: idleConnections, Figures: map[string]resident{}}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	const others = 1000 // descriptors that are not idle connections
	o.Connections = min(o.Connections, int(lim.Cur)-others)
	err = t.round(0, func(r *racer) error {
		m, err := t.idle(r, o.Connections)
		o.Figures[r.name] = m
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range t.racer {
		if r.failed != nil {
			o.Figures[r.name] = resident{Failed: text(r.failed)}
		}
	}
	rep.Memory = append(rep.Memory, o)
	return nil
}

func (t *contest) idle(r *racer, n int) (m resident, err error) {
	nothing := func() error { return nil }
	if _, err := t.loop.Run(r.proc.addr, r.spec, 0, t.b.o.warm, nothing, nothing); err != nil {
		return m, err
	}
	time.Sleep(settleTime)
	if m.Before, err = memoryOf(r.proc.pids()); err != nil {
		return m, err
	}
	err = t.loop.Idle(r.proc.addr, r.spec, n, func() error {
		time.Sleep(settleTime)
		after, err := memoryOf(r.proc.pids())
		m.PerConn = float64(after-m.Before) / float64(n)
		return err
	})
	return m, err
}
