package proxy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// v2 is a PROXY header of version 2.
func v2(command, family byte, body string) string {
	b := append([]byte(proxyV2), command, family)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(body)))) + body
}

var (
	v2IPv4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb"
	v2IPv6 = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02" + "\xdc\x04\x01\xbb"
)

var proxyHeaders = []struct{ in, from string }{ // from "": the socket's own; "error"; "more"
	{"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1:56324"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n", "192.0.2.1:0"},
	{"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324"},
	{"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n", "192.0.2.1:1"},
	{"PROXY UNKNOWN\r\n", ""},
	{"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ""},
	{"PROXY UNKNOWN " + strings.Repeat("x", maxProxyV1-len("PROXY UNKNOWN \r\n")) + "\r\n", ""},
	{"PROXY UNKNOWN " + strings.Repeat("x", maxProxyV1-len("PROXY UNKNOWN \r\n")+1) + "\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", "error"},
	{"PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", "error"},
	{"PROXY TCP4 192.0.2.01 192.0.2.2 56324 443\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", "error"},
	{"PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n", "error"},
	{"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "error"},
	{"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "error"},
	{"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "error"},
	{"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "error"},
	{"PROXY TCP44 192.0.2.1 192.0.2.2 1 2\r\n", "error"},
	{"PROXY\r\n", "error"},
	{"PROXY \r\n", "error"},
	{"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "error"},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "error"},
	{"\x16\x03\x01", "error"},
	{"", "more"},
	{"PROX", "more"},
	{"PROXY TCP4 192.0.2.1", "more"},
	{strings.Repeat("P", 200), "error"},
	{"PROXY " + strings.Repeat("1", 200), "error"},
	{v2(v2Proxy, v2TCP4, v2IPv4), "192.0.2.1:56324"},
	{v2(v2Proxy, v2TCP6, v2IPv6), "[2001:db8::1]:56324"},
	{v2(v2Proxy, v2TCP4, v2IPv4+"\x03\x00\x04abcd"), "192.0.2.1:56324"},
	{v2(v2Proxy, v2TCP4, v2IPv4+strings.Repeat("t", maxProxyV2-len(v2IPv4))), "192.0.2.1:56324"},
	{v2(v2Proxy, v2TCP4, v2IPv4+strings.Repeat("t", maxProxyV2-len(v2IPv4)+1)), "error"},
	{v2(v2Proxy, v2TCP4, v2IPv4[1:]), "error"},
	{v2(v2Proxy, v2TCP6, v2IPv6[1:]), "error"},
	{v2(v2Local, 0, ""), ""},
	{v2(v2Local, v2TCP4, v2IPv4), ""},
	{v2(v2Local, 0xff, "whatever"), ""},
	{v2(v2Proxy, 0, ""), ""},
	{v2(v2Proxy, 0x12, v2IPv4), ""},
	{v2(v2Proxy, 0x31, strings.Repeat("u", 216)), ""},
	{v2(v2Proxy, 0x41, v2IPv4), "error"},
	{v2(v2Proxy, 0x13, v2IPv4), "error"},
	{v2(0x22, v2TCP4, v2IPv4), "error"},
	{v2(0x11, v2TCP4, v2IPv4), "error"},
	{v2(v2Proxy, v2TCP4, v2IPv4)[:27], "more"},
	{proxyV2[:5], "more"},
	{proxyV2[:5] + "x", "error"},
}

func TestParseProxyHeader(t *testing.T) {
	for _, c := range proxyHeaders {
		if got := proxyReading(c.in); got != c.from {
			t.Errorf("%q: %s, want %s", c.in, got, c.from)
		}
		const rest = "GET / HTTP/1.1\r\n"
		if n, _, err := parseProxyHeader([]byte(c.in + rest)); err == nil && c.from != "more" && n != len(c.in) {
			t.Errorf("%q: %d bytes, not %d", c.in, n, len(c.in))
		}
	}
}

func proxyReading(in string) string {
	n, from, err := parseProxyHeader([]byte(in))
	switch {
	case err != nil:
		return "error"
	case n == 0:
		return "more"
	case !from.IsValid():
		return ""
	}
	return from.String()
}

// FuzzProxyHeader: what is accepted does not depend on how it comes in, is
// bounded, and means the same when it is written anew.
func FuzzProxyHeader(f *testing.F) {
	for _, c := range proxyHeaders {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		n, from, err := parseProxyHeader(in)
		switch {
		case err != nil && (n != 0 || from.IsValid()), n > len(in), n > sizeV2+maxProxyV2:
			t.Fatal(n, from, err)
		case err == nil && n == 0 && len(in) >= sizeV2+maxProxyV2:
			t.Fatal("waits for more than there can be")
		case n == 0:
			return
		}
		for i := range n {
			if k, _, err := parseProxyHeader(in[:i]); k != 0 || err != nil {
				t.Fatalf("at %d of %d: %d, %v", i, n, k, err)
			}
		}
		for v := 1; v <= 2 && from.IsValid(); v++ {
			if _, again, err := parseProxyHeader(appendProxyHeader(nil, v, from, from)); again != from || err != nil {
				t.Fatal(v, from, again, err)
			}
		}
	})
}

func TestAppendProxyHeader(t *testing.T) {
	a4, b4 := netip.MustParseAddrPort("192.0.2.1:56324"), netip.MustParseAddrPort("192.0.2.2:443")
	a6, b6 := netip.MustParseAddrPort("[2001:db8::1]:56324"), netip.MustParseAddrPort("[2001:db8::2]:443")
	for _, c := range []struct {
		version  int
		from, to netip.AddrPort
		want     string
	}{
		{1, a4, b4, "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"},
		{1, a6, b6, "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"},
		{1, a4, b6, "PROXY UNKNOWN\r\n"},
		{1, a4, netip.AddrPort{}, "PROXY UNKNOWN\r\n"},
		{2, a4, b4, v2(v2Proxy, v2TCP4, v2IPv4)},
		{2, a6, b6, v2(v2Proxy, v2TCP6, v2IPv6)},
		{2, a6, b4, v2(v2Local, 0, "")},
	} {
		if got := string(appendProxyHeader(nil, c.version, c.from, c.to)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestProxyHeaderIn: the gateway takes the client's address from the header, and
// nothing from a connection without one.
func TestProxyHeaderIn(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("X-Forwarded-For"))
	}))
	gw := strings.TrimPrefix(r.gateway(route.Route{Path: "/", To: "s"}), "http://")
	r.snap.Gateway.ProxyProtocol = true
	r.apply()
	const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for header, want := range map[string]string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n": "192.0.2.1",
		"PROXY UNKNOWN\r\n":                            "127.0.0.1",
		v2(v2Proxy, v2TCP6, v2IPv6+"\x03\x00\x04abcd"): "2001:db8::1",
		v2(v2Local, 0, ""):                             "127.0.0.1",
		"":                                             "",
		"PROXY TCP4 1.2.3.4\r\n":                       "",
	} {
		for _, cut := range []int{len(header) / 2, len(header)} {
			got := exchangeRaw(t, gw, (header + request)[:cut], (header + request)[cut:])
			body, ok := strings.CutPrefix(got[max(0, strings.Index(got, "\r\n\r\n")):], "\r\n\r\n")
			if ok != (want != "") || body != want {
				t.Errorf("%q: %q, want %q", header, got, want)
			}
		}
	}
	eventually(t, "the log", func() bool { return strings.Contains(r.log.String(), `"client":"192.0.2.1"`) })
}

// exchangeRaw sends the pieces and returns all that comes.
func exchangeRaw(t *testing.T, addr string, pieces ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	for _, p := range pieces {
		_, _ = io.WriteString(c, p)
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

// TestProxyHeaderOut: a TCP service that wants one gets the header before all else.
func TestProxyHeaderOut(t *testing.T) {
	for version := range 3 {
		r := newRig(t)
		l := mustListen(t)
		got := make(chan string, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b, _ := io.ReadAll(c)
			got <- string(b)
		}()
		r.service("db", route.TCP, "db-1", l.Addr().String())
		r.snap.Services["db"].ProxyProtocol = version
		addr := strings.TrimPrefix(r.edge("x", "db", route.Policy{}), "http://")
		r.apply()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "hello")
		_ = c.(*net.TCPConn).CloseWrite()
		at, local := netip.MustParseAddrPort(addr), netip.MustParseAddrPort(c.LocalAddr().String())
		want := map[int]string{
			0: "hello",
			1: fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nhello", local.Port(), at.Port()),
			2: string(appendProxyHeader(nil, 2, local, at)) + "hello",
		}
		if s := <-got; s != want[version] {
			t.Errorf("version %d: %q, want %q", version, s, want[version])
		}
		_ = c.Close()
	}
}
