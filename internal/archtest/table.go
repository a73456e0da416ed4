package archtest

// The rooms that appear in many rows.
const (
	appfile   = "appfile"
	contract  = "proto/banyan/v1"
	connect   = "proto/banyan/v1/banyanv1connect"
	daemon    = "internal/daemon"
	layout    = "internal/daemon/layout"
	launch    = "internal/daemon/launch"
	driver    = "internal/driver"
	process   = "internal/driver/process"
	exec      = "internal/driver/process/launch"
	early     = "internal/driver/process/launch/early"
	harness   = "internal/driver/drivertest"
	fault     = "internal/fault"
	crash     = "internal/crashpoint"
	ce        = "internal/cloudevent"
	flow      = "internal/bus/flow"
	bus       = "internal/bus"
	progress  = "internal/bus/progress"
	sqlite    = "internal/sqlite"
	events    = "internal/bus/engine"
	fsys      = "internal/bus/journal/fsys"
	fsystest  = "internal/bus/journal/fsystest"
	enginest  = "internal/bus/enginetest"
	journal   = "internal/bus/journal"
	natsbus   = "internal/bus/nats"
	kafkabus  = "internal/bus/kafka"
	rabbitbus = "internal/bus/rabbitmq"
	remotebus = "internal/bus/remote"
	brokers   = "internal/bus/brokertest"
	gateway   = "internal/gateway"
	link      = "internal/link"
	socket    = "internal/socket"
	model     = "internal/model"
	proxy     = "internal/proxy"
	message   = "internal/proxy/message"
	http1     = "internal/proxy/h1"
	http2     = "internal/proxy/h2"
	hpack     = "internal/proxy/h2/hpack"
	h2spec    = "internal/proxy/h2/h2spec"
	loop      = "internal/proxy/loop"
	policy    = "internal/proxy/policy"
	cache     = "internal/proxy/cache"
	account   = "internal/proxy/account"
	route     = "internal/route"
	secret    = "internal/secret"
	dataplane = "internal/dataplane"
	admin     = "internal/admin"
	services  = "internal/serviceapi"
	ignore    = "internal/ignore"
	cli       = "internal/cli"
	screen    = "internal/cli/screen"
	view      = "internal/cli/view"
	watch     = "internal/cli/watch"
	state     = "internal/state"
	reconcile = "internal/reconcile"
	logs      = "internal/logs"
	probe     = "internal/probe"
	build     = "internal/build"
	ports     = "internal/ports"
	slim      = "internal/slim"
	outbox    = "internal/outbox"
	sagaexpr  = "internal/saga/expr"
	sagadef   = "internal/saga/definition"
	machine   = "internal/saga/machine"
	sagacall  = "internal/saga/call"
	sagastore = "internal/saga/store"
	sagas     = "internal/saga/coordinator"
	barrier   = "internal/saga/barrier"
	postgres  = "internal/postgres"
	pgtest    = "internal/postgres/pgtest"
	dash      = "internal/dash"
	access    = "internal/dash/access"
	actions   = "internal/dash/audit"
	stream    = "internal/dash/stream"
	signin    = "internal/dash/signin"
	idptest   = "internal/dash/signin/signintest"
	signals   = "internal/telemetry/signal"
	filter    = "internal/telemetry/filter"
	matches   = "internal/telemetry/match"
	blocks    = "internal/telemetry/block"
	blocktest = "internal/telemetry/block/blocktest"
	telestore = "internal/telemetry/store"
	otlp      = "internal/telemetry/otlp"
	zipkin    = "internal/telemetry/zipkin"
	output    = "internal/telemetry/output"
	red       = "internal/telemetry/red"
	graph     = "internal/telemetry/graph"
	telemetry = "internal/telemetry"
	series    = "internal/telemetry/metrics"
	alerts    = "internal/telemetry/alert"
	promapi   = "internal/telemetry/promapi"
	jaeger    = "internal/telemetry/jaeger"
	bundles   = "internal/telemetry/bundle"
	scrape    = "internal/telemetry/scrape"
	exports   = "internal/telemetry/export"
	points    = "internal/telemetry/export/point"
	posts     = "internal/telemetry/export/post"
	otlpout   = "internal/telemetry/export/otlp"
	elastic   = "internal/telemetry/export/elastic"
	loki      = "internal/telemetry/export/loki"
	zipkinout = "internal/telemetry/export/zipkin"
)

// vocabulary is what every engine may speak.
var vocabulary = []string{appfile, fault, model}

// engines are what the daemon wires together.
var engines = []string{state, reconcile, logs, probe, build, ports, secret, route, dataplane, bus, outbox, postgres}

const (
	leafWhy = "it is a leaf that everybody uses, so it uses nobody"

	engineWhy = "an engine sees only the shared vocabulary and never another engine; " +
		"declare the small interface it needs and let internal/daemon wire it"

	driverWhy = "a driver knows the driver interface and how to run an instance, not why it is run"

	planeWhy = "the data plane knows snapshots and the link they come by, nothing of the control plane"

	sansIO = "it touches no socket and no clock, so that it can be tested as a function; package proxy puts it to use"

	intakeWhy = "it reads telemetry in one form and hands it on, and knows nothing of what becomes of it"

	userWhy = "it stands for a user's own repository, and nothing needs an SDK"
)

// table says who may import whom. The order is from the leaves up.
var table = []room{
	// The shared vocabulary.
	{name: appfile, why: leafWhy},
	{name: fault, why: leafWhy},
	{name: crash, imports: []string{fault}, why: "each engine says by it where it is, so it knows none of them"},
	{name: ce, why: leafWhy},
	{name: sqlite, imports: []string{fault}, why: "it opens files for those that keep something in them and knows nothing of what"},
	{name: slim, why: leafWhy},
	{name: ignore, why: "the build and the CLI's watch must agree on what a source is, and it knows nothing else"},
	{name: model, imports: []string{appfile}, why: "it adds the observed half to the app file's desired half and depends on that alone"},

	// The control API's contract.
	{name: contract, why: "it is generated"},
	{name: connect, imports: []string{contract}, why: "it is generated"},

	// Engines of the control plane.
	{name: state, imports: with(vocabulary, sqlite), why: engineWhy},
	{name: reconcile, imports: vocabulary, why: engineWhy},
	{name: logs, imports: vocabulary, why: engineWhy},
	{name: probe, imports: vocabulary, why: engineWhy},
	{name: build, imports: with(vocabulary, ignore), why: engineWhy},
	{name: ports, imports: vocabulary, why: engineWhy},
	{name: secret, imports: vocabulary, why: engineWhy},
	{name: postgres, imports: []string{fault}, tests: []string{pgtest}, why: "it knows a server and what is made there, not for whom"},
	{name: pgtest, why: "it runs a program for tests, whichever those are"},
	{name: outbox, imports: with(vocabulary, ce, crash), tests: []string{pgtest}, why: engineWhy},
	{name: route, imports: vocabulary, why: engineWhy},
	{name: dataplane, imports: with(vocabulary, account, link, route), tests: []string{proxy}, why: "it keeps the data plane alive and feeds it: " + engineWhy},

	// The bus.
	{name: events, imports: []string{fault}, why: "it is what engines and the bus agree on, and nothing of either"},
	{name: enginest, imports: []string{events, remotebus, fault}, why: "an engine is tested by what it promises, not by how it does it"},
	{name: fsys, why: leafWhy},
	{name: fsystest, imports: []string{fsys}, why: "it stands for a disk and does not know what is on it"},
	{
		name:    journal,
		imports: []string{crash, events, fsys, fault},
		tests:   []string{enginest, fsystest},
		why:     "an engine of the bus keeps events and knows nothing of who publishes them or what becomes of them",
	},
	{name: brokers, why: "it runs programs for tests, whichever those are"},
	{name: remotebus, imports: []string{events, fault}, why: "it is what engines of the bus have in common, and knows none of them"},
	{
		name:    rabbitbus,
		imports: []string{events, remotebus, fault},
		tests:   []string{enginest, brokers},
		why:     "an engine of the bus keeps events and knows nothing of who publishes them or what becomes of them",
	},
	{
		name:    natsbus,
		imports: []string{events, remotebus, fault},
		tests:   []string{enginest},
		why:     "an engine of the bus keeps events and knows nothing of who publishes them or what becomes of them",
	},
	{
		name:    kafkabus,
		imports: []string{events, remotebus, fault},
		tests:   []string{enginest, brokers},
		why:     "an engine of the bus keeps events and knows nothing of who publishes them or what becomes of them",
	},
	{name: flow, imports: []string{events}, why: "it decides what is delivered when and does nothing itself, so that it can be tested as a function"},
	{name: progress, imports: []string{events, fault, sqlite}, why: "it keeps what the bus hands it and decides nothing"},
	{
		name:    bus,
		imports: with(vocabulary, ce, crash, events, flow, progress),
		tests:   []string{enginest, journal},
		why:     "it is an engine of the control plane: services and the data plane are addresses to it",
	},

	// Sagas.
	{name: sagaexpr, why: "it evaluates expressions and does not know what for"},
	{name: sagadef, imports: []string{appfile, sagaexpr}, why: "it reads what an app file says of sagas; the CLI uses it without the daemon"},
	{name: machine, imports: []string{sagadef}, tests: []string{appfile, sagaexpr}, why: "it decides what a saga does next and does nothing itself, so that it can be tested as a function"},
	{name: sagacall, imports: []string{machine}, why: "it makes one request and says what came of it, and knows nothing of the saga around it"},
	{name: sagastore, imports: []string{crash, fault, sqlite}, tests: []string{pgtest}, why: "it keeps what the coordinator hands it and decides nothing"},
	{
		name:    sagas,
		imports: with(vocabulary, crash, sagaexpr, sagadef, machine, sagastore),
		tests:   []string{sagacall},
		why:     "it is an engine of the control plane: services, the data plane and the bus are interfaces to it",
	},
	{name: barrier, tests: []string{pgtest}, why: "it runs the recipes of the docs, which need nothing of Banyan"},

	// Telemetry.
	{name: signals, why: leafWhy},
	{name: matches, imports: []string{signals}, why: "it is what filters and stores agree on, and knows neither"},
	{name: blocks, imports: []string{fault, matches, signals}, tests: []string{blocktest}, why: "it is a file's format, and knows nothing of other files"},
	{name: blocktest, imports: []string{signals}, why: "it makes records for tests and benchmarks, and knows nothing of what they test"},
	{
		name: telestore, imports: []string{blocks, fault, fsys, matches, signals}, tests: []string{blocktest, fsystest},
		why: "it keeps what it is given and finds it; where that comes from, and who asks, is the engine's to know",
	},
	{name: filter, imports: []string{fault, matches, signals}, tests: []string{telestore}, why: "it decides about one record and does nothing else; the CLI uses it without the daemon"},
	{name: otlp, imports: []string{fault, signals}, why: intakeWhy},
	{name: zipkin, imports: []string{fault, otlp, signals}, why: intakeWhy},
	{name: scrape, imports: []string{otlp}, why: intakeWhy},
	{name: series, imports: []string{fault}, why: "it hides a storage and query engine that others made, and knows nothing of what is measured"},
	{name: alerts, imports: []string{appfile, series}, why: "it asks for metrics and tells people, and knows nothing of what is measured"},
	{name: promapi, imports: []string{alerts, fault, series}, why: "it translates Prometheus' API into calls of interfaces that it declares itself"},
	{name: jaeger, imports: []string{fault, filter, matches, signals}, why: "it translates Jaeger's API into calls of interfaces that it declares itself"},
	{name: bundles, imports: []string{fault, filter, otlp, signals}, tests: []string{blocktest}, why: "it knows a file's format; where records come from and go to are interfaces that it declares itself"},
	{name: red, imports: []string{account, route, series, signals}, why: "it turns what the data plane and spans tell into telemetry, and neither asks for it nor keeps it"},
	{name: graph, imports: []string{appfile, model, route, series}, why: "it joins what is declared with what was counted, and asks for both"},
	{name: telemetry, imports: []string{matches, otlp, series, signals}, why: "it hands on what comes in, and what keeps it are interfaces to it; internal/daemon wires them"},
	{name: points, imports: []string{series, signals}, why: "it turns what it is given into points and asks nobody"},
	{name: exports, imports: []string{points, series, signals, telestore}, tests: []string{blocktest}, why: "it reads what is kept and hands it to senders, and knows none of their formats"},
	{name: posts, imports: []string{exports}, why: "it sends bytes and says what an answer means, and knows nothing of what they are"},
	{name: otlpout, imports: []string{exports, otlp, points, posts, signals}, why: "it writes telemetry in one form, and knows neither where it is kept nor other forms"},
	{name: elastic, imports: []string{exports, points, posts, signals}, why: "it writes telemetry in one form, and knows neither where it is kept nor other forms"},
	{name: loki, imports: []string{exports, posts, signals}, why: "it writes telemetry in one form, and knows neither where it is kept nor other forms"},
	{name: zipkinout, imports: []string{exports, posts, signals}, why: "it writes telemetry in one form, and knows neither where it is kept nor other forms"},
	{name: output, imports: []string{signals}, why: "it reads lines and touches neither a clock nor a file, so that it can be tested as a function"},

	// Drivers.
	{name: driver, imports: []string{fault}, why: driverWhy},
	{name: harness, imports: []string{driver, fault}, why: driverWhy},
	{name: exec, why: "it runs between fork and exec, where every import costs a start its time"},
	{name: early, imports: []string{exec}, why: "it runs before the rest of the binary initialises, so it imports almost nothing"},
	{name: process, imports: []string{driver, exec, fault}, tests: []string{harness}, why: driverWhy},

	// The data plane.
	{name: socket, why: leafWhy},
	{name: link, imports: []string{account, fault, route, socket}, why: planeWhy},
	{name: gateway, imports: []string{fault, route}, why: planeWhy},
	{name: message, why: leafWhy},
	{name: hpack, imports: []string{message}, why: sansIO},
	{name: http1, imports: []string{message}, why: sansIO},
	{name: h2spec, why: "it runs a program against a server, whichever that is"},
	{name: http2, imports: []string{message, hpack}, tests: []string{h2spec}, why: sansIO},
	{name: loop, why: "it drives sockets and does not know what for"},
	{name: policy, imports: []string{route}, why: sansIO},
	{name: cache, imports: []string{message, route}, why: sansIO},
	{name: account, why: "what the data plane counted travels as it is to the daemon's doors, so it is a leaf"},
	{
		name:    proxy,
		imports: []string{fault, gateway, link, route, slim, message, http1, http2, loop, policy, cache, account},
		tests:   []string{hpack, h2spec},
		why:     planeWhy,
	},

	// The control plane's doors.
	{
		name:    admin,
		imports: []string{ce, contract, connect, account, fault, logs, model, telemetry, alerts, filter, graph, matches, series, signals, telestore},
		why:     "it translates the control API into calls of interfaces that it declares itself",
	},
	{name: services, imports: []string{appfile, ce, contract, connect, fault, socket}, why: "it translates requests of services into calls of interfaces that it declares itself"},
	{name: access, imports: []string{connect}, tests: []string{contract}, why: "it decides about people and RPCs, and neither listens nor stores"},
	{name: actions, imports: []string{contract}, why: "it keeps what people did, whichever door they came by"},
	{name: stream, imports: []string{account, contract, fault}, why: "it hands on what functions give it, and knows nothing of where that comes from"},
	{name: signin, imports: []string{access, fault}, tests: []string{idptest}, why: "it asks an identity provider about people, and knows neither requests nor sessions"},
	{name: idptest, why: "it is for tests, and knows nothing but OpenID Connect"},
	{name: dash, imports: []string{access, actions, signin, stream, contract, connect, fault}, tests: []string{idptest}, why: "it lets browsers in and passes their calls to handlers that it is given"},
	{name: layout, imports: []string{fault}, why: "it knows where the daemon's files are; the CLI uses it without the daemon"},
	{name: launch, imports: []string{fault, layout}, why: "it starts a daemon; the CLI uses it without the daemon"},
	{
		name: daemon,
		imports: with(engines, appfile, contract, connect, crash, fault, model, slim, ce, events, journal, natsbus, kafkabus, rabbitbus, progress,
			sagadef, machine, sagacall, sagastore, sagas, link, account, proxy, driver, process, admin, services, dash, access, actions, signin, stream, layout, launch,
			telemetry, alerts, elastic, exports, loki, otlpout, posts, zipkinout, bundles, filter, graph, jaeger, matches, otlp, output, promapi, red, scrape, series, signals, telestore, zipkin),
		tests: []string{pgtest},
		why:   "it is the composition root: it sees every engine and every door but the CLI",
	},
	{name: view, imports: []string{ce, contract}, why: "it turns what the control API answers into text and does nothing else"},
	{name: screen, imports: []string{view}, why: "it draws lines and knows nothing of what they say"},
	{name: watch, imports: []string{fault, ignore}, why: "it watches directories and knows nothing of what is in them"},
	{
		name:    cli,
		imports: []string{appfile, ce, contract, connect, fault, sagadef, secret, layout, launch, screen, view, watch, filter, alerts},
		why:     "it is a client of the control API and sees the daemon through that alone",
	},
	{
		name:    "cmd/banyan",
		imports: []string{cli, daemon, early, process, proxy, fault},
		why:     "it hands the long-running halves of the binary to the CLI and does nothing else",
	},

	// Outside looking in.
	{name: "internal/archtest", why: "it reads the source and needs none of it"},
	{name: "examples/...", why: userWhy},
	{name: "third_party/...", why: "it stands for a module of others, of which Banyan needs the names alone"},
	{name: "tools/...", why: "a tool has a module of its own, and knows nothing of what it is used on"},
	{
		name:    "bench/...",
		imports: with(engines, appfile, contract, connect, fault, model, ce, events, journal, brokers, progress, sqlite, sagadef, machine, sagacall, sagastore, sagas, link, gateway, proxy, account, driver, process, signals, matches, blocks, blocktest, telestore, otlp, layout),
		why:     "a benchmark measures the binary from outside or one engine alone, never the daemon or the CLI from inside",
	},
	{
		name:    "e2e/...",
		imports: []string{appfile, contract, connect, crash, fault, daemon, layout, launch, pgtest, brokers},
		why:     "an end-to-end test uses the binary and the control API, as a person would",
	},
}

func with(rooms []string, more ...string) []string {
	return append(append([]string(nil), rooms...), more...)
}
