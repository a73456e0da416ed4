package alert

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// mailServer takes one mail a connection, and says what it was told.
type mailServer struct {
	addr     string
	config   *tls.Config // of the server
	roots    *x509.CertPool
	startTLS bool
	refuse   string // the answer to RCPT
	got      chan string
}

// newMailServer listens; with implicit every byte is encrypted.
func newMailServer(t *testing.T, implicit bool) *mailServer {
	t.Helper()
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	m := &mailServer{config: &tls.Config{Certificates: certs.TLS.Certificates}, roots: x509.NewCertPool(), startTLS: !implicit, got: make(chan string, 1)}
	m.roots.AddCert(certs.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m.addr = l.Addr().String()
	go func() { // it ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if implicit {
				conn = tls.Server(conn, m.config)
			}
			m.serve(conn)
		}
	}()
	return m
}

func (m *mailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	var said strings.Builder
	in := bufio.NewReader(conn)
	answer := func(text string) { _, _ = fmt.Fprint(conn, text+"\r\n") } // the client sees it
	answer("220 mail")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			answer("250-mail")
			if m.startTLS {
				answer("250-STARTTLS")
			}
			answer("250 AUTH PLAIN")
		case "STARTTLS":
			answer("220 go on")
			conn = tls.Server(conn, m.config)
			in = bufio.NewReader(conn)
			said.WriteString("encrypted\n")
		case "AUTH":
			who, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			said.WriteString("as " + strings.ReplaceAll(string(who), "\x00", "/") + "\n")
			answer("235 welcome")
		case "DATA":
			answer("354 go on")
			for line != "." {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				line = strings.TrimRight(line, "\r\n")
				said.WriteString(line + "\n")
			}
			answer("250 taken")
			m.got <- said.String()
		case "RCPT":
			said.WriteString(line + "\n")
			if m.refuse != "" {
				answer(m.refuse)
				continue
			}
			answer("250 ok")
		case "QUIT":
			answer("221 bye")
			return
		default:
			said.WriteString(line + "\n")
			answer("250 ok")
		}
	}
}

func mail() message {
	n := notice{receiver: Receiver{Name: "email-1"}, rule: "Down", firing: firing(0, "cart"), at: start}
	n.firing[0].Annotations = map[string]string{"summary": "카트가 멈췄다\r\nBcc: evil@example.com", "description": "more"}
	return message{notice: n, app: "shop", dashboard: "http://banyan.localhost/"}
}

func TestEmail(t *testing.T) {
	for _, encryption := range []string{StartTLS, TLS, NoTLS} {
		t.Run(encryption, func(t *testing.T) {
			m := newMailServer(t, encryption == TLS)
			e := &Email{Server: m.addr, Encryption: encryption, User: "ops", Password: "hunter2", From: "banyan@example.com", To: []string{"a@example.com", "b@example.com"}, TLS: &tls.Config{RootCAs: m.roots}}
			if err := e.send(t.Context(), mail()); err != nil {
				t.Fatal(err)
			}
			got := <-m.got
			for _, want := range []string{"as /ops/hunter2\n", "MAIL FROM:<banyan@example.com>", "RCPT TO:<a@example.com>\nRCPT TO:<b@example.com>\n", "To: a@example.com, b@example.com\n", "Subject: [FIRING:1] Down (shop)\n", "\n\n=EC=B9=B4", "firing since 2026-01-02T03:00:00Z", "http://banyan.localhost/"} {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in\n%s", want, got)
				}
			}
			if strings.Contains(got, "encrypted\n") != (encryption == StartTLS) {
				t.Error(got)
			}
			head, _, _ := strings.Cut(got, "\n\n")
			if strings.Contains(head, "evil") {
				t.Error("a label wrote a header")
			}
		})
	}
}

func TestEmailFailures(t *testing.T) {
	plain := newMailServer(t, false)
	plain.startTLS = false
	e := &Email{Server: plain.addr, Encryption: StartTLS, From: "a@example.com", To: []string{"b@example.com"}}
	if err := e.send(t.Context(), mail()); !isFinal(err) || !strings.Contains(err.Error(), "no STARTTLS") {
		t.Error(err)
	}
	strange := newMailServer(t, false)
	e = &Email{Server: strange.addr, Encryption: StartTLS, From: "a@example.com", To: []string{"b@example.com"}}
	if err := e.send(t.Context(), mail()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	for answer, final := range map[string]bool{"550 no such user": true, "450 try again": false} {
		m := newMailServer(t, false)
		m.refuse = answer
		e = &Email{Server: m.addr, Encryption: NoTLS, From: "a@example.com", To: []string{"b@example.com"}}
		if err := e.send(t.Context(), mail()); err == nil || isFinal(err) != final {
			t.Errorf("%s: %v", answer, err)
		}
	}
	e = &Email{Server: "127.0.0.1:1", Encryption: NoTLS}
	if err := e.send(t.Context(), mail()); err == nil || isFinal(err) {
		t.Error(err)
	}
}
