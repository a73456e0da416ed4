package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"golang.org/x/sys/unix"
)

// crowdEnv makes the test's binary a crowd: the other side of the engine in a
// process of its own, so that the memory and the descriptors of the test's
// process are all the engine's.
const crowdEnv = "BANYAN_TEST_CROWD"

// crowdOrder is what a crowd is to do. It does it, says so in a line, and ends when
// its input does.
type crowdOrder struct {
	// Addr is where clients connect to. Empty: the crowd is an instance.
	Addr string
	// HTTP2 without TLS is what an instance speaks; clients speak it over TLS, too.
	HTTP2, TLS bool
	// Clients is how many connections are opened and asked on.
	Clients int
	// From is the last number of the clients' address, so that each crowd has
	// the ports of an address of its own.
	From byte
	// Slow is how much a client reads of its answer for each line of the crowd's
	// input, in bytes. 0: all of it, at once.
	Slow int
	// Size is that of an instance's answers, in bytes.
	Size int
}

// crowd is one that was started.
type crowd struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

func startCrowd(t *testing.T, o crowdOrder) *crowd {
	t.Helper()
	spec, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // the test's context has ended it
	})
	return &crowd{t, in, bufio.NewReader(out)}
}

// line is the next thing that the crowd says.
func (c *crowd) line() string {
	c.t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal("the crowd has ended: ", err)
	}
	return strings.TrimSpace(s)
}

// instanceCrowd starts an instance and returns its address.
func instanceCrowd(t *testing.T, http2 bool, size int) string {
	t.Helper()
	return startCrowd(t, crowdOrder{HTTP2: http2, Size: size}).line()
}

// clientCrowds are n clients in two processes; they have all asked.
func clientCrowds(t *testing.T, n int, o crowdOrder) []*crowd {
	t.Helper()
	o.Addr = strings.TrimPrefix(o.Addr, "http://")
	crowds := make([]*crowd, 2)
	for i := range crowds {
		o.Clients, o.From = n/len(crowds), byte(i+1)
		crowds[i] = startCrowd(t, o)
	}
	for _, c := range crowds {
		c.line()
	}
	return crowds
}

// joinCrowd is the crowd's process.
func joinCrowd(spec string) error {
	var o crowdOrder
	if err := json.Unmarshal([]byte(spec), &o); err != nil {
		return err
	}
	if o.Addr == "" {
		return o.serve()
	}
	return o.ask()
}

// serve is an instance.
func (o crowdOrder) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	chunk := bytes.Repeat([]byte("x"), min(o.Size, 64<<10))
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(o.Size))
		for n := o.Size; n > 0; {
			k, err := w.Write(chunk[:min(n, len(chunk))])
			if err != nil {
				return
			}
			n -= k
		}
	})}
	s.Protocols.SetHTTP1(!o.HTTP2)
	s.Protocols.SetUnencryptedHTTP2(o.HTTP2)
	go func() { _ = s.Serve(l) }()
	fmt.Println(l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// askers is how many clients of a crowd ask at a time.
const askers = 16

// ask is the clients.
func (o crowdOrder) ask() error {
	conns := make([]net.Conn, o.Clients)
	errs := make([]error, askers)
	var wg sync.WaitGroup
	for a := range askers {
		wg.Go(func() {
			for i := a; i < len(conns) && errs[a] == nil; i += askers {
				conns[i], errs[a] = o.askOne()
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Println("all have asked")
	lines := bufio.NewScanner(os.Stdin)
	for buf := make([]byte, o.Slow); lines.Scan(); fmt.Println("all have read") {
		for _, c := range conns {
			if _, err := io.ReadFull(c, buf); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// askOne opens a connection and asks on it.
func (o crowdOrder) askOne() (net.Conn, error) {
	c, err := o.connect()
	if err != nil {
		return nil, err
	}
	if o.TLS {
		cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
		if o.HTTP2 {
			cfg.NextProtos = []string{"h2"}
		}
		c = tls.Client(c, cfg)
	}
	if o.HTTP2 {
		return c, askTwice(c)
	}
	if _, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil || o.Slow > 0 {
		return c, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return c, err
	}
	if _, err = io.Copy(io.Discard, resp.Body); resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return c, err
}

// askTwice begins HTTP/2 and reads the answers to two requests: with the second,
// header compression begins to remember.
func askTwice(c net.Conn) error {
	const ack = 1
	_, err := io.WriteString(c, h2.Preface+frame2(frameSettings, 0, 0, "")+
		frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/"))+
		frame2(frameHeaders, endHeaders|endStream, 3, ask2("GET", "/")))
	if err != nil {
		return err
	}
	br := bufio.NewReader(c)
	for answers := 0; answers < 2; {
		var head [9]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return err
		}
		if _, err := br.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
			return err
		}
		switch kind, flags := head[3], head[4]; {
		case kind == frameSettings && flags&ack == 0:
			if _, err := io.WriteString(c, frame2(frameSettings, ack, 0, "")); err != nil {
				return err
			}
		case kind == frameReset, kind == frameGoAway:
			return fmt.Errorf("a frame of type %d", kind)
		case kind <= frameHeaders && flags&endStream != 0:
			answers++
		}
	}
	return nil
}

// connect opens a connection from the crowd's own address where there is one: on
// Linux, all of 127.0.0.0/8. It ends in a reset, of which the kernel keeps nothing.
func (o crowdOrder) connect() (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.Bind(int(fd), &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, o.From}})
			_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			if o.Slow > 0 {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
			}
		})
	}}
	return d.Dial("tcp", o.Addr)
}
