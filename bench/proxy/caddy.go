//go:build linux

package main

import (
	"text/template"
)

// caddyConf has connections to the backend that stay open, the headers that
// Banyan sets (X-Forwarded-* are Caddy's own doing) and an access log. Metrics
// are off: they cost Caddy dearly.
var caddyConf = template.Must(template.New("Caddyfile").Parse(`
{
	admin off
	auto_https off
	log {
		output file {{.Dir}}/error.log
		level ERROR
	}
	servers {
		protocols h1 h2 h2c
	}
}

(app) {
	reverse_proxy {{if .GRPC}}h2c://{{end}}{{.Backend}} {
		header_up X-Request-Id {http.request.uuid}
		header_up traceparent 00-{http.request.uuid}-00f067aa0ba902b7-01
		header_down X-Request-Id {http.request.uuid}
		{{if not .GRPC}}
		transport http {
			keepalive 1h
			keepalive_idle_conns 512
			keepalive_idle_conns_per_host 512
			compression off
		}
		{{end}}
	}
}
{{$top := .}}
{{range .Hosts}}
{{if $top.TLS}}https{{else}}http{{end}}://{{.Name}}:{{$top.Port}} {
	bind 127.0.0.1
	{{with $top.TLS}}tls {{.Chain}} {{.Key}}{{end}}
	{{if not $top.Edge}}
	log {
		output file {{$top.Dir}}/access.log {
			roll_disabled
		}
		format json
	}
	{{end}}
	{{range .Paths}}
	handle {{if ne . "/"}}{{.}}/*{{end}} {
		import app
	}
	{{end}}
}
{{end}}
`))

func caddyCommand(path, dir string, j job) (*command, error) {
	conf, err := configured(caddyConf, dir, j)
	return &command{
		argv: []string{path, "run", "--adapter", "caddyfile", "--config", conf},
		env:  []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir},
	}, err
}
