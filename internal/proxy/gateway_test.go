package proxy

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// signer issues tokens and serves its key set.
type signer struct {
	key ed25519.PrivateKey
	url string
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","x":%q}]}`, base64.RawURLEncoding.EncodeToString(pub))
	return &signer{key: key, url: "http://" + backend(t, text(set)) + "/jwks.json"}
}

func (s *signer) token(claims map[string]any) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"k1"}`))
	body, _ := json.Marshal(claims)
	text := head + "." + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.key, []byte(text)))
}

func TestGatewayAuth(t *testing.T) {
	r := newRig(t)
	s := newSigner(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		for k, v := range q.Header {
			if strings.Contains(strings.ToLower(k), "user") && k != "User-Agent" {
				_, _ = fmt.Fprintf(w, "%s=%s ", k, v)
			}
		}
	}))
	gw := r.gateway(
		route.Route{Path: "/need", To: "s", Auth: route.AuthRequired},
		route.Route{Path: "/may", To: "s", Auth: route.AuthOptional},
		route.Route{Path: "/", To: "s", Auth: route.AuthNone},
	)
	r.snap.Gateway.JWT = &route.JWT{Issuer: "shop", JWKS: s.url, Algorithms: []string{"EdDSA"},
		Forward: map[string]string{"sub": "X-User-Id"}, Leeway: 30 * time.Second}
	r.apply()
	c := client(t)
	good := s.token(map[string]any{"iss": "shop", "sub": "u1", "exp": time.Now().Add(time.Hour).Unix()})
	for _, q := range []struct {
		path, token string
		status      int
		code, body  string
	}{
		{"/need", "", 401, "token-missing", ""},
		{"/need", "rubbish", 401, "token-invalid", ""},
		{"/need", good, 200, "", "X-User-Id=[u1] "},
		{"/may", "", 200, "", ""},
		{"/may", good, 200, "", "X-User-Id=[u1] "},
		{"/may", "rubbish", 401, "token-invalid", ""},
		{"/", "rubbish", 200, "", ""},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", gw+q.path, nil)
		for _, k := range []string{"X-User-Id", "x-user_id", "X_USER_ID"} {
			req.Header[k] = []string{"forged"}
		}
		if q.token != "" {
			req.Header.Set("Authorization", "Bearer "+q.token)
		}
		resp, body := do(t, c, req)
		if resp.StatusCode != q.status || resp.Header.Get("Banyan-Error") != q.code || q.status == 200 && body != q.body {
			t.Errorf("%+v: %s %q", q, resp.Status, body)
		}
		if q.status == 401 && !strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Bearer ") {
			t.Error("no challenge")
		}
	}
	v := r.e.table.Load().gateway.verifier
	r.apply()
	if r.e.table.Load().gateway.verifier != v {
		t.Error("the keys are fetched anew with every snapshot")
	}
	if strings.Contains(r.log.String(), good) {
		t.Error("a token in the log")
	}
}

func TestGatewayLimits(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Access-Control-Allow-Origin", "https://service.says")
	}))
	gw := r.gateway(
		route.Route{Path: "/rate", To: "s", RateLimit: &route.RateLimit{Requests: 2, Per: time.Minute, Burst: 2}},
		route.Route{Path: "/body", To: "s", MaxBody: 1000},
		route.Route{Path: "/post", To: "s", Methods: []string{"POST"}, CORS: &route.CORS{Origins: []string{"https://*.shop.example"},
			Methods: []string{"POST"}, Credentials: true, MaxAge: time.Minute}},
		route.Route{Path: "/get", To: "s", Methods: []string{"GET"}},
	)
	r.snap.Gateway.MaxHeader = 8 << 10
	r.apply()
	c := client(t)
	for i := range 3 {
		resp, body := get(t, c, gw+"/rate")
		if i < 2 && (resp.StatusCode != 200 || resp.Header.Get("RateLimit-Remaining") != strconv.Itoa(1-i)) {
			t.Errorf("%d: %s %v", i, resp.Status, resp.Header)
		}
		if i == 2 {
			if p := problemOf(t, resp, body); p.Code != RateLimited || resp.Header.Get("Retry-After") != "30" || resp.Header.Get("RateLimit-Limit") != "2" {
				t.Errorf("%+v %v", p, resp.Header)
			}
		}
	}
	r.apply()
	if resp, _ := get(t, c, gw+"/rate"); resp.StatusCode != 429 {
		t.Errorf("a snapshot forgets the rate: %s", resp.Status)
	}

	for name, body := range map[string]io.Reader{
		"declared": strings.NewReader(strings.Repeat("x", 1001)), "streamed": io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000))),
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", gw+"/body", body)
		resp, text := do(t, c, req)
		if p := problemOf(t, resp, text); p.Code != BodyTooLarge {
			t.Errorf("%s: %+v", name, p)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "POST", gw+"/body", strings.NewReader(strings.Repeat("x", 1000)))
	if resp, _ := do(t, c, req); resp.StatusCode != 200 {
		t.Errorf("just small enough: %s", resp.Status)
	}

	req, _ = http.NewRequestWithContext(t.Context(), "GET", gw+"/get", nil)
	req.Header.Set("X-Large", strings.Repeat("x", 9<<10))
	resp, text := do(t, c, req)
	if p := problemOf(t, resp, text); p.Code != HeaderTooLarge {
		t.Errorf("header: %+v", p)
	}

	resp, text = get(t, c, gw+"/post")
	if p := problemOf(t, resp, text); p.Code != MethodNotOK || resp.Header.Get("Allow") != "POST" {
		t.Errorf("%+v", p)
	}

	// CORS: a preflight, an answer, and a stranger.
	for origin, ok := range map[string]bool{"https://a.shop.example": true, "https://evil.example": false} {
		req, _ = http.NewRequestWithContext(t.Context(), "OPTIONS", gw+"/post", nil)
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "x-token")
		resp, _ = do(t, c, req)
		h := resp.Header
		if resp.StatusCode != 204 || (h.Get("Access-Control-Allow-Origin") == origin) != ok || (h.Get("Access-Control-Allow-Headers") == "x-token") != ok {
			t.Errorf("preflight %s: %s %v", origin, resp.Status, h)
		}
		req, _ = http.NewRequestWithContext(t.Context(), "POST", gw+"/post", nil)
		req.Header.Set("Origin", origin)
		resp, _ = do(t, c, req)
		h = resp.Header
		want := ""
		if ok {
			want = origin
		}
		if resp.StatusCode != 200 || strings.Join(h["Access-Control-Allow-Origin"], "|") != want || !strings.Contains(h.Get("Vary"), "Origin") {
			t.Errorf("%s: %s %v", origin, resp.Status, h)
		}
	}
}

// TestSlowClients: who does not go on is cut off, who does may take as long as it needs.
func TestSlowClients(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/endless" {
			for q.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
			return
		}
		n, err := io.Copy(io.Discard, q.Body)
		_, _ = fmt.Fprintf(w, "%d %v", n, err)
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.IdleTimeout = 300 * time.Millisecond
	r.snap.Gateway.HeaderTimeout = 300 * time.Millisecond
	r.apply()
	addr := strings.TrimPrefix(gw, "http://")
	connect := func(text string) net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, text)
		return c
	}
	// The header.
	if _, err := io.ReadAll(connect("GET / HTTP/1.1\r\nHost:")); err != nil {
		t.Errorf("slow header: %v", err)
	}
	// The body: one that stalls, and one that is slow but goes on.
	c := connect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.Header.Get("Banyan-Error") != "body-broken" {
		t.Errorf("stalled body: %+v, %v", resp, err)
	}
	c = connect("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
	for range 8 {
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // it is slow
		_, _ = io.WriteString(c, "x")
	}
	resp, err = http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("slow body: %+v, %v", resp, err)
	}
	// Who does not read the answer.
	connect("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "it is in flight", func() bool { return r.e.InFlight() == 1 })
	eventually(t, "it is cut off", func() bool { return r.e.InFlight() == 0 })
}

// TestLongSilence: an event stream that says nothing for longer than the idle timeout lives on.
func TestLongSilence(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(700 * time.Millisecond) //nolint:forbidigo // the silence
		_, _ = io.WriteString(w, "data: late\n\n")
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.IdleTimeout = 200 * time.Millisecond
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", gw, strings.NewReader("x"))
		if resp, body := do(t, c, req); body != "data: late\n\n" {
			t.Errorf("%s: %s %q", name, resp.Status, body)
		}
	}
}

func TestAccessLog(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	gw := r.gateway(route.Route{Path: "/a", To: "s"})
	r.apply()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", gw+"/a/b%20c?token=secret", strings.NewReader("12345"))
	req.Header.Set("User-Agent", "test/1")
	req.Header.Set("Traceparent", sample)
	do(t, client(t), req)
	eventually(t, "a record", func() bool { return r.log.String() != "" })
	var m map[string]any
	if err := json.Unmarshal([]byte(r.log.String()), &m); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{
		"method": "POST", "path": "/a/b c", "route": "/a", "service": "s", "instance": "s-1", "revision": "r1", "status": 200.0,
		"bytes_in": 5.0, "bytes_out": 5.0, "tries": 1.0, "client": "127.0.0.1", "user_agent": "test/1", "trace_id": sample[3:35], "proto": "HTTP/1.1",
	} {
		if m[k] != want {
			t.Errorf("%s: %v, want %v", k, m[k], want)
		}
	}
	if strings.Contains(r.log.String(), "secret") || m["error"] != nil {
		t.Error(r.log.String())
	}
}
