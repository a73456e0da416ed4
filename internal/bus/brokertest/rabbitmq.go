package brokertest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitMQ starts a node that keeps everything in a directory, and has the user
// guest. Errors: MissingError.
func RabbitMQ(dir string) (*Process, error) {
	program, err := rabbitProgram()
	if err != nil {
		return nil, err
	}
	ports := map[string]string{}
	p := &Process{}
	for _, what := range []string{"node", "dist", "epmd"} {
		addr, err := Free()
		if err != nil {
			return nil, err
		}
		if what == "node" {
			p.Addr = addr
		}
		_, ports[what], _ = net.SplitHostPort(addr)
	}
	lines := []string{"log.console = true", "log.file = false", "disk_free_limit.absolute = 1MB", ""}
	if err := os.WriteFile(filepath.Join(dir, "rabbitmq.conf"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		return nil, err
	}
	p.command = func() *exec.Cmd { return rabbitCommand(program, dir, ports) }
	p.answers = func() error {
		conn, err := amqp.Dial("amqp://" + p.Addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	// The node would start one otherwise, and leave it behind.
	names := exec.CommandContext(context.Background(), "epmd", "-address", "127.0.0.1", "-port", ports["epmd"])
	names.SysProcAttr = withUs()
	if err := names.Start(); err != nil {
		return nil, err
	}
	p.helpers = append(p.helpers, names)
	if err := p.Start(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func rabbitCommand(program, dir string, ports map[string]string) *exec.Cmd {
	in := func(name string) string { return filepath.Join(dir, name) }
	cmd := exec.CommandContext(context.Background(), program)
	cmd.Env = append(os.Environ(), "HOME="+dir, // of the cookie
		"RUNNING_UNDER_SYSTEMD=1", // the Erlang machine is this process, not its child
		"ERL_EPMD_PORT="+ports["epmd"], "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=banyan-"+ports["node"]+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+ports["node"], "RABBITMQ_DIST_PORT="+ports["dist"],
		"RABBITMQ_CONF_ENV_FILE="+in("none"), "RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins"),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_GENERATED_CONFIG_DIR="+in("generated"),
		"RABBITMQ_SCHEMA_DIR="+in("schema"), "RABBITMQ_PID_FILE="+in("pid"))
	return cmd
}

// rabbitProgram finds rabbitmq-server. What stands in PATH on Debian changes the user first.
func rabbitProgram() (string, error) {
	const debian = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	path, err := exec.LookPath("rabbitmq-server")
	if err != nil {
		return "", MissingError("there is no RabbitMQ here (apt-get install rabbitmq-server, or brew install rabbitmq)")
	}
	return path, nil
}
