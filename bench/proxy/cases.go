//go:build linux

package main

import (
	"fmt"
	"maps"
	"strings"

	"github.com/banyanrun/banyan/bench/proxy/load"
)

// benchCase is one kind of work that all proxies do.
type benchCase struct {
	name  string
	title string
	unit  string // what is counted
	spec  load.Spec
	tls   bool
	floor bool // beside the system calls alone; requests and answers of one packet each
	edge  bool
	// long is set where slow proxies take long to start: they are left out with -quick.
	long bool
	// prefixes are routes; none: one that takes everything.
	prefixes []load.Target
	// targets are the greatest allowed ratios of our CPU time to a peer's.
	targets map[string]float64
	measure func(*bench, benchCase, *report) error
}

// spansMost is the most that a span of each request may cost.
const spansMost = 1.08

const (
	kib = 1 << 10
	mib = 1 << 20
)

// backendHeaders are what every proxy adds to a request.
var (
	edgeHeaders    = []string{"x-request-id", "traceparent"}
	backendHeaders = append([]string{"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}, edgeHeaders...)
)

// quarter is the target against proxies that are slower by multiples.
func quarter(more map[string]float64) map[string]float64 {
	all := map[string]float64{"caddy": 0.25, "traefik": 0.25}
	maps.Copy(all, more)
	return all
}

func h1(conns, size int) load.Spec {
	return load.Spec{Kind: load.HTTP1, Conns: conns, Down: size}
}

func upload(conns, size int) load.Spec {
	return load.Spec{Kind: load.HTTP1, Conns: conns, Up: size, Down: 2}
}

func grpc(conns, streams, messages int) load.Spec {
	const small = 100
	s := load.Spec{Kind: load.GRPC, Conns: conns, Streams: streams, Up: small, Down: small, Messages: messages,
		Targets: []load.Target{{Host: "bench", Path: "/bench.Echo/Call"}}}
	if messages > 1 {
		s.Down = kib
	}
	return s
}

// cases are in the order in which they run. Those whose CPU time has a target get
// all rounds, the others three fifths of them.
func cases() []benchCase {
	list := append(http1Cases(), otherCases()...)
	for i := range list {
		c := &list[i]
		if c.unit == "" {
			c.unit = "request"
		}
		if c.measure == nil {
			c.measure = (*bench).cpu
		}
		c.spec.Headers = backendHeaders
		if c.edge {
			c.spec.Headers = edgeHeaders
		}
	}
	return list
}

func http1Cases() []benchCase {
	hosts, prefixes := manyRoutes()
	routed := h1(64, kib)
	routed.Targets = hosts
	return []benchCase{
		{name: "h1-1", title: "HTTP/1.1, 1 KiB, 1 connection", spec: h1(1, kib), floor: true},
		{name: "h1-64", title: "HTTP/1.1, 1 KiB, 64 connections", spec: h1(64, kib), floor: true,
			targets: quarter(map[string]float64{"nginx": 0.75, "haproxy": 0.70, untoldName: spansMost})},
		{name: "h1-256", title: "HTTP/1.1, 1 KiB, 256 connections", spec: h1(256, kib), floor: true,
			targets: quarter(map[string]float64{"nginx": 0.65, "haproxy": 0.70, untoldName: spansMost})},
		{name: "edge-64", title: "the same between services, 64 connections", spec: h1(64, kib), edge: true,
			targets: map[string]float64{untoldName: spansMost}},
		{name: "routes", title: "10,000 routes, 64 connections", spec: routed, prefixes: prefixes, long: true},
		{name: "tls-64", title: "TLS 1.3, 1 KiB, 64 connections", spec: h1(64, kib), tls: true,
			targets: quarter(map[string]float64{"nginx": 0.80, untoldName: spansMost})},
		{name: "fresh", title: "a new connection for each request, 16", spec: load.Spec{Kind: load.Fresh, Conns: 16, Down: kib}},
		{name: "body-100k", title: "100 KiB down, 64 connections", spec: h1(64, 100*kib),
			targets: quarter(map[string]float64{"nginx": 0.95})},
		{name: "body-10m", title: "10 MiB down, 8 connections", spec: h1(8, 10*mib)},
		{name: "up-100k", title: "100 KiB up, 64 connections", spec: upload(64, 100*kib)},
		{name: "up-10m", title: "10 MiB up, 8 connections", spec: upload(8, 10*mib)},
	}
}

func otherCases() []benchCase {
	const messages = 64
	hosts, prefixes := manyRoutes()
	routed := h1(64, kib)
	routed.Targets = hosts
	return []benchCase{
		{name: "h2", title: "h2c to HTTP/1.1, 1 KiB, 8 × 32 streams",
			spec:    load.Spec{Kind: load.HTTP2, Conns: 8, Streams: 32, Down: kib},
			targets: quarter(map[string]float64{"haproxy": 0.75})},
		{name: "grpc-32", title: "gRPC unary, 8 × 32 streams", spec: grpc(8, 32, 1),
			targets: quarter(map[string]float64{"haproxy": 0.40, untoldName: spansMost})},
		{name: "grpc-1", title: "gRPC unary, 64 × 1 stream", spec: grpc(64, 1, 1),
			targets: quarter(map[string]float64{"haproxy": 0.60, untoldName: spansMost})},
		{name: "grpc-stream", title: "gRPC streaming, 8 × 8, 1 KiB", unit: "message", spec: grpc(8, 8, messages)},
		{name: "websocket", title: "WebSocket echo, 128 B, 64 connections", unit: "message",
			spec: load.Spec{Kind: load.WebSocket, Conns: 64, Up: 128}},
		{name: "latency", title: "latency at fixed rates, 1 KiB, 64 connections", spec: h1(64, kib), measure: (*bench).latency},
		{name: "swap", title: "changes of one of 10,000 routes, 64 connections", spec: routed, prefixes: prefixes, measure: (*bench).swap},
		{name: "memory", title: "memory of 10,000 idle connections", spec: h1(64, kib), measure: (*bench).memory},
	}
}

// manyRoutes are 1000 hosts with 10 prefixes each, and a target under each, in
// an order that goes from host to host.
func manyRoutes() (targets, prefixes []load.Target) {
	const hosts, paths = 1000, 10
	for h := range hosts {
		for p := range paths {
			prefixes = append(prefixes, load.Target{Host: fmt.Sprintf("h%d.bench", h), Path: fmt.Sprintf("/api/v1/kind-%d", p)})
		}
	}
	for i := range prefixes {
		t := prefixes[i*7919%len(prefixes)] // a prime: each once
		targets = append(targets, load.Target{Host: t.Host, Path: t.Path + "/items/7"})
	}
	return targets, prefixes
}

func caseNames() string {
	var names []string
	for _, c := range cases() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// selected are the cases whose names begin with one of o.only; none: all.
func selected(o *options) ([]benchCase, error) {
	if len(o.only) == 0 {
		return cases(), nil
	}
	var list []benchCase
	used := map[string]bool{}
	for _, c := range cases() {
		wanted := false
		for _, prefix := range o.only {
			if strings.HasPrefix(c.name, prefix) {
				used[prefix], wanted = true, true
			}
		}
		if wanted {
			list = append(list, c)
		}
	}
	for _, prefix := range o.only {
		if !used[prefix] {
			return nil, fmt.Errorf("no case begins with %q; there are %s", prefix, caseNames())
		}
	}
	return list, nil
}
