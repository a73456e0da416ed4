package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// asker returns a function that asks once and says why it failed, "" if not.
func asker(p Probe, t Target) func(ctx context.Context) string {
	var ask func(ctx context.Context) string
	switch {
	case p.HTTP != "":
		client := newClient(t.Addr)
		ask = func(ctx context.Context) string { return askHTTP(ctx, client, t.Addr, p.HTTP, p.Timeout) }
	case len(p.Exec) > 0:
		ask = func(ctx context.Context) string { return askExec(ctx, t, p.Exec, p.Timeout) }
	default:
		ask = func(ctx context.Context) string { return askTCP(ctx, t.Addr, p.Timeout) }
	}
	// Who owns the port is asked until a probe succeeds and again after one fails,
	// not each time: a socket does not change hands while it answers, and the
	// question costs more than the probe.
	ours := len(p.Exec) > 0 || p.Kind == Liveness
	return func(ctx context.Context) string {
		if !ours {
			if reason := foreign(t); reason != "" {
				return reason
			}
		}
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		defer cancel()
		reason := ask(ctx)
		if len(p.Exec) == 0 && p.Kind == Readiness {
			ours = reason == ""
		}
		return reason
	}
}

// foreign checks the port's owner before anything is sent: a stranger must not
// be asked in the instance's place.
func foreign(t Target) string {
	if t.Owns == nil {
		return ""
	}
	listening, owner, _, ok := t.Owns()
	switch {
	case !ok:
		return ""
	case !listening:
		return "nothing listens on " + t.Addr + " yet"
	case !owner:
		_, port, _ := net.SplitHostPort(t.Addr)
		return "port " + port + " is held by another process"
	}
	return ""
}

func askTCP(ctx context.Context, addr string, timeout time.Duration) string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return reasonOf(err, addr, timeout)
	}
	// Reset instead of the usual end: no TIME_WAIT stays behind.
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	return ""
}

// newClient makes a client that keeps no connection, uses no proxy, and follows
// redirects on the same host only. A redirect elsewhere counts by its status.
func newClient(addr string) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			DialContext:            (&net.Dialer{}).DialContext,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Host != addr || req.URL.Scheme != "http" {
				return http.ErrUseLastResponse
			}
			if len(via) >= 10 {
				return errors.New("it redirects in a circle")
			}
			return nil
		},
	}
}

func askHTTP(ctx context.Context, client *http.Client, addr, path string, timeout time.Duration) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return fmt.Sprintf("GET %s: it is no valid path", path)
	}
	req.Header.Set("User-Agent", "banyan-probe")
	req.Header.Set("Accept", "*/*")
	res, err := client.Do(req)
	if err != nil {
		return "GET " + path + ": " + reasonOf(err, addr, timeout)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 10<<10) // a small answer is taken whole, so the service sees no broken pipe
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		return fmt.Sprintf("GET %s: %d", path, res.StatusCode)
	}
	return ""
}

func askExec(ctx context.Context, t Target, argv []string, timeout time.Duration) string {
	err := t.Exec(ctx, argv)
	switch {
	case err == nil:
		return ""
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("%s: no end within %s", argv[0], timeout)
	}
	return err.Error()
}

// reasonOf is a connection's error for people.
func reasonOf(err error, addr string, timeout time.Duration) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused on " + addr
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no answer from %s within %s", addr, timeout)
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset by " + addr
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return addr + " ended the connection without an answer"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error() + " on " + addr
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}
