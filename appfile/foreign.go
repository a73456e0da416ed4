package appfile

import "maps"

const (
	useCalls   = "remove it: declare which services this one calls in calls:, and take their addresses from NAME_URL or ${services.NAME.url}"
	useRes     = "write resources: {cpu: 0.5, memory: 128Mi}"
	useProbes  = "write readiness: {http: /healthz}, which decides when it gets requests, and liveness:, which restarts it"
	onlyDocker = "remove it: it means something to containers only, and a service here is a process"
	useCommand = "write the program and its arguments in command:"
	useDir     = "write working_dir"
	useTLS     = "write tls: {cert: certs/shop.pem, key: certs/shop-key.pem}"
)

// foreignKeys are keys of Compose, Kubernetes and others, and of Banyan's
// plans, by the type in which people write them, with what to write instead.
var foreignKeys = map[string]map[string]string{
	"App":                topKeys,
	"Service":            serviceKeys,
	"Job":                jobKeys,
	"Gateway":            gatewayKeys,
	"Route":              routeKeys,
	"JWT":                jwtKeys,
	"RateLimit":          {"limit": "write requests", "rate": "write requests: 50 and per: 1s", "period": "write per", "window": "write per", "interval": "write per", "key": "write by: address or by: subject", "rps": "write requests: N and per: 1s"},
	"CORS":               {"allow_origins": "write origins", "allowed_origins": "write origins", "allow_methods": "write methods", "allow_headers": "write headers", "expose_headers": "write expose", "allow_credentials": "write credentials"}, //nolint:gosec // names of headers
	"Call":               callKeys,
	"Breaker":            {"threshold": "write failure_ratio", "error_ratio": "write failure_ratio", "ratio": "write failure_ratio", "sleep_window": "write open_for", "interval": "write window", "timeout": "write open_for"},
	"Outlier":            {"consecutive_5xx": "write errors", "consecutive_errors": "write errors", "threshold": "write errors", "failures": "write errors", "base_ejection_time": "write base", "max_ejection_time": "write max", "max_ejection_percent": "write max_percent", "percent": "write max_percent", "interval": "remove it: failures in a row are counted as they happen", "enabled": "remove it: errors: 0 switches it off"},
	"Balance":            {"policy": "write by", "type": "write by", "algorithm": "write by", "method": "write by", "strategy": "write by", "key": "write header: NAME, cookie: NAME or source: true", "address": "write source: true", "ip": "write source: true"},
	"Hedge":              {"delay": "write after", "attempts": "write max", "count": "write max", "requests": "write max", "timeout": "write after"},
	"Fallback":           {"to": "write service", "content_type": "write type", "code": "write status", "max_stale": "write stale", "cache": "write stale: 5m here, and cache: true beside fallback", "static": "write status, type and body, without this level"},
	"Mirror":             {"service": "write to", "target": "write to", "percentage": "write percent", "sample": "write percent", "fraction": "write percent: 10 for a tenth"},
	"Cache":              {"ttl": "write default_ttl", "max_age": "write default_ttl", "size": "write max_bytes", "max_size": "write max_bytes", "max_object_size": "write max_object", "stale": "write stale_if_error", "enabled": "remove it: a cache that is there is on", "methods": "remove it: answers to GET are kept", "vary": "remove it: the service says it in the header Vary"},
	"Fault":              {"status": "write abort", "error": "write abort", "latency": "write delay", "percent": "write delay_percent or abort_percent", "percentage": "write delay_percent or abort_percent"},
	"TLS":                {"certificate": "write cert", "cert_file": "write cert", "crt": "write cert", "private_key": "write key", "key_file": "write key", "chain": "append the chain to the file of cert", "ca": "client certificates are not there yet in this version", "client_ca": "client certificates are not there yet in this version", "acme": "certificates are not fetched yet in this version: name the files in cert and key", "auto": "certificates are not fetched yet in this version: name the files in cert and key"},
	"Concurrency":        {"limit": "write max", "min": "remove it: with adaptive: true the limit is found below max", "auto": "write adaptive: true"},
	"Database":           databaseKeys,
	"AppResources":       resourcesKeys,
	"Postgres":           postgresKeys,
	"Dashboard":          dashboardKeys,
	"OIDC":               oidcKeys,
	"People":             peopleKeys,
	"Volume":             {"path": "remove it: banyan chooses the path and tells it in the variable env", "source": "write name", "target": "write env, the variable that tells the path", "variable": "write env", "type": "remove it: a volume is always a directory"},
	"Resources":          {"limits": "remove this level: " + useRes, "requests": "remove this level: " + useRes, "reservations": "remove this level: " + useRes, "cpus": "write cpu", "mem": "write memory", "memory_limit": "write memory"},
	"Metrics":            {"port": "remove it: instances are asked on $PORT", "url": "write path", "endpoint": "write path", "interval": "remove it: they are asked every 15 seconds"},
	"Probe":              probeKeys,
	"Update":             updateKeys,
	"Secret":             {"external": "write NAME: {} and set the value by: banyan secret set NAME", "name": "remove it: the key is the name", "value": "a secret's value does not belong in this file: set it by: banyan secret set NAME", "env": "write environment", "path": "write file"},
	"Bus":                busKeys,
	"Topic":              topicKeys,
	"Retention":          retentionKeys,
	"Subscription":       subscriptionKeys,
	"Backoff":            backoffKeys,
	"Saga":               sagaKeys,
	"SagaStep":           stepKeys,
	"StepCall":           stepRequestKeys,
	"StepUndo":           stepRequestKeys,
	"StepRetry":          backoffKeys,
	"StepWait":           {"timeout": "write deadline", "for": "write deadline", "filter": "write where", "match": "write where", "if": "write where", "event": "write topic", "on_timeout": "write else", "otherwise": "write else"},
	"Telemetry":          telemetryKeys,
	"Notify":             notifyKeys,
	"Email":              emailKeys,
	"Alert":              alertKeys,
	"OTLP":               {"endpoint": "write grpc: 127.0.0.1:4317 and http: 127.0.0.1:4318", "protocols": "write grpc and http without this level", "listen": "write grpc: 127.0.0.1:4317 and http: 127.0.0.1:4318", "port": "write grpc: 127.0.0.1:4317 and http: 127.0.0.1:4318"},
	"TelemetryRetention": telemetryRetentionKeys,
	"Dependency":         {"restart": "remove it", "required": "remove it"},

	"Export":              exportKeys,
	"ExportOTLP":          exportOTLPKeys,
	"ExportElasticsearch": exportElasticsearchKeys,
	"ExportHTTP":          exportHTTPKeys,
}

var topKeys = map[string]string{
	"version":     "remove it: the app file has no version",
	"networks":    "remove it: services reach each other by calls:, and by nothing else",
	"volumes":     "volumes stand in the service that owns them: volumes: [files:FILES_DIR]",
	"configs":     "write the values in the service's environment:, or files in env_file:",
	"include":     "one file describes the app: copy the services, or lay an overlay banyan.<env>.yaml over it",
	"extends":     "lay an overlay banyan.<env>.yaml over the file instead",
	"apps":        "an app file describes one app: write its services below services:",
	"environment": "each service has an environment of its own; to share one, write x-env: &env {…} at the top and environment: {<<: *env} in the services",
	"env":         "each service has an environment: of its own",
	"apiVersion":  "this looks like a Kubernetes object; an app file begins with name: and services:",
	"kind":        "this looks like a Kubernetes object; an app file begins with name: and services:",
	"metadata":    "write name: at the top",
	"spec":        "write its keys at the top, without spec:",
	"ingress":     "write gateway",
	"proxy":       "write gateway",
	"cron":        "write jobs: {NAME: {command: …, schedule: …}}",
	"tasks":       "write jobs",
	"listen":      "it belongs below gateway: write gateway: {listen: …}",
	"port":        `the app's port is the gateway's: write gateway: {listen: ":8080"}`,
	"ports":       `the app's port is the gateway's: write gateway: {listen: ":8080"}`,
}

var serviceKeys = map[string]string{
	"ports":              "remove it: a service listens on $PORT, which banyan chooses, and gateway: {routes: …} leads requests from outside to it; port: N pins the port of a program that cannot read $PORT",
	"expose":             "remove it: a service listens on $PORT, and the services that name it in calls: reach it",
	"healthcheck":        useProbes,
	"healthCheck":        useProbes,
	"health":             useProbes,
	"health_check":       useProbes,
	"probes":             useProbes,
	"probe":              useProbes,
	"readinessProbe":     "write readiness",
	"readiness_probe":    "write readiness",
	"livenessProbe":      "write liveness",
	"liveness_probe":     "write liveness",
	"startupProbe":       "write start_timeout: the time until readiness must answer",
	"deploy":             "write its parts in the service itself: replicas:, resources: and update:",
	"scale":              "write replicas",
	"instances":          "write replicas",
	"count":              "write replicas",
	"min":                "write replicas: N; autoscaling is not there yet in this version",
	"max":                "write replicas: N; autoscaling is not there yet in this version",
	"autoscale":          "write replicas: N; autoscaling is not there yet in this version",
	"strategy":           "it belongs below update: write update: {strategy: …}",
	"rollout":            "write update: {strategy: rolling}",
	"stop_timeout":       "write stop_grace_period",
	"routes":             "routes stand below gateway: write gateway: {routes: [{path: /, to: NAME}]}",
	"route":              "routes stand below gateway: write gateway: {routes: [{path: /, to: NAME}]}",
	"path":               "routes stand below gateway: write gateway: {routes: [{path: …, to: NAME}]}",
	"host":               "routes stand below gateway: write gateway: {routes: [{host: …, path: /, to: NAME}]}",
	"listen":             "a service listens on $PORT, which banyan chooses; port: N pins it",
	"db":                 "write database: {}",
	"grpc":               "write protocol: h2c",
	"http":               "for a probe write readiness: {http: …}; http is the protocol anyway",
	"tcp":                "write protocol: tcp",
	"stop_grace":         "write stop_grace_period",
	"restart_policy":     "write restart: always, on-failure or no",
	"cron":               "a program that runs on a schedule is a job: move it below jobs: and write schedule:",
	"deployment":         "write its parts in the service itself: replicas:, resources: and update:",
	"dependsOn":          "write depends_on",
	"depends":            "write depends_on",
	"needs":              "write calls: for the services it calls, or depends_on: for the order of starts",
	"requires_services":  "write calls: for the services it calls, or depends_on: for the order of starts",
	"team":               "write owner",
	"log":                "for a probe write readiness: {log: …}; the output is kept anyway: banyan logs",
	"retry":              "callers set it, for each service they call: calls: {NAME: {retries: 2}}",
	"circuit_breaker":    "callers set it, for each service they call: calls: {NAME: {breaker: {}}}",
	"requires_runtime":   "write requires",
	"max_concurrency":    "write concurrency",
	"concurrency_limit":  "write concurrency",
	"max_connections":    "write concurrency: 100, which bounds the requests in flight to each instance",
	"max_requests":       "write concurrency: 100, which bounds the requests in flight to each instance",
	"environment_file":   "write env_file",
	"description":        "write x-description, or a comment",
	"network":            useCalls,
	"port_env":           "remove it: the port is in $PORT; ${port} puts it into any variable or argument",
	"environment_prefix": "remove it",
}

var jobKeys = map[string]string{
	"cron":       "write schedule",
	"every":      "write schedule: \"@every 10m\"",
	"interval":   "write schedule: \"@every 10m\"",
	"parallel":   "a job runs one at a time",
	"completion": "remove it: a job is done when its program exits with 0",
	"database":   "a job has no database of its own: data belongs to a service; call the service, or write database: {migrate: …} in the service",
}

// containerKeys are Compose's and Kubernetes' keys of services and jobs alike.
var containerKeys = func() map[string]string {
	keys := map[string]string{
		"image":          "write command:, and build: where it must be compiled; containers are not there yet in this version",
		"dockerfile":     "write build: and command:; containers are not there yet in this version",
		"container_name": "remove it: the service's key is its name",
		"networks":       useCalls, "network_mode": useCalls, "links": useCalls, "external_links": useCalls,
		"extra_hosts": useCalls, "dns": useCalls, "hostname": useCalls, "domainname": useCalls,
		"extends":    "share keys by a YAML anchor: x-base: &base {…} at the top, and <<: *base here",
		"entrypoint": useCommand, "args": useCommand, "cmd": "write command", "run": "write command",
		"start": "write command", "exec": "write command", "script": "write command", "program": "write command", "binary": "write command",
		"env": "write environment", "envs": "write environment", "vars": "write environment", "variables": "write environment", "env_vars": "write environment",
		"envFrom": "write env_file", "env_files": "write env_file", "dotenv": "write env_file",
		"cwd": useDir, "dir": useDir, "workdir": useDir, "directory": useDir, "root": useDir, "context": useDir, "folder": useDir,
		"mem_limit": useRes, "mem_reservation": useRes, "cpus": useRes, "cpu_shares": useRes, "limits": useRes, "memory": useRes, "cpu": useRes, "mem": useRes,
		"labels": "write x-labels", "annotations": "write x-annotations", "metadata": "write x-metadata", "description": "write x-description, or a comment",
		"logging":      "remove it: banyan keeps the output of every program; see banyan logs",
		"configs":      "write the values in environment:, or files in env_file:",
		"develop":      "remove it: banyan up --watch rebuilds what changes; sources: says what to watch",
		"watch":        "remove it: banyan up --watch rebuilds what changes; sources: says what to watch",
		"profile":      "write profiles: [NAME]",
		"name":         "remove it: the key is the name",
		"volumeMounts": "write volumes: [NAME:VARIABLE]", "mounts": "write volumes: [NAME:VARIABLE]",
		"runtime":  "write requires: [node>=20] for a runtime that must be there",
		"language": "write requires: [node>=20] for a runtime that must be there",
	}
	for _, k := range []string{
		"privileged", "cap_add", "cap_drop", "security_opt", "tty", "stdin_open", "platform", "pull_policy", "tmpfs", "devices", "ulimits",
		"sysctls", "shm_size", "ipc", "pid", "read_only", "init", "mac_address", "userns_mode", "isolation", "cgroup_parent", "group_add",
		"imagePullPolicy", "securityContext", "serviceAccountName", "nodeSelector", "tolerations", "containers", "template", "selector",
	} {
		keys[k] = onlyDocker
	}
	return keys
}()

var gatewayKeys = map[string]string{
	"port": `write listen: ":8080"`, "ports": `write listen: ":8080"`, "address": "write listen", "addr": "write listen", "bind": "write listen",
	"https": useTLS, "ssl": useTLS, "certificates": useTLS, "certificate": useTLS,
	"auth":  "write jwt: {jwks: …} here, and auth: required in the routes that need a token",
	"rules": "write routes", "paths": "write routes", "endpoints": "write routes", "ingress": "write routes",
	"max_body_size": "write max_body", "timeout": "it belongs to a route; here are header_timeout and idle_timeout",
	"logs": "write access_log: true or false",
}

// policyKeys are other programs' words for the keys that calls and routes share.
var policyKeys = map[string]string{
	"circuit_breaker": "write breaker", "retry": "write retries", "attempts": "write retries", "deadline": "write timeout",
	"per_try_timeout": "write try_timeout", "attempt_timeout": "write try_timeout", "outlier_detection": "write outlier", "passive_health_check": "write outlier",
	"lb": "write balance", "lb_policy": "write balance", "load_balancer": "write balance", "load_balancing": "write balance", "balancer": "write balance",
	"affinity": "write balance: {by: hash, cookie: session}", "session_affinity": "write balance: {by: hash, cookie: session}",
	"sticky":       "write balance: {by: hash, cookie: session}",
	"max_requests": "write bulkhead: 50, for example", "max_in_flight": "write bulkhead: 50, for example", "max_connections": "write bulkhead: 50, for example",
	"concurrency": "write bulkhead: 50 here; concurrency is a key of the service that is called, for all its callers",
	"hedging":     "write hedge: {after: 50ms}", "shadow": "write mirror: {to: NAME}", "mirroring": "write mirror: {to: NAME}",
	"caching": "write cache: true", "fault_injection": "write fault: {delay: 100ms}", "chaos": "write fault: {delay: 100ms}",
}

var callKeys = withPolicyKeys(map[string]string{
	"url": "remove it: banyan knows where the service is, and tells it in NAME_URL",
})

// withPolicyKeys adds policyKeys to keys.
func withPolicyKeys(keys map[string]string) map[string]string {
	maps.Copy(keys, policyKeys)
	return keys
}

var routeKeys = withPolicyKeys(map[string]string{
	"service": "write to", "target": "write to", "backend": "write to", "upstream": "write to", "destination": "write to", "proxy_pass": "write to",
	"prefix": "write path, which matches as a prefix", "match": "write path, host, methods and headers in the route itself", "url": "write path", "paths": "write a route for each path",
	"method": "write methods: [GET]", "header": "write headers: {X-Name: value}", "hosts": "write a route for each host", "domain": "write host",
	"strip_prefix": "write rewrite: /, which replaces the matched prefix", "strip": "write rewrite: /, which replaces the matched prefix", "rewrite_path": "write rewrite",
	"ratelimit": "write rate_limit: {requests: 50, per: 1s}", "limit": "write rate_limit: {requests: 50, per: 1s}",
	"weight": "splitting traffic is not there yet in this version", "split": "splitting traffic is not there yet in this version",
	"tunnel": "write host: NAME and connect: true", "tcp": "write host: NAME and connect: true",
	"jwt":           "jwt stands below gateway:; a route says auth: required",
	"max_body_size": "write max_body", "middleware": "write what it does: auth, rate_limit, cors, rewrite", "port": "remove it: the service's name is enough",
})

var jwtKeys = map[string]string{
	"jwks_url": "write jwks", "jwks_uri": "write jwks", "jwk": "write jwks", "iss": "write issuer", "aud": "write audience",
	"secret": "shared secrets are not supported: sign with a key pair and publish the public key as a key set (jwks)",
	"key":    "publish the public key as a key set (jwks)", "public_key": "publish the public key as a key set (jwks)",
	"alg": "write algorithms: [EdDSA]", "algorithm": "write algorithms: [EdDSA]", "headers": "write forward: {sub: X-User-Id}", "claims": "write forward: {sub: X-User-Id}",
	"clock_skew": "write leeway",
}

var probeKeys = map[string]string{
	"test": "write exec: [program, argument]", "command": "write exec", "cmd": "write exec", "interval": "write period", "start_period": "write initial_delay",
	"start_interval": "remove it: until the first success, readiness is asked every 100ms at the most",
	"retries":        "write failure_threshold", "httpGet": "write http: /path", "http_get": "write http: /path", "tcpSocket": "write tcp: true", "path": "write http: /path",
	"url": "write http: /path", "port": "remove it: probes ask the service's own $PORT", "grpc": "write tcp: true, or exec: with a program that asks",
	"periodSeconds": "write period: 10s", "initialDelaySeconds": "write initial_delay: 5s", "timeoutSeconds": "write timeout: 1s",
	"delay": "write initial_delay", "type": "write http: /path, tcp: true, exec: … or log: …", "disable": "remove the probe to have the default",
}

var updateKeys = func() map[string]string {
	keys := map[string]string{"type": "write strategy"}
	for _, k := range []string{"steps", "auto_revert", "canary", "weight", "analysis", "max_surge", "max_unavailable", "parallelism", "delay", "order", "failure_action"} {
		keys[k] = "this version knows only strategy: rolling or strategy: recreate"
	}
	return keys
}()
