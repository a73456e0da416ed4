package daemon

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

const text = `
name: shop
services:
  order:
    command: order --listen ${host}:${port}
    calls: [stock-api, bank]
    database: {}
    environment: {STOCK: "${services.stock-api.addr}", PASSWORD: "${secret.db}", LANG: C, PRICE: "5 $$"}
    secrets: [db]
    volumes: ["files:FILES"]
  stock-api: {command: stock}
  bank: {command: bank, protocol: tcp}
  other: {command: other}
secrets: {db: {}}
`

func order(t *testing.T) *surroundings {
	t.Helper()
	f, err := appfile.Parse("banyan.yaml", []byte(text), appfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app := &model.App{Name: "shop", Services: map[string]*model.Service{}}
	for name, s := range f.App.Services {
		app.Services[name] = &model.Service{Name: name, Spec: s, Variables: map[string]string{"PATH": "/bin", "HOME": "/home/ann", "LANG": "de"}}
	}
	return &surroundings{
		app: app, service: app.Services["order"],
		instance: model.Instance{ID: "order-3", Service: "order", Revision: "abc", Port: 20100, OutDir: "/out"},
		addrs: map[string]string{
			"edge/order/stock-api": "127.0.0.1:20001", "edge/order/bank": "127.0.0.1:20002", "refuse/order": "127.0.0.1:20003",
			"edge/order/banyan": "127.0.0.1:20004",
		},
		dataDir: "/data/order",
		secret: func(name string) ([]byte, error) {
			if name != "db" {
				return nil, errors.New("no such secret")
			}
			return []byte("hunter2"), nil
		},
		token: func(service string) (string, error) { return "token of " + service, nil },
	}
}

func TestEnvironment(t *testing.T) {
	env, err := order(t).environment()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"PORT=20100", "HOST=127.0.0.1", "BANYAN_SERVICE=order", "BANYAN_INSTANCE=order-3", "BANYAN_REVISION=abc", "BANYAN_URL=http://127.0.0.1:20004",
		"BANYAN_TOKEN=token of order",
		"STOCK_API_URL=http://127.0.0.1:20001", "STOCK_API_ADDR=127.0.0.1:20001", "STOCK_API_HOST=127.0.0.1", "STOCK_API_PORT=20001",
		"BANK_URL=tcp://127.0.0.1:20002", "OTHER_URL=http://127.0.0.1:20003/~refused/other",
		"DATABASE_PATH=/data/order/order.db", "DATABASE_URL=sqlite:///data/order/order.db", "DATA_DIR=/data/order", "FILES=/data/order/files",
		"STOCK=127.0.0.1:20001", "PASSWORD=hunter2", "DB=hunter2", "LANG=C", "PRICE=5 $", "PATH=/bin", "HOME=/home/ann",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(env, "\n"))
		}
	}
	if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "ORDER_URL=") }) {
		t.Error("a service needs no address of itself")
	}
}

// TestEnvironmentForOpenTelemetry: SDKs send to Banyan unless the app file says where to.
func TestEnvironmentForOpenTelemetry(t *testing.T) {
	for _, c := range []struct {
		name      string
		off       bool
		own       map[string]string
		want, not []string
	}{
		{
			name: "by itself",
			want: []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:20004", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_SERVICE_NAME=order",
				"OTEL_RESOURCE_ATTRIBUTES=service.instance.id=order-3,banyan.revision=abc",
			},
			not: []string{"OTEL_EXPORTER_OTLP_HEADERS="}, // the terminal's
		},
		{
			name: "another endpoint", own: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"},
			want: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x", "OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_RESOURCE_ATTRIBUTES=z=1"},
			not:  []string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_PROTOCOL=", "OTEL_SERVICE_NAME="},
		},
		{
			name: "what it says of itself", own: map[string]string{
				"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.instance.id=one", "OTEL_SERVICE_NAME": "mine", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			},
			want: []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:20004", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_SERVICE_NAME=mine",
				"OTEL_RESOURCE_ATTRIBUTES=a=b,service.instance.id=one,banyan.revision=abc",
			},
		},
		{name: "off", off: true, want: []string{"OTEL_EXPORTER_OTLP_HEADERS=a=b"}, not: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_SERVICE_NAME="}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := order(t)
			e.telemetry = !c.off
			e.service.Variables["OTEL_EXPORTER_OTLP_HEADERS"], e.service.Variables["OTEL_RESOURCE_ATTRIBUTES"] = "a=b", "z=1"
			maps.Copy(e.service.Spec.Environment, c.own)
			env, err := e.environment()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !slices.Contains(env, want) {
					t.Errorf("%s is missing in\n%s", want, strings.Join(env, "\n"))
				}
			}
			for _, not := range c.not {
				if slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, not) }) {
					t.Errorf("%s is in\n%s", not, strings.Join(env, "\n"))
				}
			}
		})
	}
}

func TestEnvironmentOfAnotherUser(t *testing.T) {
	e := order(t)
	e.as = account{change: true, uid: 61200, gid: 61200}
	e.service.Spec.Environment["GOCACHE"] = "/data/cache"
	env, err := e.environment()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(env, "HOME=/data/order") || !slices.Contains(env, "GOCACHE=/data/cache") {
		t.Errorf("environment of another user:\n%s", strings.Join(env, "\n"))
	}
}

func TestArgv(t *testing.T) {
	e := order(t)
	argv, err := e.argv(e.service.Spec.Command)
	if err != nil || !slices.Equal(argv, []string{"order", "--listen", "127.0.0.1:20100"}) {
		t.Fatalf("%q, %v", argv, err)
	}
}

// TestConfigHash holds what makes a new revision and what does not.
func TestConfigHash(t *testing.T) {
	hash := func(change func(*surroundings)) string {
		e := order(t)
		change(e)
		f := &finisher{addrs: e.addrs, secret: e.secret, first: map[string]string{"edge/order/banyan": "127.0.0.1:20004"}}
		if err := f.configHash(e.app, e.service); err != nil {
			t.Fatal(err)
		}
		return e.service.ConfigHash
	}
	base := hash(func(*surroundings) {})
	same := map[string]func(*surroundings){
		"replicas":            func(e *surroundings) { e.service.Replicas = 7 },
		"owner":               func(e *surroundings) { e.service.Spec.Owner = "x" },
		"inherited variables": func(e *surroundings) { e.service.Variables = map[string]string{"PATH": "/other"} },
		"a policy of a call":  func(e *surroundings) { e.service.Spec.Calls["bank"] = &appfile.Call{} },
		"a stand-in": func(e *surroundings) {
			e.service.Spec.Calls["bank"].Fallback = &appfile.Fallback{Service: "spare"}
		},
		"what it publishes": func(e *surroundings) { e.service.Spec.Publishes = []string{"order.placed"} },
		"what it subscribes to": func(e *surroundings) {
			e.service.Spec.Subscribes = map[string]*appfile.Subscription{"order.placed": {Path: "/events"}}
		},
		"an outbox":                func(e *surroundings) { e.service.Spec.Database.Outbox = true },
		"no address of Banyan yet": func(e *surroundings) { delete(e.addrs, "edge/order/banyan") },
		"where metrics are":        func(e *surroundings) { e.service.Spec.Metrics = &appfile.Metrics{Path: "/x"} },
		"concurrency":              func(e *surroundings) { e.service.Spec.Concurrency = &appfile.Concurrency{Max: 5} },
		"an unrelated address":     func(e *surroundings) { e.addrs["edge/other/bank"] = "127.0.0.1:1" },
	}
	for what, change := range same {
		if hash(change) != base {
			t.Errorf("%s made a new revision", what)
		}
	}
	other := map[string]func(*surroundings){
		"the command":     func(e *surroundings) { e.service.Spec.Command = appfile.Command{"x"} },
		"a PROXY header":  func(e *surroundings) { e.service.Spec.ProxyProtocol = 2 },
		"a variable":      func(e *surroundings) { e.service.Spec.Environment["LANG"] = "ko" },
		"a callee":        func(e *surroundings) { e.service.Spec.Calls["other"] = &appfile.Call{} },
		"Banyan's place":  func(e *surroundings) { e.addrs["edge/order/banyan"] = "127.0.0.1:20009" },
		"an edge's place": func(e *surroundings) { e.addrs["edge/order/bank"] = "127.0.0.1:20009" },
		"a secret's value": func(e *surroundings) {
			e.secret = func(string) ([]byte, error) { return []byte("other"), nil }
		},
		"a restart": func(e *surroundings) { e.service.Restarts++ },
	}
	for what, change := range other {
		if hash(change) == base {
			t.Errorf("%s made no new revision", what)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		have, want string
		older      bool
	}{{"3.11.7", "3.9", false}, {"3.8", "3.9", true}, {"18", "18.2", true}, {"20.20.2", "20", false}, {"3.9.0", "3.9", false}} {
		if got := older(c.have, c.want); got != c.older {
			t.Errorf("older(%s, %s) = %v", c.have, c.want, got)
		}
	}
}
