package kafka

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/brokertest"
	"github.com/banyanrun/banyan/internal/bus/engine"
)

const password = "s3cr@t/"

// broker is a Kafka of one process, whose disk outlives it.
type broker struct {
	testing.TB
	*brokertest.Process
	addr, login string // where a client comes in, and where it says who it is
}

func newBroker(tb testing.TB) *broker {
	tb.Helper()
	if os.Getenv("BANYAN_BROKERS") == "" {
		tb.Skip("skipped: a real broker takes a minute (make test-brokers)")
	}
	login, err1 := brokertest.Free()
	jars, err2 := filepath.Abs("../../../bin/kafka")
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	process, err := brokertest.Kafka(tb.TempDir(), brokertest.KafkaConfig{
		Jars: jars, Login: login, Format: []string{"-S", "SCRAM-SHA-512=[name=shop,password=" + password + "]"},
		Lines: []string{
			"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
			"listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_shop=\"" + password + "\";",
			"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		},
	})
	if missing, ok := errors.AsType[brokertest.MissingError](err); ok {
		tb.Skip("skipped: " + missing)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(process.Close)
	return &broker{TB: tb, Process: process, addr: process.Addr, login: login}
}

// start returns when the broker answers.
func (b *broker) start() {
	b.Helper()
	if err := b.Start(); err != nil {
		b.Fatal(err)
	}
}

func (b *broker) engine(tb testing.TB, change func(*Config)) *Engine {
	tb.Helper()
	c := Config{URL: b.addr, App: "shop", OneCopy: true, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	e, err := Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { e.Close() })
	return e
}

func (b *broker) crash(e engine.Engine) {
	b.Kill()
	_ = e.Close()
	b.start()
}

// as calls f with a client of somebody else.
func (b *broker) as(tb testing.TB, f func(*kgo.Client, *kadm.Client) error) {
	tb.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		tb.Fatal(err)
	}
	defer client.Close()
	if err := f(client, kadm.NewClient(client)); err != nil {
		tb.Fatal(err)
	}
}

// topic makes a Kafka topic as somebody else might.
func (b *broker) topic(tb testing.TB, name string, partitions int32, configs map[string]string) {
	tb.Helper()
	all := map[string]*string{"retention.ms": new("-1"), "retention.bytes": new("-1"), "max.message.bytes": new(strconv.Itoa(largest))}
	for key, value := range configs {
		all[key] = new(value)
	}
	b.as(tb, func(_ *kgo.Client, admin *kadm.Client) error {
		_, err := admin.CreateTopic(tb.Context(), partitions, 1, all, name)
		return err
	})
}
