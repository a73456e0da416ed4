package appfile

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule bounds one field. Numbers are counts, nanoseconds or bytes, as the
// field's type says. The schema is made from the same table.
type rule struct {
	enum     []string
	min, max float64
	above    bool // min itself is not allowed
}

var unbounded = math.Inf(1)

func oneOf(names ...string) rule       { return rule{enum: names, min: -unbounded, max: unbounded} }
func from(least float64) rule          { return rule{min: least, max: unbounded} }
func between(least, most float64) rule { return rule{min: least, max: most} }

// positive is for durations and sizes where zero makes no sense.
func positive() rule { return rule{max: unbounded, above: true} }

var (
	jwtAlgorithms = []string{"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	protocols     = []string{"http", "h2c", "tcp"}
	strategies    = []string{"rolling", "recreate"}
	balances      = []string{"p2c", "round_robin", "least_request", balanceHash}
	stepMethods   = []string{"POST", "PUT", "PATCH", "DELETE", "GET"}
	conditions    = []string{"service_ready", "service_started", "job_completed", "service_healthy", "service_completed_successfully"}

	telemetrySignals = []string{"traces", "logs", "metrics"}
)

// balanceHash is the one way to balance that needs a key.
const balanceHash = "hash"

// percent is for shares of requests, where none makes no sense.
var percent = rule{max: 100, above: true}

// upToHour is for requests whose receivers may be slow.
var upToHour = rule{max: float64(time.Hour), above: true}

// maxReplicas keeps a slip of the finger from starting a million programs.
const maxReplicas = 1000

// fieldRules are the bounds by Type.Field.
var fieldRules = map[string]rule{
	"Gateway.MaxHeader":        from(1 << 10),
	"Gateway.MaxBody":          positive(),
	"Gateway.HeaderTimeout":    positive(),
	"Gateway.IdleTimeout":      positive(),
	"JWT.Algorithms":           oneOf(jwtAlgorithms...),
	"JWT.Leeway":               {max: float64(time.Hour), above: true},
	"Route.Auth":               oneOf("none", "optional", "required"),
	"Route.MaxBody":            from(0),
	"RateLimit.Requests":       between(1, 1e9),
	"RateLimit.Per":            {min: float64(time.Millisecond), max: float64(24 * time.Hour)},
	"RateLimit.Burst":          between(1, 1e9),
	"RateLimit.By":             oneOf("address", "subject"),
	"CORS.MaxAge":              positive(),
	"Service.Protocol":         oneOf(protocols...),
	"Service.ProxyProtocol":    between(1, 2),
	"Service.Port":             between(1, 65535),
	"Service.Replicas":         between(0, maxReplicas),
	"Service.Restart":          oneOf("always", "on-failure", "no"),
	"Service.StopGracePeriod":  from(0),
	"Service.DrainTimeout":     from(0),
	"Service.StartTimeout":     positive(),
	"Service.BuildTimeout":     positive(),
	"Concurrency.Max":          between(1, 1e6),
	"Job.BuildTimeout":         positive(),
	"Job.Timeout":              from(0),
	"Job.Retries":              between(0, 100),
	"Policy.Timeout":           from(0),
	"Policy.TryTimeout":        from(0),
	"Policy.Retries":           between(0, 10),
	"Policy.RetryBudget":       {max: 1, above: true},
	"Policy.Bulkhead":          from(1),
	"Breaker.FailureRatio":     {max: 1, above: true},
	"Breaker.MinRequests":      between(1, 1e6),
	"Breaker.Window":           positive(),
	"Breaker.OpenFor":          positive(),
	"Outlier.Errors":           between(0, 1e6),
	"Outlier.Base":             positive(),
	"Outlier.Max":              positive(),
	"Outlier.MaxPercent":       between(1, 100),
	"Balance.By":               oneOf(balances...),
	"Hedge.After":              positive(),
	"Hedge.Max":                between(1, 10),
	"Fallback.Stale":           from(0),
	"Fallback.Status":          between(200, 599),
	"Mirror.Percent":           percent,
	"Cache.MaxBytes":           positive(),
	"Cache.MaxObject":          positive(),
	"Cache.DefaultTTL":         from(0),
	"Cache.StaleIfError":       from(0),
	"Fault.Delay":              from(0),
	"Fault.DelayPercent":       percent,
	"Fault.Abort":              between(200, 599),
	"Fault.AbortPercent":       percent,
	"Dependency.Condition":     oneOf(conditions...),
	"Database.Engine":          oneOf(EngineSQLite, EnginePostgres),
	"App.SagaStore":            oneOf(EngineSQLite, EnginePostgres),
	"Database.Connections":     between(1, 1e5),
	"Resources.CPU":            between(0, 4096),
	"Resources.Memory":         from(0),
	"Probe.InitialDelay":       from(0),
	"Probe.Period":             positive(),
	"Probe.Timeout":            positive(),
	"Probe.SuccessThreshold":   between(1, 1000),
	"Probe.FailureThreshold":   between(1, 1000),
	"Update.Strategy":          oneOf(strategies...),
	"Bus.Engine":               oneOf(EngineEmbedded, EngineNATS, EngineKafka, EngineRabbitMQ),
	"Bus.MaxBytes":             from(16 << 20),
	"Bus.Accept":               oneOf(acceptMemory, AcceptOneCopy),
	"Topic.Compatibility":      oneOf(CompatibilityBackward, CompatibilityNone),
	"Topic.DedupWindow":        between(0, float64(7*day)),
	"Topic.MaxEvent":           between(1, 1<<20),
	"Retention.Time":           positive(),
	"Retention.Size":           from(1 << 20),
	"Retention.Full":           oneOf(FullRefuse, FullDropOldest),
	"Subscription.Concurrency": between(1, 1000),
	"Subscription.Timeout":     upToHour,
	"Subscription.MaxAttempts": between(0, 1e6),
	"Subscription.Content":     oneOf(ContentBinary, ContentStructured),
	"Backoff.First":            positive(),
	"Backoff.Most":             positive(),
	"Saga.Timeout":             positive(),
	"Saga.Retention":           positive(),
	"SagaStep.Timeout":         upToHour,
	"SagaStep.Delay":           positive(),
	"StepCall.Method":          oneOf(stepMethods...),
	"StepUndo.Method":          oneOf(stepMethods...),
	"StepUndo.Absent":          oneOf("ok", "attention"),
	"StepRetry.First":          positive(),
	"StepRetry.Most":           positive(),
	"StepRetry.For":            positive(),
	"StepWait.Deadline":        positive(),
	"StepWait.Else":            oneOf("abort", "continue"),
	"Telemetry.SamplePercent":  percent,
	"TelemetryRetention.Size":  from(64 << 20),
	"TelemetryRetention.Time":  positive(),
	"OIDC.SessionTime":         between(float64(time.Minute), float64(30*24*time.Hour)),
	"Email.TLS":                oneOf("starttls", "tls", "none"),
	"Alert.For":                from(0),
	"Alert.KeepFiring":         from(0),

	"ExportOTLP.Protocol":         oneOf("http", "grpc"),
	"ExportOTLP.Signals":          oneOf(telemetrySignals...),
	"ExportElasticsearch.Signals": oneOf(telemetrySignals...),
}

// required are the fields that must be given, with how.
var required = map[string]string{ //nolint:gosec // examples of values
	"Service.Command":    "write command: with the program and its arguments",
	"Job.Command":        "write command: with the program and its arguments",
	"JWT.JWKS":           "write jwks: with the address of the key set, such as ${services.user.url}/.well-known/jwks.json",
	"Route.To":           "write to: with the name of a service",
	"RateLimit.Requests": "write requests: 50, for example",
	"RateLimit.Per":      "write per: 1s, for example",
	"CORS.Origins":       `write origins: ["https://shop.example"], or ["*"] for all`,
	"TLS.Cert":           "write cert: with the file of the certificate, in PEM",
	"TLS.Key":            "write key: with the file of the certificate's private key, in PEM",
	"Concurrency.Max":    "write concurrency: 100, or concurrency: {max: 200, adaptive: true}",
	"Hedge.After":        "write after: 50ms, for example: about what nine in ten requests take",
	"Mirror.To":          "write to: with the name of a service",
	"Subscription.Path":  "write TOPIC: /events/order-placed, for example: the path that receives the events",
	"Saga.Steps":         "write steps: with a list, such as - {name: reserve, call: {service: stock, path: /reservations}, undo: none}",
	"StepCall.Service":   "write service: with the name of a service",
	"StepCall.Path":      "write path: /reservations, for example",
	"StepWait.Topic":     "write topic: with the name of a topic",
	"StepWait.Where":     `write where: "event.subject == input.order", for example, which is true for one event alone`,
	"StepWait.Deadline":  "write deadline: 15m, for example",
	"Email.Server":       "write server: smtp.example.com:587, for example",
	"Email.From":         "write from: banyan@example.com, for example",
	"Email.To":           "write to: ops@example.com, or a list",
	"OIDC.Issuer":        "write issuer: https://id.example.com, for example, as the provider calls itself",
	"OIDC.ClientID":      "write client_id: with what the provider calls this app",
	"Postgres.URL":       "write url: ${secret.PG_URL}, and secrets: {PG_URL: {}} at the top of the file; its value is like postgres://USER:PASSWORD@HOST:5432/postgres",
	"Volume.Name":        "write name:",
	"Volume.Env":         "write env: with the variable that tells the directory's path",

	"ExportOTLP.URL":          "write url: https://collector.example.com:4318, for example",
	"ExportElasticsearch.URL": "write url: https://elastic.example.com:9200, for example",
	"ExportHTTP.URL":          "write url: http://127.0.0.1:9411, for example",
}

// rules checks each field against the tables, before defaults are filled in.
func (v *validator) rules() { v.walk(reflect.ValueOf(v.app).Elem(), "") }

func (v *validator) walk(s reflect.Value, path string) {
	for _, f := range fieldsOf(s.Type()) {
		val, at := s.FieldByIndex(f.index), join(path, f.key)
		if how, ok := required[f.id]; ok && isEmpty(val) && !v.isBad(at) {
			if _, given := v.ix.find(at); !given || val.Kind() != reflect.Int && f.typ != reflect.TypeFor[Duration]() {
				v.report(at, fmt.Sprintf("%s has no %s", v.subject(path, s.Type()), f.key), how)
				continue
			}
		}
		v.field(val, f, at)
	}
}

func isEmpty(val reflect.Value) bool {
	if k := val.Kind(); k == reflect.Slice || k == reflect.Map {
		return val.Len() == 0
	}
	return val.IsZero()
}

// subject names the struct at path: "service order", "a route".
func (v *validator) subject(path string, t reflect.Type) string {
	parts := strings.Split(path, "\x00")
	if name := t.Name(); len(parts) == 2 && (name == "Service" || name == "Job" || name == "Saga") {
		return strings.ToLower(name) + " " + parts[1]
	}
	return orElse(titles[t.Name()], t.Name())
}

func (v *validator) field(val reflect.Value, f field, path string) {
	_, given := v.ix.find(path)
	switch val.Kind() {
	case reflect.Pointer:
		if val.IsNil() {
			return
		}
		given = true
		val = val.Elem()
	case reflect.Map:
		for _, key := range val.MapKeys() {
			at := join(path, key.String())
			if elem := val.MapIndex(key); elem.Kind() == reflect.Pointer && !elem.IsNil() && !v.isBad(at) {
				v.walk(elem.Elem(), at)
			}
		}
		return
	case reflect.Slice:
		for i := range val.Len() {
			elem := val.Index(i)
			if elem.Kind() == reflect.Pointer && !elem.IsNil() {
				elem = elem.Elem()
			}
			at := join(path, strconv.Itoa(i))
			switch elem.Kind() {
			case reflect.Struct:
				if !v.isBad(at) {
					v.walk(elem, at)
				}
			case reflect.String:
				v.check(elem, f, at)
			}
		}
		return
	}
	if val.Kind() == reflect.Struct {
		if !v.isBad(path) {
			v.walk(val, path)
		}
		return
	}
	if (given || !val.IsZero()) && !v.isBad(path) {
		v.check(val, f, path)
	}
}

// check applies one rule to one value.
func (v *validator) check(val reflect.Value, f field, path string) {
	r, ok := fieldRules[f.id]
	if !ok {
		return
	}
	if val.Kind() == reflect.String {
		if len(r.enum) > 0 && !slices.Contains(r.enum, val.String()) {
			v.badWord(val.String(), f, path, r)
		}
		return
	}
	var n float64
	switch val.Kind() {
	case reflect.Int, reflect.Int64:
		n = float64(val.Int())
	case reflect.Float64:
		n = val.Float()
	}
	if math.IsNaN(n) || n < r.min || n > r.max || r.above && n == r.min {
		message, fix := r.complain(f, val)
		v.report(path, message, fix)
	}
}

// complain says what the range is.
func (r rule) complain(f field, val reflect.Value) (message, fix string) {
	show := func(n float64) string {
		switch val.Type() {
		case reflect.TypeFor[Duration]():
			return Duration(n).String()
		case reflect.TypeFor[Bytes]():
			return Bytes(n).String()
		}
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	got, key := fmt.Sprint(val.Interface()), f.key
	if f.id == "Concurrency.Max" {
		key = "concurrency" // in its short form there is no max
	}
	switch {
	case r.max < unbounded && r.above:
		message = fmt.Sprintf("%s must be above %s and at most %s, not %s", key, show(r.min), show(r.max), got)
	case r.max < unbounded:
		message = fmt.Sprintf("%s must be between %s and %s, not %s", key, show(r.min), show(r.max), got)
	case r.above:
		message = fmt.Sprintf("%s must be above %s, not %s", key, show(r.min), got)
	default:
		message = fmt.Sprintf("%s must be at least %s, not %s", key, show(r.min), got)
	}
	if how, ok := required[f.id]; ok {
		fix = how
	} else if val.IsZero() {
		fix = "leave it out for the default"
	} else if (f.id == "Breaker.FailureRatio" || f.id == "Policy.RetryBudget") && val.Float() > 1 && val.Float() <= 100 {
		fix = fmt.Sprintf("write %v", val.Float()/100)
	}
	return message, fix
}

// balanceWords are other programs' words for ways to balance.
var balanceWords = map[string]string{
	"rr": "write round_robin", "leastconn": "write least_request", "leastconnections": "write least_request", "leasttime": "write p2c",
	"random": "write p2c, which takes the better of two random instances", "ewma": "write p2c", "peakewma": "write p2c", "default": "write p2c",
	"iphash": "write {by: hash, source: true}", "source": "write {by: hash, source: true}", "sourceip": "write {by: hash, source: true}",
	"ringhash": "write {by: hash, header: X-User-Id}", "maglev": "write {by: hash, header: X-User-Id}", "consistenthash": "write {by: hash, header: X-User-Id}",
	"sticky": "write {by: hash, cookie: session}", "cookie": "write {by: hash, cookie: session}", "header": "write {by: hash, header: X-User-Id}",
}

// badWord says which words are known.
func (v *validator) badWord(got string, f field, path string, r rule) {
	known := r.enum
	message := fmt.Sprintf("%s cannot be %s", f.key, quote(got))
	fix := didYouMean(got, known, "")
	switch {
	case f.id == "Update.Strategy":
		message = fmt.Sprintf("there is no update strategy %s", quote(got))
		if slices.Contains([]string{"canary", "blue-green", "bluegreen", "blue_green"}, got) {
			message += " yet in this version"
		}
		fix = orElse(fix, "known strategies are rolling and recreate")
	case f.id == "App.SagaStore":
		message = fmt.Sprintf("sagas cannot be kept in %s", quote(got))
		fix = orElse(databaseWords[simplify(got)], orElse(fix, "known are sqlite and postgres"))
	case f.id == "Database.Engine":
		message = fmt.Sprintf("there is no database engine %s in this version", quote(got))
		fix = orElse(databaseWords[simplify(got)], orElse(fix, "known are sqlite and postgres; or run the database elsewhere and give its address in environment:"))
	case f.id == "JWT.Algorithms" && strings.HasPrefix(got, "HS"):
		message = fmt.Sprintf("the algorithm %s signs with a shared secret, which the gateway does not accept", got)
		fix = "sign with a key pair: EdDSA, ES256 or RS256"
	case f.id == "Balance.By":
		message = fmt.Sprintf("there is no way %s to balance", quote(got))
		fix = orElse(balanceWords[simplify(got)], orElse(fix, "known are "+strings.Join(known, ", ")))
	case f.id == "Service.Protocol" && slices.Contains([]string{"grpc", "http2", "h2", "gRPC"}, got):
		fix = "write h2c: HTTP/2 without TLS, which gRPC uses"
	case f.id == "Service.Protocol" && slices.Contains([]string{"https", "websocket", "ws", "http1", "http/1.1"}, got):
		fix = "write http; the gateway and banyan's edges speak to services without TLS"
	case f.id == "Service.Restart" && slices.Contains([]string{"unless-stopped", "true", "yes", "on", "Always"}, got):
		fix = "write always"
	case f.id == "Service.Restart" && slices.Contains([]string{"never", "false", "none", "off"}, got):
		fix = "write no"
	case f.id == "Route.Auth" && slices.Contains([]string{"true", "yes", "jwt", "bearer"}, got):
		fix = "write required"
	case f.id == "Route.Auth" && slices.Contains([]string{"false", "no"}, got):
		fix = "write none"
	case f.id == "RateLimit.By" && slices.Contains([]string{"ip", "client", "client_ip", "addr"}, got):
		fix = "write address"
	case f.id == "RateLimit.By" && slices.Contains([]string{"user", "sub", "token"}, got):
		fix = "write subject"
	case wordFixes[f.id][simplify(got)] != "":
		fix = "write " + wordFixes[f.id][simplify(got)]
	case fix != "":
	default:
		if f.id == "Dependency.Condition" {
			known = known[:3]
		}
		fix = "known are " + strings.Join(known, ", ")
	}
	v.report(path, message, fix)
}
