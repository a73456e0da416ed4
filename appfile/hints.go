package appfile

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// This file holds what the decoder says when a value has the wrong shape or a
// key is unknown: what the writer probably meant, and how it is written here.

// titles name the types in messages.
var titles = map[string]string{
	"App": "the app file", "Gateway": "gateway", "JWT": "jwt", "Route": "a route",
	"RateLimit": "rate_limit", "CORS": "cors", "Service": "a service", "Job": "a job",
	"TLS": "tls", "Concurrency": "concurrency",
	"Call": "a call", "Breaker": "breaker", "Outlier": "outlier", "Balance": "balance", "Hedge": "hedge",
	"Fallback": "fallback", "Mirror": "mirror", "Cache": "cache", "Fault": "fault", "Dependency": "a dependency",
	"Database": "database", "AppResources": "resources", "Postgres": "postgres", "Dashboard": "dashboard", "OIDC": "oidc", "People": "one of the roles", "Volume": "a volume", "Resources": "resources",
	"Probe": "a probe", "Metrics": "metrics", "Update": "update", "Secret": "a secret",
	"Bus": "bus", "Topic": "a topic", "Retention": "retention", "Subscription": "a subscription", "Backoff": "backoff",
	"Telemetry": "telemetry", "OTLP": "otlp", "TelemetryRetention": "retention", "Notify": "one of notify", "Export": "one of export", "ExportOTLP": "otlp", "ExportElasticsearch": "elasticsearch", "ExportHTTP": "one of zipkin and loki", "Email": "email", "Alert": "an alert",
	"Saga": "a saga", "SagaStep": "a step", "StepCall": "call", "StepUndo": "undo", "StepRetry": "retry", "StepWait": "wait",
}

// unknownKey says which key was meant, or where it belongs.
func (d *decoder) unknownKey(t reflect.Type, e entry) (message, fix string) {
	title := titles[t.Name()]
	message = fmt.Sprintf("%s has no key %s", title, quote(e.key))
	if e.key == "" {
		return title + " has an empty key", "write a key before the colon"
	}
	if fix, ok := foreignKeys[t.Name()][e.key]; ok {
		return message, fix
	}
	if fix, ok := busForeign(t.Name(), e.key); ok {
		return message, fix
	}
	if fix, ok := containerKeys[e.key]; ok && (t.Name() == "Service" || t.Name() == "Job") {
		return message, fix
	}
	if strings.HasPrefix(e.key, "x-") {
		return message, "x- keys can stand at the top of the file, in services, in jobs and in routes"
	}
	keys := keysOf(t)
	for _, k := range keys {
		if simplify(k) == simplify(e.key) {
			return message, "write " + k
		}
	}
	if t.Name() == "App" && looksLikeService(e.val) {
		return message, fmt.Sprintf("%s looks like a service: indent it below services:", e.key)
	}
	if fix := belongsElsewhere(t, e.key); fix != "" {
		return message, fix
	}
	if near := nearest(e.key, keys); near != "" {
		return message, "did you mean " + near + "?"
	}
	return message, "known keys are " + strings.Join(keys, ", ")
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, f.key)
	}
	return keys
}

// looksLikeService spots a service at the top of the file.
func looksLikeService(n *node) bool {
	return n.kind == mapKind && (n.get("command") != nil || n.get("build") != nil && n.get("calls") != nil)
}

// belongsElsewhere finds a key that is right in another place.
func belongsElsewhere(t reflect.Type, key string) string {
	for _, f := range fieldsOf(t) {
		if child := structOf(f.typ); child != nil && slices.Contains(keysOf(child), key) {
			switch f.typ.Kind() {
			case reflect.Pointer:
				if child.Name() == "Probe" {
					continue // its keys are words of many meanings
				}
				return fmt.Sprintf("it belongs below %s: write %s: {%s: …}", f.key, f.key, key)
			case reflect.Map:
				if t.Name() == "App" && f.key == "services" {
					return fmt.Sprintf("it belongs to a service: write services: {NAME: {%s: …}}", key)
				}
			}
		}
	}
	inService := slices.Contains(keysOf(reflect.TypeFor[Service]()), key)
	inJob := slices.Contains(keysOf(reflect.TypeFor[Job]()), key)
	switch {
	case t.Name() == "Service" && key == "schedule":
		return "a program that runs on a schedule is a job: move it below jobs:"
	case t.Name() == "Service" && slices.Contains(keysOf(reflect.TypeFor[Policy]()), key):
		return fmt.Sprintf("callers set it, for each service they call: calls: {NAME: {%s: …}}; for requests from outside it belongs to the route", key)
	case t.Name() == "Job" && inService:
		return "only services have it, because a job takes no requests and ends by itself"
	case t.Name() == "App" && inJob:
		return fmt.Sprintf("it belongs to a job: write jobs: {NAME: {%s: …}}", key)
	case t.Name() != "App" && slices.Contains(keysOf(reflect.TypeFor[App]()), key):
		return "it belongs at the top of the file, without indentation"
	case t.Name() != "Gateway" && slices.Contains(keysOf(reflect.TypeFor[Gateway]()), key):
		return "it belongs below gateway:"
	case t.Name() != "Service" && t.Name() != "App" && inService:
		return "it belongs to the service: check the indentation"
	case t.Name() == "Gateway" && slices.Contains(keysOf(reflect.TypeFor[Route]()), key):
		return "it belongs to a route: routes: [{path: /, to: NAME}]"
	}
	return ""
}

// structOf is the struct that a field holds, as itself, by pointer or by name.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}

// notMapping says how a struct is written that was given as something else.
func (d *decoder) notMapping(n *node, path string, t reflect.Type) {
	key := keyOf(path)
	if _, err := strconv.Atoi(key); err == nil {
		key = titles[t.Name()]
	}
	message := fmt.Sprintf("%s must be a mapping, not %s", orElse(key, titles[t.Name()]), n.describe())
	d.problem(n.pos(), message, d.mappingFix(n, key, t))
}

// mappingFix guesses which one field a lone value was meant for.
func (d *decoder) mappingFix(n *node, key string, t reflect.Type) string {
	if n.kind == listKind {
		switch t.Name() {
		case "Gateway":
			return "write gateway: {routes: […]}"
		case "CORS":
			return "write cors: {origins: […]}"
		case "Probe":
			return "write " + key + ": {exec: […]}"
		}
		return "write keys below " + key + ":, without dashes"
	}
	val := yamlText(n)
	switch t.Name() {
	case "Service", "Job":
		if m := equalsSign().FindStringSubmatch(n.text); len(m) > 0 && slices.Contains(keysOf(t), m[1]) {
			return fmt.Sprintf("write a colon for the equals sign: %s: %s", m[1], m[2])
		}
		if fix := missingSpace(n); fix != "" && envName().MatchString(n.text[:strings.IndexByte(n.text, ':')]) {
			return fix
		}
		return fmt.Sprintf("write %s: {command: %s}", key, strconv.Quote(n.text))
	case "Gateway":
		return fmt.Sprintf("write gateway: {listen: %q}", ":"+strings.TrimPrefix(n.text, ":"))
	case "JWT":
		return fmt.Sprintf("write jwt: {jwks: %s}", val)
	case "Route":
		return "write - {path: /, to: NAME}"
	case "RateLimit":
		return "write rate_limit: {requests: 50, per: 1s}"
	case "CORS":
		if n.bool {
			val = `"*"`
		}
		return fmt.Sprintf("write cors: {origins: [%s]}", val)
	case "Call":
		if _, err := ParseDuration(n.text); err == nil {
			return fmt.Sprintf("write %s: {timeout: %s}", key, val)
		}
		return fmt.Sprintf("write %s: {} for the defaults, or %s: {timeout: 2s}", key, key)
	case "Breaker":
		return "write breaker: {} for the defaults, or breaker: {failure_ratio: 0.5}"
	case "TLS":
		return "write tls: {cert: certs/shop.pem, key: certs/shop-key.pem}"
	case "Database":
		if n.bool || n.text == "yes" {
			return "write database: {}"
		}
		return fmt.Sprintf("write database: {engine: %s}", val)
	case "AppResources":
		return "write resources: {postgres: {url: ${secret.PG_URL}}}"
	case "Postgres":
		return "write postgres: {url: ${secret.PG_URL}}"
	case "Resources":
		return "write resources: {cpu: 0.5, memory: 128Mi}"
	case "Probe":
		return probeFix(n, key, val)
	case "Metrics":
		if strings.HasPrefix(n.text, "/") {
			return fmt.Sprintf("write metrics: {path: %s}", val)
		}
		return "write metrics: {path: /metrics}"
	case "Secret":
		return fmt.Sprintf("write %s: {file: %s} or %s: {environment: VARIABLE}", key, val, key)
	}
	return orElse(busFix(n, key, val, t.Name()), policyFix(n, val, t.Name()))
}

var (
	// equalsSign is key = value.
	equalsSign = pattern(`^(\w+)\s*=\s*(.*)$`)
	// urlPath is the path of a URL within a command.
	urlPath = pattern(`https?://[^/\s]+(/\S*)`)
)

// yamlText writes a scalar so that it can stand within [ ] and { }.
func yamlText(n *node) string {
	if n.style != plainStyle || n.text == "" || strings.ContainsAny(n.text, "{}[],:*&#!|>%@`\"'") {
		return strconv.Quote(n.text)
	}
	return n.text
}

func probeFix(n *node, key, val string) string {
	switch {
	case strings.HasPrefix(n.text, "/"):
		return fmt.Sprintf("write %s: {http: %s}", key, val)
	case n.text == "tcp":
		return fmt.Sprintf("write %s: {tcp: true}", key)
	case urlPath().MatchString(n.text):
		return fmt.Sprintf("write %s: {http: %s}", key, urlPath().FindStringSubmatch(n.text)[1])
	case strings.Contains(n.text, " "):
		return fmt.Sprintf("write %s: {exec: %q}", key, n.text)
	case slices.Contains([]string{"false", "none", "no", "off", "disabled"}, n.text):
		return fmt.Sprintf("leave %s out for the default", key)
	}
	return fmt.Sprintf("write %s: {http: /healthz}, {tcp: true}, {exec: …} or {log: …}", key)
}

// notMap is notMapping for maps by name.
func (d *decoder) notMap(n *node, id string) {
	form := map[string][2]string{
		"App.Services":       {"services", "write services: {NAME: {command: …}}, or each name and a colon on a line of its own"},
		"App.Jobs":           {"jobs", "write jobs: {NAME: {command: …}}"},
		"App.Secrets":        {"secrets", "write secrets: {NAME: {file: PATH}}, or secrets: {NAME: {}} for one that banyan secret set fills"},
		"JWT.Forward":        {"forward", "write forward: {sub: X-User-Id}"},
		"Route.Headers":      {"headers", "write headers: {X-Name: value}"},
		"App.Topics":         {"topics", "write topics: {order.placed: {key: subject}}; one with all defaults need not be here"},
		"App.Sagas":          {"sagas", "write sagas: {NAME: {steps: […]}}"},
		"Service.Subscribes": {"subscribes", "write the path that receives each topic's events: subscribes: {order.placed: /events/order-placed}"},
		"Route.Query":        {"query", `write query: {name: "value"}`},
	}[id]
	fix := form[1]
	if n.kind == listKind && len(n.items) > 0 && n.items[0].kind == mapKind {
		if name := n.items[0].get("name"); name != nil && name.kind == scalarKind && id != "Route.Headers" && id != "Route.Query" {
			fix = fmt.Sprintf("each name is a key: write %s: {%s: {…}} instead of - name: %s", form[0], name.text, name.text)
		} else if first := n.items[0].entries; len(first) == 1 {
			fix = fmt.Sprintf("remove the dash before %s:", first[0].key)
		}
	}
	d.problem(n.pos(), fmt.Sprintf("%s must be a mapping by name, not %s", form[0], n.describe()), fix)
}

// notList says how a list is written that was given as something else.
func (d *decoder) notList(n *node, id string) {
	key := keyOfField(id)
	message := fmt.Sprintf("%s must be a list, not %s", key, n.describe())
	switch {
	case id == "Gateway.Routes":
		fix := "begin each route with a dash: - {path: /, to: NAME}"
		if n.kind == mapKind && len(n.entries) > 0 && strings.HasPrefix(n.entries[0].key, "/") {
			to := "NAME"
			if val := n.entries[0].val; val.kind == scalarKind {
				to = val.text
			}
			fix = fmt.Sprintf("write - {path: %s, to: %s}", n.entries[0].key, to)
		}
		d.problem(n.pos(), message, fix)
	case id == "Service.Volumes":
		fix := "write volumes: [NAME:VARIABLE]"
		if n.kind == mapKind && len(n.entries) > 0 && n.entries[0].val.kind == scalarKind {
			fix = fmt.Sprintf("write volumes: [%s:%s]", n.entries[0].key, n.entries[0].val.text)
		}
		d.problem(n.pos(), message, fix)
	case strings.HasSuffix(id, ".Publishes") && n.kind == mapKind && len(n.entries) > 0:
		d.problem(n.pos(), message, fmt.Sprintf("write publishes: [%s]; what is said about a topic stands at the top: topics: {%s: {…}}", n.entries[0].key, n.entries[0].key))
	case n.kind == scalarKind:
		d.problem(n.pos(), message, fmt.Sprintf("write %s: [%s]", key, yamlText(n)))
	default:
		d.problem(n.pos(), message, fmt.Sprintf("write %s: […]", key))
	}
}

// keyOfField is the key in the file of Type.Field.
func keyOfField(id string) string {
	for _, t := range structTypes {
		for _, f := range fieldsOf(t) {
			if f.id == id {
				return f.key
			}
		}
	}
	return id
}

// structTypes are all the types of the file.
var structTypes = []reflect.Type{
	reflect.TypeFor[App](), reflect.TypeFor[Gateway](), reflect.TypeFor[JWT](), reflect.TypeFor[Route](),
	reflect.TypeFor[RateLimit](), reflect.TypeFor[CORS](), reflect.TypeFor[Service](), reflect.TypeFor[Job](),
	reflect.TypeFor[TLS](), reflect.TypeFor[Concurrency](), reflect.TypeFor[Call](), reflect.TypeFor[Policy](), reflect.TypeFor[Breaker](),
	reflect.TypeFor[Outlier](), reflect.TypeFor[Balance](), reflect.TypeFor[Hedge](), reflect.TypeFor[Fallback](),
	reflect.TypeFor[Mirror](), reflect.TypeFor[Cache](), reflect.TypeFor[Fault](), reflect.TypeFor[Dependency](), reflect.TypeFor[Database](), reflect.TypeFor[AppResources](), reflect.TypeFor[Postgres](),
	reflect.TypeFor[Volume](), reflect.TypeFor[Resources](), reflect.TypeFor[Probe](), reflect.TypeFor[Metrics](), reflect.TypeFor[Update](),
	reflect.TypeFor[Secret](), reflect.TypeFor[Bus](), reflect.TypeFor[Topic](), reflect.TypeFor[Retention](),
	reflect.TypeFor[Subscription](), reflect.TypeFor[Backoff](), reflect.TypeFor[Saga](), reflect.TypeFor[SagaStep](),
	reflect.TypeFor[Telemetry](), reflect.TypeFor[OTLP](), reflect.TypeFor[TelemetryRetention](), reflect.TypeFor[Notify](), reflect.TypeFor[Export](), reflect.TypeFor[ExportOTLP](), reflect.TypeFor[ExportElasticsearch](), reflect.TypeFor[ExportHTTP](), reflect.TypeFor[Email](), reflect.TypeFor[Alert](),
	reflect.TypeFor[StepCall](), reflect.TypeFor[StepUndo](), reflect.TypeFor[StepRetry](), reflect.TypeFor[StepWait](),
	reflect.TypeFor[Dashboard](), reflect.TypeFor[OIDC](), reflect.TypeFor[People](),
}

// autoscaling answers replicas: {min, max}.
func (d *decoder) autoscaling(n *node) {
	number := func(key string) (int, bool) {
		v := n.get(key)
		if v == nil || v.kind != scalarKind {
			return 0, false
		}
		i, err := strconv.Atoi(v.text)
		return i, err == nil
	}
	least, hasLeast := number("min")
	most, hasMost := number("max")
	fix := "write a number, such as replicas: 2"
	if hasMost {
		fix = fmt.Sprintf("write a number, such as replicas: %d", max(1, most))
	}
	d.problem(n.pos(), "replicas takes a number: autoscaling between min and max is not there yet in this version", fix)
	if hasLeast && hasMost && least > most {
		d.problem(n.get("min").pos(), fmt.Sprintf("min is %d and max is %d: min is above max", least, most), "exchange the two")
	}
}
