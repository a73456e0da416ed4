//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// haproxyConf has one thread, connections to the backend that stay open and are
// shared, and the headers that Banyan sets. HAProxy writes no files: its access
// log goes to a ring in memory, which costs it no system calls. Routes are a map.
var haproxyConf = template.Must(template.New("haproxy.cfg").Parse(`
global
	nbthread 1
	maxconn 12000
	no strict-limits
{{if .Huge}}	tune.bufsize 65536{{end}}
	tune.h2.max-concurrent-streams 250
	stats socket {{.Dir}}/haproxy.sock level admin

ring access
	format iso
	maxlen 1200
	size 1048576

defaults
	mode http
{{if not .Edge}}
	log ring@access local0
	option httplog
{{end}}
	timeout connect 5s
	timeout client 1h
	timeout server 1h
	timeout tunnel 1h
	timeout http-request 10s
	timeout http-keep-alive 1h
	http-reuse always

frontend in
	bind {{.Listen}} backlog 4096{{with .TLS}} ssl crt {{.Both}} alpn http/1.1 ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256{{end}}{{if .H2}} proto h2{{end}}
	unique-id-format %[uuid()]
	unique-id-header X-Request-Id
{{if not .Edge}}
	http-request set-header X-Forwarded-For %[src]
	http-request set-header X-Forwarded-Host %[req.hdr(host)]
	http-request set-header X-Forwarded-Proto {{if .TLS}}https{{else}}http{{end}}
{{end}}
	http-request set-header traceparent 00-%[rand,hex]%[rand,hex]-%[rand,hex]-01
	http-response set-header X-Request-Id %[unique-id]
	stats uri /haproxy-stats
{{if eq (len .Hosts) 1}}
	default_backend app
{{else}}
	use_backend %[base,map_beg({{.Dir}}/routes.map,none)]
{{end}}

backend app
	server s {{.Backend}} pool-purge-delay 1h{{if .GRPC}} proto h2{{end}}
`))

func haproxyCommand(path, dir string, j job) (*command, error) {
	conf, err := configured(haproxyConf, dir, j)
	if err != nil {
		return nil, err
	}
	var routes bytes.Buffer
	for _, t := range j.prefixes {
		fmt.Fprintf(&routes, "%s%s app\n", t.Host, t.Path)
	}
	err = os.WriteFile(filepath.Join(dir, "routes.map"), routes.Bytes(), 0o600)
	return &command{argv: []string{path, "-db", "-f", conf}}, err
}
