package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// secureGateway is a gateway with that certificate in front of a service that
// says which scheme the client used.
func secureGateway(t *testing.T, cert *certificate) (*rig, string) {
	t.Helper()
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		_, _ = fmt.Fprintf(w, "%s %d", q.Header.Get("X-Forwarded-Proto"), len(b))
	}))
	addr := strings.TrimPrefix(r.gateway(route.Route{Path: "/", To: "s"}), "http://")
	r.snap.Gateway.TLS = cert.files
	r.apply()
	return r, addr
}

// config is a client's that trusts this certificate alone.
func (c *certificate) config() *tls.Config {
	return &tls.Config{RootCAs: c.pool, ServerName: c.name, MinVersion: tls.VersionTLS12}
}

// tlsClient is an HTTP client that speaks TLS as cfg says, HTTP/2 if it may.
func tlsClient(t *testing.T, cfg *tls.Config, http2 bool) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!http2)
	p.SetHTTP2(http2)
	tr := &http.Transport{TLSClientConfig: cfg, Protocols: p}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestTLS(t *testing.T) {
	cert := selfSigned(t, "shop.example")
	_, addr := secureGateway(t, cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, http2 := range []bool{false, true} {
			cfg := cert.config()
			cfg.MinVersion, cfg.MaxVersion = version, version
			c := tlsClient(t, cfg, http2)
			for _, n := range []int{0, 1, 16 << 10, 1 << 20} {
				resp, err := c.Post("https://"+addr, "", bytes.NewReader(make([]byte, n)))
				if err != nil {
					t.Fatal(err)
				}
				b, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(b) != fmt.Sprintf("https %d", n) || resp.TLS.Version != version || (resp.ProtoMajor == 2) != http2 {
					t.Errorf("%q over %s, TLS %x", b, resp.Proto, resp.TLS.Version)
				}
			}
		}
	}
}

// TestTLSNames: whatever name a client asks for, it is shown the one certificate.
func TestTLSNames(t *testing.T) {
	cert := selfSigned(t, "shop.example")
	_, addr := secureGateway(t, cert)
	for _, name := range []string{"", "shop.example", "other.example"} {
		for _, protocols := range [][]string{nil, {"http/1.1"}, {"h2", "http/1.1"}} {
			c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols})
			if err != nil {
				t.Errorf("%q %q: %v", name, protocols, err)
				continue
			}
			s := c.ConnectionState()
			want := ""
			if protocols != nil {
				want = protocols[0]
			}
			if !bytes.Equal(s.PeerCertificates[0].Raw, cert.der) || s.NegotiatedProtocol != want {
				t.Errorf("%q %q: %q", name, protocols, s.NegotiatedProtocol)
			}
			_ = c.Close()
		}
	}
	_, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"smtp"}})
	if err == nil {
		t.Error("a protocol that is not spoken was agreed on")
	}
}

// TestTLSResumes: a client that comes back need not do the whole handshake again.
func TestTLSResumes(t *testing.T) {
	cert := selfSigned(t, "shop.example")
	_, addr := secureGateway(t, cert)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := cert.config()
		cfg.MaxVersion, cfg.ClientSessionCache = version, tls.NewLRUClientSessionCache(1)
		for i := range 3 {
			c := tlsClient(t, cfg, false)
			resp, body := get(t, c, "https://"+addr)
			if body != "https 0" || resp.TLS.DidResume != (i > 0) {
				t.Errorf("TLS %x, connection %d: %q, resumed %v", version, i, body, resp.TLS.DidResume)
			}
			c.CloseIdleConnections()
		}
	}
}

// TestTLSRenewal: the next snapshot brings the certificate that is in the files
// then; a broken one is refused, and the one before stays.
func TestTLSRenewal(t *testing.T) {
	first, second := selfSigned(t, "shop.example"), selfSigned(t, "shop.example")
	r, addr := secureGateway(t, first)
	old := tlsClient(t, first.config(), false)
	if _, body := get(t, old, "https://"+addr); body != "https 0" {
		t.Fatal(body)
	}
	for from, to := range map[string]string{second.files.Cert: first.files.Cert, second.files.Key: first.files.Key} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.apply()
	if resp, _ := get(t, tlsClient(t, second.config(), false), "https://"+addr); !bytes.Equal(resp.TLS.PeerCertificates[0].Raw, second.der) {
		t.Error("the old certificate")
	}
	if resp, body := get(t, old, "https://"+addr); body != "https 0" || !bytes.Equal(resp.TLS.PeerCertificates[0].Raw, first.der) {
		t.Error("the connection from before is not what it was")
	}
	if err := os.WriteFile(first.files.Key, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.apply() // whatever else it changes takes effect
	r.told("certificate")
	if _, body := get(t, tlsClient(t, second.config(), true), "https://"+addr); body != "https 0" {
		t.Error(body)
	}
}

// TestTLSPlainText: who speaks HTTP where TLS is spoken is told so.
func TestTLSPlainText(t *testing.T) {
	_, addr := secureGateway(t, selfSigned(t, "shop.example"))
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", request, err)
		}
		b, err := io.ReadAll(resp.Body) // to the connection's end, which must not be a reset
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), "HTTP request to an HTTPS server") || err != nil {
			t.Errorf("%.40q: %d %q %v", request, resp.StatusCode, b, err)
		}
		_ = c.Close()
	}
}

// TestTLSBroken: what is no handshake ends its connection, and nothing else.
func TestTLSBroken(t *testing.T) {
	cert := selfSigned(t, "shop.example")
	r, addr := secureGateway(t, cert)
	hello := clientHello(t)
	for name, bytes := range map[string]string{
		"nothing": "", "rubbish": "\x00\x01\x02\x03\x04\x05\x06\x07", "SSH": "SSH-2.0-x\r\n", "half a record": hello[:3],
		"half a hello": hello[:len(hello)/2], "a hello and no more": hello, "a hello and rubbish": hello + strings.Repeat("z", 1000),
		"an alert": "\x15\x03\x01\x00\x02\x02\x00", "SSL 2": "\x80\x2e\x01\x00\x02", "a long record": "\x16\x03\x01\xff\xff" + strings.Repeat("\x01", 70_000),
		"an HTTP/2 preface": string(preface),
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, bytes)
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.Close()
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if _, body := get(t, tlsClient(t, cert.config(), true), "https://"+addr); body != "https 0" {
		t.Error(body)
	}
	eventually(t, "only living connections are left", func() bool {
		n := 0
		for _, l := range r.e.loops.Loops() {
			n += l.Conns()
		}
		return n <= 2
	})
}

// clientHello is the first flight of a client.
func clientHello(t *testing.T) string {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake()
	}()
	b := make([]byte, 4096)
	n, err := ours.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}
