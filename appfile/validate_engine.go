package appfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Words of Bus.Accept.
const (
	acceptMemory = "server-memory"
	// AcceptOneCopy: a topic of kafka may have a single replica.
	AcceptOneCopy = "one-copy"
)

// acceptedBy is the engine that a word of Bus.Accept is about.
var acceptedBy = map[string]string{acceptMemory: EngineNATS, AcceptOneCopy: EngineKafka}

// serverExamples are addresses of the engines that are servers.
var serverExamples = map[string]string{
	EngineNATS: "nats://127.0.0.1:4222", EngineKafka: "127.0.0.1:9092", EngineRabbitMQ: "amqp://127.0.0.1:5672",
}

// engine checks the bus and what its engine cannot do.
func (v *validator) engine(b *Bus) {
	url := join("bus", "url")
	example, isServer := serverExamples[b.Engine]
	switch {
	case b.Engine == EngineEmbedded && b.URL != "":
		fix := "remove it, or name the server's kind: engine: nats, kafka or rabbitmq"
		if engine := engineOf(b.URL); engine != "" {
			fix = "write engine: " + engine
		}
		v.report(url, "the embedded engine has no server, and this is the address of one", fix)
	case isServer && b.URL == "" && !v.isBad(url):
		v.report("bus", fmt.Sprintf("the engine %s needs the address of its server", b.Engine), "write url: "+example)
	}
	if isServer && b.MaxBytes != 0 {
		v.report(join("bus", "max_bytes"), "max_bytes bounds the embedded engine, and "+b.Engine+" is a server with limits of its own", "remove it")
	}
	for i, word := range b.Accept {
		if engine := acceptedBy[word]; engine != "" && engine != b.Engine && isKnown(b.Engine) {
			v.report(join("bus", "accept", strconv.Itoa(i)), fmt.Sprintf("%s is about %s, and the engine is %s", word, engine, b.Engine), "remove it")
		}
	}
	v.serverURL(url, b.URL, serverAddress{of: "the bus's url", example: "BUS_PASSWORD", token: strings.HasPrefix(b.URL, "nats") || strings.HasPrefix(b.URL, "tls")})
	v.engineLimits(b)
}

func isKnown(engine string) bool { return engine == EngineEmbedded || serverExamples[engine] != "" }

// engineOf is the engine that a URL's scheme speaks of, or "".
func engineOf(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	return map[string]string{"nats": EngineNATS, "amqp": EngineRabbitMQ, "amqps": EngineRabbitMQ, "kafka": EngineKafka}[scheme]
}

// userinfo is what stands before the host of a URL.
var userinfo = pattern(`(?:^|://|,)([^/,@]*)@`)

// serverAddress is whose address is checked.
type serverAddress struct {
	of, example string
	token       bool // what stands alone before the @ is one
}

// serverURL checks references, and that no password stands in the file.
func (v *validator) serverURL(at, url string, a serverAddress) (ok bool) {
	before := len(v.problems)
	for _, p := range scan(url) {
		switch {
		case p.err != nil:
			v.reportAt(at, v.inside(at, p.text), p.err.message, p.err.fix)
		case p.isRef && p.ref.Kind != "secret":
			v.reportAt(at, v.inside(at, p.text), fmt.Sprintf("%s means nothing in %s", p.text, a.of), "url can use ${secret.NAME} and ${env.NAME}")
		case p.isRef && v.app.Secrets[p.ref.Name] == nil:
			v.reportAt(at, v.inside(at, p.text), fmt.Sprintf("%s names a secret that the app does not declare", p.text), v.secretFix(p.ref.Name))
		}
	}
	for _, m := range userinfo().FindAllStringSubmatch(url, -1) {
		_, password, ok := strings.Cut(m[1], ":")
		if !ok {
			password = m[1] // a token, or a name alone, which may be told
			if !a.token {
				continue
			}
		}
		if refs := Refs(password); len(refs) != 1 || refs[0].String() != password {
			v.report(at, "the password in url can be read by everybody who reads this file", fmt.Sprintf("write ${secret.%s} for it, and secrets: {%s: {}} at the top of the file", a.example, a.example))
			break
		}
	}
	return len(v.problems) == before
}

// natsMemory is how long a window may be whose ids a server keeps in memory.
const natsMemory = Duration(time.Hour)

// engineLimits refuses what an engine cannot do, rather than doing less.
func (v *validator) engineLimits(b *Bus) {
	for _, name := range slices.Sorted(maps.Keys(v.app.Topics)) {
		t := v.app.Topics[name]
		for _, l := range topicLimits[b.Engine] {
			if t != nil && l.beyond(b, t) {
				v.report(join("topics", name, l.key), fmt.Sprintf(l.message, name), l.fix)
			}
		}
	}
	if b.Engine == EngineRabbitMQ {
		v.queueLimits()
	}
}

// queueLimits refuses what would read an event that is no longer there.
func (v *validator) queueLimits() {
	for _, name := range slices.Sorted(maps.Keys(v.app.Sagas)) {
		if v.app.Sagas[name] == nil {
			continue
		}
		eachStep(join("sagas", name), v.app.Sagas[name].Steps, func(path string, step *SagaStep) {
			if step.Wait != nil {
				v.report(join(path, "wait"), "rabbitmq gives events to subscriptions only, and a saga cannot wait for one", "let the call answer 202 and the service report the end of its step, or use another engine")
			}
		})
	}
	for _, name := range v.serviceNames() {
		service := v.app.Services[name]
		if service == nil {
			continue
		}
		for _, topic := range slices.Sorted(maps.Keys(service.Subscribes)) {
			if s := service.Subscribes[topic]; s != nil && s.From != "" && s.From != FromNew {
				v.report(join("services", name, "subscribes", topic, "from"), "rabbitmq keeps no events that a new subscription could begin with", "remove from, or use another engine")
			}
		}
	}
}

// topicLimits are by engine what topics cannot have with it.
var topicLimits = map[string][]topicLimit{
	EngineNATS: {{
		"dedup_window", func(b *Bus, t *Topic) bool {
			return t.DedupWindow != nil && *t.DedupWindow > natsMemory && !slices.Contains(b.Accept, acceptMemory)
		},
		"nats keeps every id of the dedup_window of %s in its memory, about 340 bytes each", "write topics with dedup_window: 1h or less, or bus: {accept: [server-memory]}",
	}},
	EngineKafka: {{
		"dedup_window", func(_ *Bus, t *Topic) bool { return t.DedupWindow != nil && *t.DedupWindow > 0 },
		"kafka does not find out that an event of %s was published twice", "write dedup_window: 0s in the topic, and let subscribers look at the header Banyan-Delivery",
	}},
	EngineRabbitMQ: {{
		"dedup_window", func(_ *Bus, t *Topic) bool { return t.DedupWindow != nil && *t.DedupWindow > 0 },
		"rabbitmq cannot find out that an event of %s was published twice", "write dedup_window: 0s in the topic, and let subscribers look at the header Banyan-Delivery",
	}, {
		"retention", func(_ *Bus, t *Topic) bool { return t.Retention != nil },
		"rabbitmq forgets an event of %s once every subscription has it", "remove retention, or use another engine",
	}},
}

// topicLimit is one key of a topic that an engine cannot do in full.
type topicLimit struct {
	key          string
	beyond       func(*Bus, *Topic) bool
	message, fix string
}
