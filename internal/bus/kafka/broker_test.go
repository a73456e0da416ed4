package kafka

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

const password = "s3cr@t/"

// broker is a Kafka of one process, whose disk outlives it.
type broker struct {
	testing.TB
	class, config string
	addr, login   string // where a client comes in, and where it says who it is
	process       *exec.Cmd
	log           bytes.Buffer
}

func newBroker(tb testing.TB) *broker {
	tb.Helper()
	b := &broker{TB: tb, class: classPath(tb)}
	dir := tb.TempDir()
	b.addr, b.login, b.config = free(tb), free(tb), filepath.Join(dir, "server.properties")
	controller := free(tb)
	lines := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller,
		"listeners=PLAINTEXT://" + b.addr + ",SASL_PLAINTEXT://" + b.login + ",CONTROLLER://" + controller, "controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_shop=\"" + password + "\";",
		"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"log.dirs=" + filepath.Join(dir, "log"), "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"auto.create.topics.enable=false",
		// One that was killed is back at once.
		"broker.heartbeat.interval.ms=100", "broker.session.timeout.ms=500",
	}
	if err := os.WriteFile(b.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	format := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", b.config,
		"-S", "SCRAM-SHA-512=[name=shop,password="+password+"]")
	if out, err := format.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	b.start()
	tb.Cleanup(b.kill)
	return b
}

// classPath finds Kafka, or skips the test.
func classPath(tb testing.TB) string {
	tb.Helper()
	if os.Getenv("BANYAN_BROKERS") == "" {
		tb.Skip("skipped: a real broker takes a minute (make test-brokers)")
	}
	dir, err := filepath.Abs("../../../bin/kafka")
	if err != nil {
		tb.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "kafka_*.jar")); len(found) == 0 {
		tb.Skip("skipped: there is no Kafka here (make kafka gets it, by Maven)")
	}
	if _, err := exec.LookPath("java"); err != nil {
		tb.Skip("skipped: Kafka needs Java 17 or later")
	}
	return filepath.Join(dir, "*")
}

func free(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (b *broker) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", b.class}, args...)...)
}

// start returns when the broker answers.
func (b *broker) start() {
	b.Helper()
	b.process = b.java("kafka.Kafka", b.config)
	b.process.Stdout, b.process.Stderr = &b.log, &b.log
	if err := b.process.Start(); err != nil {
		b.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		err := b.answers()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.kill()
			b.Fatalf("Kafka does not start: %v\n%s", err, &b.log)
		}
		<-time.After(50 * time.Millisecond) // it says nothing when it is ready
	}
}

// answers returns nil when the broker takes part in its cluster.
func (b *broker) answers() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.RequestRetries(0)) // a new one: clients keep what they know
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	meta, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err == nil && len(meta.Brokers) == 0 {
		err = errors.New("it is fenced")
	}
	return err
}

// kill is kill -9.
func (b *broker) kill() {
	_ = b.process.Process.Kill()
	_ = b.process.Wait()
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
	b.kill()
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
