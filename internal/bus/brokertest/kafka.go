package brokertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// KafkaConfig is how a broker differs from the plain one.
type KafkaConfig struct {
	// Jars is the directory with Kafka's.
	Jars string
	// Login is host:port where clients say who they are, by SASL; empty: none.
	Login string
	// Lines of server.properties.
	Lines []string
	// Java are flags of its machine; nil: those with which it starts fastest.
	Java []string
	// Format are further arguments of the tool that makes its directory.
	Format []string
}

// Kafka starts a broker that is a cluster of its own and keeps everything in a
// directory. Errors: MissingError.
func Kafka(dir string, c KafkaConfig) (*Process, error) {
	if found, _ := filepath.Glob(filepath.Join(c.Jars, "kafka_*.jar")); len(found) == 0 {
		return nil, MissingError("there is no Kafka here (make kafka gets it, by Maven)")
	}
	if _, err := exec.LookPath("java"); err != nil {
		return nil, MissingError("Kafka needs Java 17 or later")
	}
	addr, err1 := Free()
	controller, err2 := Free()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	listeners := "PLAINTEXT://" + addr + ",CONTROLLER://" + controller
	if c.Login != "" {
		listeners += ",SASL_PLAINTEXT://" + c.Login
	}
	lines := append([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller,
		"listeners=" + listeners, "controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
		"log.dirs=" + filepath.Join(dir, "log"), "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "auto.create.topics.enable=false",
		// One that was killed is back at once.
		"broker.heartbeat.interval.ms=100", "broker.session.timeout.ms=500",
	}, c.Lines...)
	config := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return nil, err
	}
	if c.Java == nil {
		c.Java = []string{"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"}
	}
	java := func(args ...string) *exec.Cmd {
		return exec.CommandContext(context.Background(), "java", slices.Concat(c.Java, []string{"-cp", filepath.Join(c.Jars, "*")}, args)...)
	}
	format := java(append([]string{"kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", config}, c.Format...)...)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	p := &Process{Addr: addr, answers: func() error { return kafkaAnswers(addr) }}
	p.command = func() *exec.Cmd { return java("kafka.Kafka", config) }
	if err := p.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// kafkaAnswers returns nil when the broker takes part in its cluster.
func kafkaAnswers(addr string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0)) // a new one: clients keep what they know
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
