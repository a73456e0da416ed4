package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2/h2spec"
	"github.com/banyanrun/banyan/internal/route"
)

// TestH2spec runs the conformance suite h2spec against a gateway, in plain text
// and under TLS, with services of both protocols behind it.
func TestH2spec(t *testing.T) {
	echo := func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		_, _ = w.Write(append([]byte("got something: "), b...))
	}
	cert := selfSigned(t, "localhost")
	for name, c := range map[string]struct {
		protocol route.Protocol
		addr     string
		flags    []string
	}{
		"h2c to http": {route.HTTP1, backend(t, echo), nil},
		"h2c to h2c":  {route.H2C, h2cBackend(t, echo), nil},
		"TLS to http": {route.HTTP1, backend(t, echo), []string{"--tls", "--insecure"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.service("s", c.protocol, "s-1", c.addr)
			gw := r.gateway(route.Route{Path: "/", To: "s"})
			if c.flags != nil {
				r.snap.Gateway.TLS = cert.files
			}
			r.apply()
			h2spec.Run(t, "../../tools/h2spec/go.mod", strings.TrimPrefix(gw, "http://"), c.flags...)
		})
	}
}

// interopCases are those of grpc's interop client that need no account in a cloud.
var interopCases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
	"special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
	"rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob",
}

// TestGRPCInterop runs grpc's own interoperability client against its server,
// through an edge, a gateway, and a gateway that speaks TLS.
func TestGRPCInterop(t *testing.T) {
	isLong(t, "builds grpc's interop programs")
	dir, err := filepath.Abs("../../tools/interop")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin,
		"google.golang.org/grpc/interop/client", "google.golang.org/grpc/interop/server")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("skipped: grpc's interop programs cannot be built here (%v: %s)", err, out)
	}
	r := newRig(t)
	r.service("s", route.H2C, "s-1", interopServer(t, filepath.Join(bin, "server")))
	ways := map[string]string{"edge": r.edge("x", "s", route.Policy{Retries: 2})}
	ways["gateway"] = r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	secure := newRig(t)
	secure.snap.Services = r.snap.Services
	ways["TLS"] = secure.gateway(route.Route{Path: "/", To: "s"})
	cert := selfSigned(t, "localhost")
	secure.snap.Gateway.TLS = cert.files
	secure.apply()
	for way, url := range ways {
		host, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"--server_host=" + host, "--server_port=" + port, "--soak_iterations=6", "--soak_num_threads=2"}
		if way == "TLS" {
			args = append(args, "--use_tls", "--use_test_ca", "--ca_file="+cert.files.Cert, "--server_host_override=localhost")
		}
		for _, name := range interopCases {
			args := append(slices.Clone(args), "--test_case="+name)
			if strings.HasPrefix(name, "orca") {
				args = append(args, `--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`)
			}
			t.Run(way+"/"+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				out, err := exec.CommandContext(ctx, filepath.Join(bin, "client"), args...).CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// interopServer starts grpc's server and returns its address.
func interopServer(t *testing.T, program string) string {
	t.Helper()
	l := mustListen(t)
	addr := l.Addr().String()
	_ = l.Close()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := exec.CommandContext(t.Context(), program, "--port="+port)
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Wait() }) // the test's context has ended it
	eventually(t, "grpc's server listens", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return addr
}
