package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const streamFile = `
name: streams
gateway:
	listen: ":${port}"
	routes:
		- {path: /front, to: front}
		- {path: /other, to: other}
		- {path: /grpc.health.v1.Health, to: greeter}
services:
	front: {command: "${testapp}", calls: {greeter: {}}}
	greeter: {command: "${testapp} grpc", protocol: h2c}
	vault: {command: "${testapp} grpc", protocol: h2c}
	other: {command: "${testapp}", environment: {VERSION: one}}
`

// gRPC goes through an edge and through the gateway.
func TestGRPC(t *testing.T) {
	a := newApp(t, streamFile)
	a.up()
	says(t, a.url("/front/grpc?addr=GREETER_ADDR"), "SERVING")
	if r := ask(t, http.MethodGet, a.url("/front/grpc?addr=GREETER_ADDR&service=nobody"), nil); !strings.Contains(string(r.body), "NotFound") {
		t.Errorf("the service's own status did not come through: %s", r)
	}

	conn, err := grpc.NewClient("127.0.0.1:"+strconv.Itoa(a.port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health := healthv1.NewHealthClient(conn)
	res, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("through the gateway: %v, %v", res, err)
	}

	// While its callee is away a caller gets a gRPC status that says so.
	a.must("scale", "greeter", "0")
	_, err = health.Check(t.Context(), &healthv1.HealthCheckRequest{})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "greeter") {
		t.Errorf("without an instance: %v", err)
	}
	a.must("scale", "greeter", "1")
	if _, err = health.Check(t.Context(), &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// Long-lived streams through the gateway stay open while something else of the
// app is replaced, and while the daemon dies.
func TestStreamsSurviveAnUnrelatedApply(t *testing.T) {
	a := newApp(t, streamFile)
	a.up()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var events atomic.Int64
	eventsEnd := make(chan error, 1)
	go func() { eventsEnd <- listen(ctx, a.url("/front/events"), &events) }()

	socket, _, err := websocket.Dial(ctx, strings.Replace(a.url("/front/socket"), "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	echo := func(text string) {
		t.Helper()
		limited, done := context.WithTimeout(ctx, 10*time.Second)
		defer done()
		if err := socket.Write(limited, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := socket.Read(limited); err != nil || string(got) != text {
			t.Fatalf("%q came back as %q, %v", text, got, err)
		}
	}

	conn, err := grpc.NewClient("127.0.0.1:"+strconv.Itoa(a.port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := healthv1.NewHealthClient(conn).Watch(ctx, &healthv1.HealthCheckRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	watchEnd := make(chan error, 1)
	go func() { // nothing more comes: it returns when the stream ends
		_, err := watch.Recv()
		watchEnd <- err
	}()

	open := func(after string) {
		t.Helper()
		echo("hello after " + after)
		from := events.Load()
		await(t, 10*time.Second, "more events after "+after, func() error {
			if events.Load() < from+3 {
				return fmt.Errorf("%d events", events.Load()-from)
			}
			return nil
		})
		select {
		case err := <-eventsEnd:
			t.Fatalf("the events ended after %s: %v", after, err)
		case err := <-watchEnd:
			t.Fatalf("the gRPC stream ended after %s: %v", after, err)
		default:
		}
	}
	open("nothing")
	a.edit("VERSION: one", "VERSION: two")
	a.up()
	if got := a.who("/other").Version; got != "two" {
		t.Fatalf("version %s", got)
	}
	open("another service was replaced")
	a.edit("- {path: /other, to: other}", "- {path: /another, to: other}")
	a.up()
	open("another route was changed")
	a.must("scale", "other", "3")
	open("another service was scaled")
	daemon := a.pid("daemon")
	kill(t, daemon)
	dead(t, daemon)
	a.settled(10 * time.Second)
	open("the daemon died")
}

// listen counts server-sent events until the stream ends.
func listen(ctx context.Context, url string, n *atomic.Int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			n.Add(1)
		}
	}
	return fmt.Errorf("the stream ended: %w", lines.Err())
}
