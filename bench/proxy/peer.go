//go:build linux

package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/banyanrun/banyan/bench/proxy/load"
)

// job is what a proxy is asked to do in a case.
type job struct {
	listen, backend netip.AddrPort
	spec            load.Spec
	edge            bool          // calls between services: trace headers, nothing of a gateway
	prefixes        []load.Target // routes; none: one that takes everything
	cert            *certificate  // nil: no TLS
}

func (j job) grpc() bool { return j.spec.Kind == load.GRPC }
func (j job) h2() bool   { return j.spec.Kind == load.GRPC || j.spec.Kind == load.HTTP2 }

func (j job) routes() []load.Target {
	if len(j.prefixes) == 0 {
		return []load.Target{{Path: "/"}}
	}
	return j.prefixes
}

// host is a host and the prefixes that have routes there.
type host struct {
	Name  string
	Paths []string
}

// hosts are the routes by host, in their order.
func (j job) hosts() []host {
	var all []host
	for _, t := range j.routes() {
		if len(all) == 0 || all[len(all)-1].Name != t.Host {
			all = append(all, host{Name: t.Host})
		}
		last := &all[len(all)-1]
		last.Paths = append(last.Paths, t.Path)
	}
	return all
}

// command starts a proxy.
type command struct{ argv, env []string }

// peer is a proxy that is measured; the first is the one whose ratios are wanted.
type peer struct {
	name string
	// slow peers are measured in every other round: their targets are multiples.
	slow    bool
	version []string // arguments that make it print its version
	// command writes what the proxy at path needs for a job into dir.
	command func(path, dir string, j job) (*command, error)

	path string
	says string // its version
}

func peers() []*peer {
	return []*peer{
		{name: "nginx", version: []string{"-v"}, command: nginxCommand},
		{name: "haproxy", version: []string{"-v"}, command: haproxyCommand},
		{name: "caddy", slow: true, version: []string{"version"}, command: caddyCommand},
		{name: "traefik", slow: true, version: []string{"version"}, command: traefikCommand},
	}
}

// choose returns Banyan, the Banyan of another tree if there is one, and those of the peers that are wanted and installed,
// and the names of those that are wanted but missing.
func choose(ctx context.Context, o *options) (found []*peer, missing []string) {
	found = append(found, &peer{name: "banyan", command: banyanCommand, says: "this tree"})
	if o.before != "" {
		found = append(found, &peer{name: "before", command: banyanCommand, path: o.before, says: o.before})
	}
	if slices.Contains(o.peers, untoldName) {
		found = append(found, &peer{name: untoldName, command: untoldCommand, says: "this tree, without spans"})
	}
	if slices.Contains(o.peers, floorName) {
		found = append(found, &peer{name: floorName, command: floorCommand, says: "the system calls alone"})
	}
	for _, p := range peers() {
		if !slices.Contains(o.peers, p.name) {
			continue
		}
		path, err := exec.LookPath(*o.paths[p.name])
		if err != nil {
			missing = append(missing, p.name)
			continue
		}
		p.path = path
		out, _ := exec.CommandContext(ctx, path, p.version...).CombinedOutput() // only to be shown
		p.says, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
		found = append(found, p)
	}
	return found, missing
}

// render writes a configuration file.
func render(t *template.Template, path string, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// settings are what the templates of configurations see.
type settings struct {
	Dir             string
	Listen, Backend string
	Port            uint16
	H2, GRPC, Edge  bool
	TLS             *certificate
	Hosts           []host
	Large, Huge     bool // bodies of 64 KiB and more, of 1 MiB and more
	Root            bool // the proxy runs as root
}

func (j job) settings(dir string) settings {
	return settings{
		Dir: dir, Listen: j.listen.String(), Port: j.listen.Port(), Backend: j.backend.String(),
		Large: max(j.spec.Up, j.spec.Down) >= 64*kib, Huge: max(j.spec.Up, j.spec.Down) >= mib,
		H2: j.h2(), GRPC: j.grpc(), Edge: j.edge, TLS: j.cert, Hosts: j.hosts(), Root: os.Geteuid() == 0,
	}
}

// configured renders a template into dir and returns the file's path.
func configured(t *template.Template, dir string, j job) (string, error) {
	path := filepath.Join(dir, t.Name())
	return path, render(t, path, j.settings(dir))
}
