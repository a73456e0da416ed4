package enginetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Event is a record whose data is a number, for an engine's own tests.
func Event(n int) engine.Record {
	return engine.Record{
		ID: engine.IDOf("/test", strconv.Itoa(n)), Key: "k", Time: time.Unix(1e9, 0).UTC(), Data: []byte(strconv.Itoa(n)),
		Attrs: []engine.Attr{{Name: "id", Value: strconv.Itoa(n)}, {Name: "datacontenttype", Value: "text/plain"}, {Name: "source", Value: "/ü"}},
	}
}

// Ensure makes a topic, or ends the test.
func Ensure(tb testing.TB, e engine.Engine, topic engine.Topic) {
	tb.Helper()
	if err := e.Ensure(tb.Context(), []engine.Topic{topic}); err != nil {
		tb.Fatal(err)
	}
}

// Publish publishes an Event, or ends the test.
func Publish(tb testing.TB, e engine.Engine, topic string, n int) {
	tb.Helper()
	if _, err := e.Publish(tb.Context(), topic, []engine.Record{Event(n)}); err != nil {
		tb.Fatal(err)
	}
}

// Steadily publishes Events 0 to n-1, each again until it is acknowledged. The first
// channel is closed when half of them are, the second when all are, or the test ended.
func Steadily(tb testing.TB, e engine.Engine, topic string, n int) (half, all <-chan struct{}) {
	tb.Helper()
	first, last := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(last)
		for i := 0; i < n; {
			if _, err := e.Publish(tb.Context(), topic, []engine.Record{Event(i)}); err == nil {
				if i++; i == n/2 {
					close(first)
				}
			} else if tb.Context().Err() != nil {
				return
			}
		}
	}()
	return first, last
}
