//go:build linux

package main

import "text/template"

// nginxConf has one worker, connections to the backend that stay open, no spool
// files, the headers that Banyan sets and a buffered access log. Where bodies are
// large, so are its buffers: with those that it has by default it needs twice the CPU.
var nginxConf = template.Must(template.New("nginx.conf").Parse(`
daemon off;
worker_processes 1;
{{if .Root}}user root;{{end}}
pid {{.Dir}}/nginx.pid;
error_log {{.Dir}}/error.log warn;
events { worker_connections 15000; }
http {
	client_body_temp_path {{.Dir}}/client; proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi; uwsgi_temp_path {{.Dir}}/uwsgi; scgi_temp_path {{.Dir}}/scgi;
	keepalive_timeout 1h;
	keepalive_requests 1000000000;
	client_max_body_size 0;
	server_names_hash_max_size 16384;
	server_names_hash_bucket_size 128;
{{if .Edge}}
	access_log off;
{{else}}
	log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method",'
		'"host":"$host","path":"$uri","proto":"$server_protocol","status":$status,"bytes_in":$request_length,'
		'"bytes_out":$body_bytes_sent,"s":$request_time,"upstream_s":"$upstream_response_time",'
		'"request_id":"$request_id","user_agent":"$http_user_agent"}';
	access_log {{.Dir}}/access.log json buffer=64k flush=1s;
{{end}}
	map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
	upstream app { server {{.Backend}}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 1h; }
	add_header X-Request-Id $request_id;
{{if .GRPC}}
	grpc_read_timeout 1h; grpc_send_timeout 1h;
	grpc_set_header X-Forwarded-For $remote_addr;
	grpc_set_header X-Forwarded-Host $http_host;
	grpc_set_header X-Forwarded-Proto $scheme;
	grpc_set_header X-Request-Id $request_id;
	grpc_set_header traceparent 00-$request_id-00f067aa0ba902b7-01;
{{else}}
	proxy_http_version 1.1;
	proxy_request_buffering off;
	proxy_max_temp_file_size 0;
{{if .Large}}
	proxy_buffer_size 128k; proxy_buffers 4 128k; proxy_busy_buffers_size 256k; client_body_buffer_size 256k;
{{end}}
	proxy_read_timeout 1h; proxy_send_timeout 1h;
	proxy_set_header Host $http_host;
	proxy_set_header Connection $connection_upgrade;
	proxy_set_header Upgrade $http_upgrade;
{{if not .Edge}}
	proxy_set_header X-Forwarded-For $remote_addr;
	proxy_set_header X-Forwarded-Host $http_host;
	proxy_set_header X-Forwarded-Proto $scheme;
{{end}}
	proxy_set_header X-Request-Id $request_id;
	proxy_set_header traceparent 00-$request_id-00f067aa0ba902b7-01;
{{end}}
{{$top := .}}
{{range .Hosts}}
	server {
		listen {{$top.Listen}}{{if $top.TLS}} ssl{{end}}{{if $top.H2}} http2{{end}};
		{{with .Name}}server_name {{.}};{{end}}
{{with $top.TLS}}
		ssl_certificate {{.Chain}}; ssl_certificate_key {{.Key}};
		ssl_protocols TLSv1.3;
		ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
{{end}}
{{range .Paths}}
		location {{.}} { {{if $top.GRPC}}grpc_pass grpc://app;{{else}}proxy_pass http://app;{{end}} }
{{end}}
		location = /stub_status { stub_status; }
	}
{{end}}
}
`))

func nginxCommand(path, dir string, j job) (*command, error) {
	conf, err := configured(nginxConf, dir, j)
	return &command{argv: []string{path, "-p", dir, "-e", dir + "/error.log", "-c", conf}}, err
}
