package cli

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// fakeDaemon is a control API whose status the test sets.
type fakeDaemon struct {
	banyanv1connect.UnimplementedControlServiceHandler

	mu      sync.Mutex
	status  *banyanv1.Status
	changed chan struct{} // closed at each change
	closed  bool

	calls   chan proto.Message // the requests, in order
	logs    chan *banyanv1.LogsResponse
	onApply func(*banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error)
	onDown  func(force bool)
	onStats func() *banyanv1.StatsResponse
	bus     fakeBus
	sagas   fakeSagas
	seen    fakeTelemetry

	listener *net.UnixListener
	server   *http.Server
	done     chan struct{}
}

func newFakeDaemon() *fakeDaemon {
	return &fakeDaemon{
		status: &banyanv1.Status{}, changed: make(chan struct{}),
		calls: make(chan proto.Message, 100), logs: make(chan *banyanv1.LogsResponse, 100),
	}
}

// serve begins to answer on the layout's socket.
func (d *fakeDaemon) serve(t *testing.T, l layout.Layout) {
	t.Helper()
	if err := l.Prepare(); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(l.ControlSocket)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: l.ControlSocket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	d.listener = listener
	mux := http.NewServeMux()
	mux.Handle(banyanv1connect.NewControlServiceHandler(d))
	d.seen.calls = d.calls
	mux.Handle(banyanv1connect.NewTelemetryServiceHandler(&d.seen))
	mux.HandleFunc("GET /prometheus/api/v1/{path}", d.seen.prom)
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		_ = d.server.Serve(listener) // it ends with stop or kill
	}()
	t.Cleanup(d.stop)
}

// stop ends the daemon as `down` does: the socket goes away.
func (d *fakeDaemon) stop() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.set(func(*banyanv1.Status) {})
	_ = d.server.Close() // nothing is left to answer
	<-d.done
}

// kill ends it as kill -9 does: the socket stays behind.
func (d *fakeDaemon) kill() {
	d.listener.SetUnlinkOnClose(false)
	d.stop()
}

// set changes the status and tells the watchers.
func (d *fakeDaemon) set(change func(*banyanv1.Status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d.status)
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *fakeDaemon) snapshot() (st *banyanv1.Status, changed <-chan struct{}, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return proto.CloneOf(d.status), d.changed, d.closed
}

func (d *fakeDaemon) Apply(_ context.Context, req *banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
	d.calls <- req
	if d.onApply != nil {
		return d.onApply(req)
	}
	return &banyanv1.ApplyResponse{}, nil
}

func (d *fakeDaemon) GetStatus(context.Context, *banyanv1.GetStatusRequest) (*banyanv1.GetStatusResponse, error) {
	st, _, _ := d.snapshot()
	return &banyanv1.GetStatusResponse{Status: st}, nil
}

func (d *fakeDaemon) Watch(ctx context.Context, _ *banyanv1.WatchRequest, stream *connect.ServerStream[banyanv1.WatchResponse]) error {
	for {
		st, changed, closed := d.snapshot()
		if err := stream.Send(&banyanv1.WatchResponse{Status: st}); err != nil || closed {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *fakeDaemon) Logs(ctx context.Context, req *banyanv1.LogsRequest, stream *connect.ServerStream[banyanv1.LogsResponse]) error {
	d.calls <- req
	for {
		_, changed, closed := d.snapshot()
		select {
		case msg := <-d.logs:
			if err := stream.Send(msg); err != nil {
				return err
			}
			continue
		default:
		}
		if !req.GetFollow() || closed {
			return nil
		}
		select {
		case msg := <-d.logs:
			if err := stream.Send(msg); err != nil {
				return err
			}
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *fakeDaemon) Restart(_ context.Context, req *banyanv1.RestartRequest) (*banyanv1.RestartResponse, error) {
	d.calls <- req
	return &banyanv1.RestartResponse{}, nil
}

func (d *fakeDaemon) Scale(_ context.Context, req *banyanv1.ScaleRequest) (*banyanv1.ScaleResponse, error) {
	d.calls <- req
	return &banyanv1.ScaleResponse{}, nil
}

func (d *fakeDaemon) Stats(_ context.Context, req *banyanv1.StatsRequest) (*banyanv1.StatsResponse, error) {
	d.calls <- req
	return d.onStats(), nil
}

func (d *fakeDaemon) RunJob(_ context.Context, req *banyanv1.RunJobRequest) (*banyanv1.RunJobResponse, error) {
	d.calls <- req
	return nil, connect.NewError(connect.CodeNotFound, errText("there is no job "+req.GetJob()+"; jobs are migrate"))
}

type errText string

func (e errText) Error() string { return string(e) }

func (d *fakeDaemon) Down(_ context.Context, req *banyanv1.DownRequest) (*banyanv1.DownResponse, error) {
	d.calls <- req
	d.set(func(st *banyanv1.Status) { st.GoingDown = true })
	if d.onDown != nil {
		d.onDown(req.GetForce())
	}
	return &banyanv1.DownResponse{}, nil
}

// buffer is a bytes.Buffer that tests can wait on.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{} // closed at each write
}

func newBuffer() *buffer { return &buffer{written: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.written)
	b.written = make(chan struct{})
	return b.b.Write(p)
}

func (b *buffer) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run is one run of the command line against a fake daemon.
type run struct {
	t        *testing.T
	d        *fakeDaemon
	dir      string
	l        layout.Layout
	p        *program
	out, err *buffer
	signals  chan os.Signal
	code     chan int
}

const twoServices = `name: shop
services:
  order: {command: ./order, sources: [src]}
  user: {command: ./user, sources: [src]}
`

// newRun makes an app directory and a console in it; the daemon answers when
// serving is set, else it is not up.
func newRun(t *testing.T, serving bool) *run {
	t.Helper()
	runtimeDir, err := os.MkdirTemp("", "by") //nolint:usetesting // t.TempDir's is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(runtimeDir) })
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	r := &run{
		t: t, d: newFakeDaemon(), dir: t.TempDir(), out: newBuffer(), err: newBuffer(),
		signals: make(chan os.Signal, 4), code: make(chan int, 1),
	}
	r.write("banyan.yaml", twoServices)
	r.write("src/main.go", "package main\n")
	if r.l, err = layout.Beside(r.dir); err != nil {
		t.Fatal(err)
	}
	r.p = newProgram(Entrypoints{}, &console{
		in: strings.NewReader(""), out: r.out, err: r.err, dir: r.dir,
		environ: []string{"PATH=/bin", "SECRET_OF_MINE=x", "TERM=xterm"},
		size:    func() (int, int, bool) { return 0, 0, false },
		signals: func() (<-chan os.Signal, func()) { return r.signals, func() {} },
		now:     time.Now,
	})
	if serving {
		r.d.serve(t, r.l)
	}
	r.p.ensure = func(context.Context, layout.Layout, bool) error {
		if !serving {
			serving = true
			r.d.serve(t, r.l)
		}
		return nil
	}
	return r
}

func (r *run) write(name, content string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start runs a command in the background.
func (r *run) start(args ...string) {
	go func() { r.code <- r.p.run(context.Background(), args) }()
}

// exits waits for the command's end and checks its code.
func (r *run) exits(want int) {
	r.t.Helper()
	select {
	case got := <-r.code:
		if got != want {
			r.t.Errorf("exit code %d, want %d\n%s", got, want, r)
		}
	case <-time.After(10 * time.Second):
		r.t.Fatalf("the command did not end\n%s", r)
	}
}

func (r *run) String() string { return "stdout:\n" + r.out.String() + "stderr:\n" + r.err.String() }

// sees waits until b holds text.
func (r *run) sees(b *buffer, text string) {
	r.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		next := b.next()
		if strings.Contains(b.String(), text) {
			return
		}
		select {
		case <-next:
		case <-limit:
			r.t.Fatalf("%q did not appear\n%s", text, r)
		}
	}
}

// called waits for the daemon's next request, which must be a T.
func called[T proto.Message](r *run) T {
	r.t.Helper()
	select {
	case msg := <-r.d.calls:
		req, ok := msg.(T)
		if !ok {
			r.t.Fatalf("the daemon was asked %T %v", msg, msg)
		}
		return req
	case <-time.After(10 * time.Second):
		r.t.Fatalf("the daemon was not asked\n%s", r)
	}
	panic("unreachable")
}

func service(name string, state banyanv1.State, reason string, details ...string) *banyanv1.Service {
	s := &banyanv1.Service{Name: name, State: state, Desired: 1, Reason: reason, Details: details}
	if state == banyanv1.State_STATE_READY {
		s.Ready = 1
	}
	return s
}

// shop is a status of two services.
func shop(order, user *banyanv1.Service) func(*banyanv1.Status) {
	return func(st *banyanv1.Status) {
		st.App = "shop"
		st.Services = []*banyanv1.Service{user, order}
		st.Settled = order.GetState() == banyanv1.State_STATE_READY && user.GetState() == banyanv1.State_STATE_READY
		st.Stuck = st.GetSettled() || order.GetState() == banyanv1.State_STATE_FAILED
		st.GatewayUrls = []string{"http://127.0.0.1:8080"}
	}
}
