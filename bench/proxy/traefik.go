//go:build linux

package main

import (
	"path/filepath"
	"text/template"
)

// traefikStatic has the entry point and a buffered access log.
var traefikStatic = template.Must(template.New("traefik.yaml").Parse(`
global: {checkNewVersion: false, sendAnonymousUsage: false}
log: {level: ERROR, filePath: {{.Dir}}/error.log}
{{if not .Edge}}accessLog: {filePath: {{.Dir}}/access.log, format: json, bufferingSize: 1000}{{end}}
serversTransport: {maxIdleConnsPerHost: 512}
entryPoints:
  in:
    address: "{{.Listen}}"
    transport: {respondingTimeouts: {readTimeout: 0s, writeTimeout: 0s, idleTimeout: 1h}}
providers: {file: {filename: {{.Dir}}/routes.yaml}}
`))

// traefikRoutes has the routes, and a fixed request id and trace: Traefik makes
// neither without a collector of traces. X-Forwarded-* are its own doing.
var traefikRoutes = template.Must(template.New("routes.yaml").Parse(`
{{$top := .}}
http:
  middlewares:
    ids:
      headers:
        customRequestHeaders:
          X-Request-Id: "4bf92f3577b34da6a3ce929d0e0e4736"
          traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        customResponseHeaders:
          X-Request-Id: "4bf92f3577b34da6a3ce929d0e0e4736"
  routers:
{{range $h, $host := .Hosts}}{{range $p, $path := .Paths}}
    r{{$h}}-{{$p}}:
      rule: "{{with $host.Name}}Host(` + "`{{.}}`" + `) && {{end}}PathPrefix(` + "`{{$path}}`" + `)"
      entryPoints: [in]
      middlewares: [ids]
      service: app
      {{if $top.TLS}}tls: {}{{end}}
{{end}}{{end}}
  services:
    app:
      loadBalancer:
        servers: [{url: "{{if .GRPC}}h2c{{else}}http{{end}}://{{.Backend}}"}]
{{with .TLS}}
tls:
  certificates: [{certFile: {{.Chain}}, keyFile: {{.Key}}}]
{{end}}
`))

func traefikCommand(path, dir string, j job) (*command, error) {
	if _, err := configured(traefikRoutes, dir, j); err != nil {
		return nil, err
	}
	_, err := configured(traefikStatic, dir, j)
	return &command{argv: []string{path, "--configFile=" + filepath.Join(dir, "traefik.yaml")}}, err
}
