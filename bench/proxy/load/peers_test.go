//go:build linux

package load

import (
	"bytes"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// TestAgainstNetHTTP has net/http in the place of proxy and backend.
func TestAgainstNetHTTP(t *testing.T) {
	answer := bytes.Repeat([]byte("d"), 1024)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	defer srv.Close()
	addr := netip.MustParseAddrPort(srv.Listener.Addr().String())
	for name, s := range map[string]Spec{
		"http1": {Kind: HTTP1, Conns: 4, Down: 1024},
		"fresh": {Kind: Fresh, Conns: 4, Down: 1024},
		"http2": {Kind: HTTP2, Conns: 2, Streams: 16, Down: 1024},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newLoop(t).Run(addr, s, 0, 30*time.Millisecond, nothing, nothing); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	answer := bytes.Repeat([]byte("d"), 100<<10) // in several records
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "102400")
		_, _ = w.Write(answer)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the first run is refused
	srv.StartTLS()
	defer srv.Close()
	addr := netip.MustParseAddrPort(srv.Listener.Addr().String())
	s := Spec{Kind: HTTP1, Conns: 4, Down: len(answer), TLS: x509.NewCertPool(), server: "example.com"}
	if _, err := newLoop(t).Run(addr, s, 0, 30*time.Millisecond, nothing, nothing); err == nil {
		t.Error("a certificate that nobody trusts is good enough")
	}
	s.TLS.AddCert(srv.Certificate())
	if _, err := newLoop(t).Run(addr, s, 0, 30*time.Millisecond, nothing, nothing); err != nil {
		t.Error(err)
	}
}

func TestEncoder(t *testing.T) {
	fields := [][]field{
		{{name: ":method", value: "GET", static: 2}, {name: "user-agent", value: "a", staticName: 58}, {name: "te", value: "trailers"}},
		{{name: "te", value: "trailers"}, {name: "accept", value: "b", staticName: 19}, {name: "user-agent", value: "a", staticName: 58}},
		{{name: ":authority", value: "c", staticName: 1}, {name: "te", value: "trailers"}},
	}
	for _, size := range []uint32{4096, 0} {
		var e encoder
		e.limit(size)
		dec := hpack.NewDecoder(4096, nil)
		for _, block := range fields {
			got, err := dec.DecodeFull(e.append(nil, block))
			if err != nil {
				t.Fatal(err)
			}
			same := slices.EqualFunc(got, block, func(g hpack.HeaderField, w field) bool { return g.Name == w.name && g.Value == w.value })
			if !same {
				t.Errorf("table of %d: %v, want %v", size, got, block)
			}
		}
	}
}
