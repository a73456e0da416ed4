package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

const topicName, streamName, subjectName = "order.placed", "banyan_shop_order_placed", "banyan.shop.order.placed"

func settings(change func(*engine.Topic)) []engine.Topic {
	t := engine.Topic{Name: topicName, Dedup: time.Hour, MaxEvent: 256 << 10}
	if change != nil {
		change(&t)
	}
	return []engine.Topic{t}
}

// ready returns an engine with the topic.
func (s *server) ready(change func(*engine.Topic)) *Engine {
	s.Helper()
	e := s.engine()
	if err := e.Ensure(s.Context(), settings(change)); err != nil {
		s.Fatal(err)
	}
	return e
}

// other is somebody else's connection.
func (s *server) other() (*client.Conn, jetstream.JetStream) {
	s.Helper()
	c, err := client.Connect(s.url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		s.Fatal(err)
	}
	return c, js
}

func record(n int) engine.Record {
	return engine.Record{
		ID: engine.IDOf("/test", strconv.Itoa(n)), Key: "k", Time: time.Unix(int64(n), 0), Dedup: time.Hour,
		Attrs: []engine.Attr{{Name: "id", Value: strconv.Itoa(n)}}, Data: fmt.Appendf(nil, "event %d", n),
	}
}

func records(from, to int) (all []engine.Record) {
	for n := from; n <= to; n++ {
		all = append(all, record(n))
	}
	return all
}

func publish(t *testing.T, e *Engine, rs ...engine.Record) []engine.Placed {
	t.Helper()
	placed, err := e.Publish(t.Context(), topicName, rs)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}

func stat(t *testing.T, e *Engine) engine.Stat {
	t.Helper()
	s, err := e.Stat(t.Context(), topicName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read returns what the topic holds after an offset.
func read(t *testing.T, e *Engine, at uint64) (all []engine.Stored) {
	t.Helper()
	for {
		got, err := e.Read(t.Context(), topicName, engine.Position{Offset: at}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		at = got[len(got)-1].Offset
	}
}

// until tries again what fails only because the server is away.
func until(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // somebody else's server: there is no event to wait on
		err := f()
		if err == nil {
			return
		}
		if fault.CodeOf(err) != fault.Unavailable || time.Now().After(deadline) {
			t.Error(err)
			return
		}
	}
}

// What was acknowledged is there, once and in order, after the server was killed
// in the middle of it, and a cursor goes on.
func TestServerIsKilled(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	const keys, each, kills = 6, 300, 3
	number := func(key, n int) engine.Record {
		r := record(key*1000 + n)
		r.Key = strconv.Itoa(key)
		return r
	}
	var publishers sync.WaitGroup
	half := make(chan struct{}, keys*kills)
	for key := range keys {
		publishers.Go(func() {
			for n := 0; n < each; n += 3 {
				if n%(each/(kills+1)) == 0 && n > 0 {
					half <- struct{}{}
				}
				until(t, func() error {
					_, err := e.Publish(t.Context(), topicName, []engine.Record{number(key, n), number(key, n+1), number(key, n+2)})
					return err
				})
			}
		})
	}
	read := make(chan map[string]int)
	go func() { read <- follow(t, e, keys*each, number) }()
	for range kills {
		for range keys {
			<-half
		}
		s.kill()
		s.start()
	}
	publishers.Wait()
	for key, n := range <-read {
		if n != each {
			t.Errorf("of key %s came %d", key, n)
		}
	}
	if r := stat(t, e).Partitions[0]; r.End.Offset != keys*each {
		t.Errorf("%d records are stored", r.End.Offset)
	}
}

// follow reads by a cursor until want records came, and checks the order of each key.
func follow(t *testing.T, e *Engine, want int, number func(key, n int) engine.Record) map[string]int {
	t.Helper()
	c, err := e.Open(t.Context(), topicName, "g", nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close()
	seen := map[string]int{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for total := 0; total < want; {
		var got []engine.Stored
		until(t, func() (err error) {
			got, err = c.Next(ctx, 50)
			return err
		})
		if t.Failed() {
			return seen
		}
		for _, g := range got {
			var key int
			_, _ = fmt.Sscan(g.Key, &key)
			if g.ID != number(key, seen[g.Key]).ID {
				t.Errorf("of key %d came %s, and %d is next", key, g.Data, seen[g.Key])
				return seen
			}
			seen[g.Key]++
			total++
		}
	}
	return seen
}

// A call that is half duplicates costs two rounds, not one a duplicate.
func TestManyDuplicates(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	all := records(0, 1999)
	var even []engine.Record
	for n := 0; n < len(all); n += 2 {
		even = append(even, all[n])
	}
	publish(t, e, even...)
	for i, p := range publish(t, e, all...) {
		if p.Duplicate != (i%2 == 0) {
			t.Fatalf("record %d: %+v", i, p)
		}
	}
	got := read(t, e, 0)
	if len(got) != len(all) {
		t.Fatalf("%d records are stored", len(got))
	}
	for i, g := range got[len(even):] {
		if g.ID != all[2*i+1].ID {
			t.Fatalf("record %d is %s", i, g.Data)
		}
	}
}

// Settings with which events would be lost are refused by name; those of the app
// file are adjusted, and others are the operator's.
// createStream makes a stream whose namesake may have been deleted just now: the
// server removes its files after it has answered, and says nothing when it is done.
func createStream(t *testing.T, js jetstream.JetStream, c jetstream.StreamConfig) {
	t.Helper()
	const storeFailed = 10049 // JSStreamStoreFailedF
	for until := time.Now().Add(10 * time.Second); ; {
		_, err := js.CreateStream(t.Context(), c)
		if err == nil {
			return
		}
		if e, ok := errors.AsType[*jetstream.APIError](err); !ok || e.ErrorCode != storeFailed || time.Now().After(until) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestStreamSettings(t *testing.T) {
	s := newServer(t)
	_, js := s.other()
	fine := jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjectName}, DenyDelete: true, Compression: jetstream.S2Compression, Discard: jetstream.DiscardOld,
	}
	for name, change := range map[string]func(*jetstream.StreamConfig){
		"":                     func(*jetstream.StreamConfig) {},
		"subjects":             func(c *jetstream.StreamConfig) { c.Subjects = append(c.Subjects, "more") },
		"storage":              func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"retention":            func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"max_age":              func(c *jetstream.StreamConfig) { c.MaxAge = 240 * time.Hour },
		"max_msgs":             func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 },
		"max_msgs_per_subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1000 },
		"max_msg_size":         func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 },
		"no_ack":               func(c *jetstream.StreamConfig) { c.NoAck = true },
		"deny_delete":          func(c *jetstream.StreamConfig) { c.DenyDelete = false },
		"deny_purge":           func(c *jetstream.StreamConfig) { c.DenyPurge = true },
		"allow_msg_ttl":        func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true },
		"persist_mode":         func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
		"sources":              func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "another"}} },
	} {
		t.Run(name, func(t *testing.T) {
			c := fine
			c.Subjects = slices.Clone(fine.Subjects)
			change(&c)
			createStream(t, js, c)
			defer js.DeleteStream(context.Background(), streamName)
			err := s.engine().Ensure(t.Context(), settings(nil))
			if name == "" {
				if err != nil {
					t.Error(err)
				}
				stream, err := js.Stream(t.Context(), streamName)
				if err != nil {
					t.Fatal(err)
				}
				if got := stream.CachedInfo().Config; got.Discard != jetstream.DiscardNew || got.Duplicates != time.Hour || got.Compression != jetstream.S2Compression {
					t.Errorf("the stream became %+v", got)
				}
				return
			}
			if fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), ": "+name+";") {
				t.Errorf("Ensure: %v", err)
			}
		})
	}
}

// A bound that is lowered removes nothing, and refuses.
func TestLowerBound(t *testing.T) {
	s := newServer(t)
	e := s.ready(func(t *engine.Topic) { t.MaxBytes = 1 << 20 })
	publish(t, e, records(1, 500)...)
	lower := settings(func(t *engine.Topic) { t.MaxBytes, t.Dedup = 64<<10, 2*time.Hour })
	if err := e.Ensure(t.Context(), lower); err != nil {
		t.Fatal(err)
	}
	if got := read(t, e, 0); len(got) != 500 {
		t.Errorf("%d records are left", len(got))
	}
	if _, err := e.Publish(t.Context(), topicName, records(501, 501)); !errors.Is(err, engine.ErrFull) {
		t.Errorf("Publish: %v", err)
	}
}

func TestMaxPayload(t *testing.T) {
	e := newServer(t, "max_payload: 128KB").engine()
	err := e.Ensure(t.Context(), settings(nil))
	if fault.CodeOf(err) != fault.Conflict || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("Ensure: %v", err)
	}
}

func TestTooOld(t *testing.T) {
	for version, want := range map[string]bool{"2.9.25": true, "1.4.1": true, "2.10.0": false, "2.15.2": false, "3.0.0-RC.1": false, "": false} {
		if got := tooOld(version); got != want {
			t.Errorf("version %q is too old: %v", version, got)
		}
	}
}

func TestWithoutJetStream(t *testing.T) {
	e := newServer(t, "jetstream: false").engine()
	err := e.Ensure(t.Context(), settings(nil))
	if fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("Ensure: %v", err)
	}
}

// The server may come later than the engine.
func TestUnreachable(t *testing.T) {
	s := newServer(t)
	s.kill()
	e := s.engine()
	err := e.Ensure(t.Context(), settings(nil))
	if fault.CodeOf(err) != fault.Unavailable || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ensure: %v", err)
	}
	s.start()
	until(t, func() error { return e.Ensure(t.Context(), settings(nil)) })
	publish(t, e, record(1))
}

// What cannot be read of an address is told without its password.
func TestURL(t *testing.T) {
	for text, good := range map[string]bool{
		"nats://a:4222": true, "localhost": true, "tls://u:secret@a:1,tls://u:secret@b:2": true,
		"nats://u:sec%ret@a": false, "http://u:secret@a": false, "nats://u:secret@": false, "nats://u:secret@a:x": false,
	} {
		e, err := Open(Config{URL: text, App: "shop", Logger: slogDiscard})
		if (err == nil) != good || err != nil && (strings.Contains(err.Error(), "sec") || fault.CodeOf(err) != fault.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
		if e != nil {
			e.Close()
		}
	}
}

// stops holds that everything says that the topic is damaged.
func stops(t *testing.T, e *Engine) {
	t.Helper()
	if s := stat(t, e); s.Health != engine.Stopped || !errors.Is(s.Why, engine.ErrDamaged) {
		t.Errorf("the topic is %v: %v", s.Health, s.Why)
	}
	if _, err := e.Publish(t.Context(), topicName, records(9000, 9000)); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("Publish: %v", err)
	}
	c, err := e.Open(t.Context(), topicName, "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for err == nil {
		_, err = c.Next(t.Context(), 100)
	}
	if !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("Next: %v", err)
	}
}

func TestStreamIsRemoved(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	publish(t, e, records(1, 10)...)
	_, js := s.other()
	if err := js.DeleteStream(t.Context(), streamName); err != nil {
		t.Fatal(err)
	}
	stops(t, e)
	// Another engine that knows of its end does not make it anew.
	e = s.ready(func(t *engine.Topic) { t.Known = []engine.Position{{Offset: 10}} })
	stops(t, e)
	// One that is made anew by others is not the same.
	e = s.ready(nil)
	publish(t, e, records(1, 3)...)
	e = s.ready(func(t *engine.Topic) { t.Known = []engine.Position{{Offset: 10}} })
	stops(t, e)
}

// A block of the stream's is lost with the server down: the server starts and says nothing.
func TestGap(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	for n := range 120 { // a block of the server's is 8 MiB
		r := record(n)
		r.Data = make([]byte, 200<<10)
		publish(t, e, r)
	}
	s.kill()
	dir := filepath.Join(filepath.Dir(s.config), "jetstream", "$G", "streams", streamName, "msgs")
	blocks, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil || len(blocks) < 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "2.blk")), os.RemoveAll(filepath.Join(dir, "index.db"))); err != nil {
		t.Fatal(err)
	}
	s.start()
	until(t, func() error { _, err := e.Stat(t.Context(), topicName); return err })
	stops(t, e)
}

// What others publish to the subject is passed over, and takes no event's place.
func TestForeignMessages(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	_, js := s.other()
	for n := range 5 {
		publish(t, e, records(10*n, 10*n+4)...)
		if _, err := js.Publish(t.Context(), subjectName, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		bad := &client.Msg{Subject: subjectName, Header: client.Header{headerRecord: {"zz 1 2 a"}}}
		if _, err := js.PublishMsg(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, e, 0)
	if len(got) != 25 {
		t.Fatalf("%d records are read", len(got))
	}
	for i, g := range got {
		if want := record(10*(i/5) + i%5); g.ID != want.ID || g.Offset != uint64(i+1+2*(i/5)) {
			t.Errorf("record %d is %s at %d", i, g.Data, g.Offset)
		}
	}
}

// What somebody purged is told.
func TestPurgedByOthers(t *testing.T) {
	s := newServer(t)
	e := s.ready(nil)
	publish(t, e, records(1, 10)...)
	c, err := e.Open(t.Context(), topicName, "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Next(t.Context(), 2); err != nil || len(got) != 2 {
		t.Fatal(len(got), err)
	}
	_, js := s.other()
	stream, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(6)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Next(t.Context(), 10); !errors.Is(err, engine.ErrGone) {
		t.Errorf("Next: %d records, %v", len(got), err)
	}
}

// Records go when they are old and released, and not before.
func TestAge(t *testing.T) {
	s := newServer(t)
	e := s.ready(func(t *engine.Topic) { t.MaxAge, t.Dedup = 200*time.Millisecond, 100*time.Millisecond })
	publish(t, e, records(1, 20)...)
	release := func(offset uint64) uint64 {
		if err := e.Release(t.Context(), topicName, []engine.Position{{Offset: offset}}); err != nil {
			t.Fatal(err)
		}
		return stat(t, e).Partitions[0].Start.Offset
	}
	for deadline := time.Now().Add(30 * time.Second); release(7) != 7; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was removed")
		}
	}
	got := read(t, e, 0)
	if len(got) != 13 || got[0].Offset != 8 {
		t.Errorf("%d records are left", len(got))
	}
}

// FuzzRecord: a record comes back from headers that hold printable ASCII alone.
func FuzzRecord(f *testing.F) {
	f.Add("key", "value", []byte("data"), int64(1), int64(2))
	f.Add("", " ", []byte(nil), int64(-1), int64(0))
	f.Add("\x00\xff%", "a\r\nb: c\"é", []byte{0}, int64(1<<62), int64(1))
	f.Fuzz(func(t *testing.T, key, value string, data []byte, at, window int64) {
		r := engine.Record{
			ID: engine.IDOf(key, value), Key: key, Time: time.Unix(0, at), Dedup: time.Duration(window),
			Attrs: []engine.Attr{{Name: "b", Value: value}, {Name: "a"}}, Data: data,
		}
		m := encode("s", r)
		for _, values := range m.Header {
			if strings.ContainsFunc(strings.Join(values, ""), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("a header is %q", values)
			}
		}
		got, ok := decode(m.Header, m.Data)
		if !ok || got.ID != r.ID || got.Key != key || !got.Time.Equal(r.Time) || got.Dedup != r.Dedup || !slices.Equal(got.Attrs, r.Attrs) || !bytes.Equal(got.Data, data) {
			t.Fatalf("%+v became %+v", r, got)
		}
	})
}
