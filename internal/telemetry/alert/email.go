package alert

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// How a connection to a mail server is encrypted.
const (
	StartTLS = "starttls" // after the server's greeting; it must offer that
	TLS      = "tls"      // from the first byte
	NoTLS    = "none"     // not at all; without a password, or on this machine
)

// Email sends mail.
type Email struct {
	// Server is host:port.
	Server string
	// Encryption is StartTLS, TLS or NoTLS.
	Encryption string
	// User and Password are for the server. Empty: it asks for none.
	User, Password string
	From           string
	To             []string
	// TLS overrides how servers are verified. nil: as the system does.
	TLS *tls.Config
}

func (m *Email) send(ctx context.Context, msg message) error {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return finalError{err}
	}
	conn, err := m.dial(ctx, host)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return err
	}
	defer func() { _ = c.Close() }() // Quit has said goodbye
	if err := m.converse(c, host, msg); err != nil {
		return ofServer(err)
	}
	_ = c.Quit() // the server has taken the mail
	return nil
}

func (m *Email) dial(ctx context.Context, host string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if m.Encryption == TLS {
		return (&tls.Dialer{NetDialer: dialer, Config: m.verify(host)}).DialContext(ctx, "tcp", m.Server)
	}
	return dialer.DialContext(ctx, "tcp", m.Server)
}

func (m *Email) verify(host string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.TLS != nil {
		config = m.TLS.Clone()
	}
	config.ServerName = host
	return config
}

func (m *Email) converse(c *smtp.Client, host string, msg message) error {
	if m.Encryption == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return finalError{errors.New("the mail server offers no STARTTLS: use its TLS port with tls: tls, or tls: none on this machine")}
		}
		if err := c.StartTLS(m.verify(host)); err != nil {
			return err
		}
	}
	if m.User != "" {
		// It refuses to send a password over a connection that is not encrypted, but to this machine.
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(m.From); err != nil {
		return err
	}
	for _, to := range m.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.text(msg)); err != nil {
		return err
	}
	return w.Close()
}

// ofServer tells a refusal that is meant to last.
func ofServer(err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok && e.Code >= 500 {
		return finalError{err}
	}
	return err
}

// text is the mail, its head and its body.
func (m *Email) text(msg message) []byte {
	var id [12]byte
	_, _ = rand.Read(id[:]) // it never fails
	var b strings.Builder
	line := func(name, value string) { b.WriteString(name + ": " + oneLine(value) + "\r\n") }
	line("From", m.From)
	line("To", strings.Join(m.To, ", "))
	line("Subject", mime.QEncoding.Encode("utf-8", msg.title()))
	line("Date", msg.at.Format(time.RFC1123Z))
	line("Message-ID", "<"+hex.EncodeToString(id[:])+"@banyan>")
	line("MIME-Version", "1.0")
	line("Content-Type", "text/plain; charset=utf-8")
	line("Content-Transfer-Encoding", "quoted-printable")
	line("Auto-Submitted", "auto-generated")
	b.WriteString("\r\n")
	body := quotedprintable.NewWriter(&b)
	_, _ = fmt.Fprint(body, strings.ReplaceAll(plainText(msg), "\n", "\r\n")) // into memory
	_ = body.Close()                                                          // the same
	return []byte(b.String())
}

// oneLine keeps a value from ending its line: what follows would be another header.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}

func plainText(m message) string {
	var b strings.Builder
	for _, a := range append(m.firing, m.resolved...) {
		fmt.Fprintf(&b, "%s\n", a.headline())
		if text := a.Annotations["description"]; text != "" {
			fmt.Fprintf(&b, "%s\n", text)
		}
		fmt.Fprintf(&b, "%s\nfiring since %s\n", a.Labels, a.Fired.UTC().Format(time.RFC3339))
		if a.State == Resolved {
			fmt.Fprintf(&b, "over since %s\n", a.Ended.UTC().Format(time.RFC3339))
		}
		b.WriteString("\n")
	}
	if m.omitted > 0 {
		fmt.Fprintf(&b, "and %d more\n\n", m.omitted)
	}
	if m.dashboard != "" {
		fmt.Fprintf(&b, "%s\n", m.dashboard)
	}
	return b.String()
}
