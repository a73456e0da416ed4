package otlp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// TestRoom: of many large requests at once as many are held as there is room for, and
// the others are told to come again. Then all room is there again.
func TestRoom(t *testing.T) {
	const (
		most  = 8 << 20
		many  = 64
		large = 1 << 20
	)
	room := NewRoom(most)
	r := New(&sink{}, room, slog.New(slog.DiscardHandler))
	body := bytes.Repeat([]byte(" "), large)
	zip := zipped(t, bytes.Repeat([]byte(" "), 4*large)) // some KiB
	var all sync.WaitGroup
	var mu sync.Mutex
	var highest int64
	got := map[int]int{}
	rest := make(chan struct{}) // closed when the bodies may end
	started := make(chan struct{}, many)
	for i := range many {
		all.Go(func() {
			data, header := body, ""
			if i%2 == 0 {
				data, header = zip, gzipName
			}
			q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/traces", io.MultiReader(bytes.NewReader(data[:len(data)-1]), &held{rest, started}, bytes.NewReader(data[len(data)-1:])))
			q.Header.Set("Content-Type", jsonType)
			q.Header.Set("Content-Encoding", header)
			w := httptest.NewRecorder()
			r.ServeFrom(w, q, "order")
			mu.Lock()
			defer mu.Unlock()
			got[w.Code]++
			highest = max(highest, room.held.Load())
			if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "1" {
				t.Error(w.Header())
			}
			started <- struct{}{}
		})
	}
	for range many { // each has its body but for the end, or was refused
		<-started
	}
	highest = max(highest, room.held.Load())
	close(rest)
	go func() {
		for range started { // they end
		}
	}()
	all.Wait()
	close(started)
	if got[http.StatusServiceUnavailable] == 0 || got[http.StatusBadRequest] == 0 || got[http.StatusServiceUnavailable]+got[http.StatusBadRequest] != many {
		t.Errorf("answers: %v; want some 503, and the others 400, as it is no JSON", got)
	}
	if highest > most || room.held.Load() != 0 {
		t.Errorf("%d bytes were held, of %d; %d in the end", highest, most, room.held.Load())
	}
}

// held is a reader that has nothing, and ends when it may.
type held struct {
	rest    <-chan struct{}
	started chan<- struct{}
}

func (h *held) Read([]byte) (int, error) {
	h.started <- struct{}{}
	<-h.rest
	return 0, io.EOF
}

// TestRoomOfGRPC: a sender of gRPC that finds no room is told to come again, however
// its message is compressed.
func TestRoomOfGRPC(t *testing.T) {
	s := &sink{}
	full := NewRoom(1)
	server := httptest.NewUnstartedServer(New(s, full, slog.New(slog.DiscardHandler)))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	_, err := ptraceotlp.NewGRPCClient(dial(t, server.Listener.Addr().String())).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(someTraces(300)))
	st := status.Convert(err)
	if st.Code() != codes.Unavailable || len(st.Details()) != 1 {
		t.Fatal(err, st.Details())
	}
	if info, ok := st.Details()[0].(*errdetails.RetryInfo); !ok || info.GetRetryDelay().AsDuration() != time.Second {
		t.Error(st.Details())
	}
	if full.held.Load() != 0 {
		t.Error(full.held.Load())
	}
}

// panics is a sink with a defect.
type panics struct{ Sink }

func (panics) Spans(context.Context, string, []signal.Span) error { panic("a defect") }

// TestRoomAfterPanic: what a request holds is given back whatever becomes of it.
func TestRoomAfterPanic(t *testing.T) {
	room := NewRoom(1 << 20)
	r := New(panics{}, room, slog.New(slog.DiscardHandler))
	func() {
		defer func() { _ = recover() }()
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/traces", bytes.NewReader(encode(t, someTraces(1), binary)))
		q.Header.Set("Content-Type", protobuf)
		r.ServeFrom(httptest.NewRecorder(), q, "order")
		t.Error("no panic")
	}()
	if room.held.Load() != 0 || len(room.gate) != 0 {
		t.Error(room.held.Load(), len(room.gate))
	}
	if err := room.Decode(func() error { return errors.New("x") }); err == nil || len(room.gate) != 0 {
		t.Error(err)
	}
}
