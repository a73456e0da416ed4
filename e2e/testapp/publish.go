package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// publish serves, and publishes to $TOPIC from $LANES lanes until there is a file
// named stop in the directory $LEDGER. A lane is a key. It sends its next events when
// those before are stored; what was not answered well it sends again with the same
// ids, also in the process that comes after this one. With $DELAY all are published
// that much later.
func publish() error { return publishBy((*lane).post) }

// publishBy is publish, with what it does to have events stored.
func publishBy(send func(*lane) bool) error {
	dir, instance := os.Getenv("LEDGER"), os.Getenv("BANYAN_INSTANCE")
	path := filepath.Join(dir, instance+".published")
	past, err := ledger.Read(path)
	if err != nil {
		return err
	}
	book, err := ledger.Open(path)
	if err != nil {
		return err
	}
	lanes, err := strconv.Atoi(os.Getenv("LANES"))
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(os.Getenv("EVERY"))
	if err != nil {
		return err
	}
	for n := range lanes {
		l := &lane{name: instance + "." + strconv.Itoa(n), url: os.Getenv("BANYAN_URL") + "/v1/topics/" + os.Getenv("TOPIC"), book: book, every: every, send: send}
		l.resume(past)
		go l.run(filepath.Join(dir, "stop"))
	}
	return serve()
}

type lane struct {
	name  string
	url   string // of the topic
	book  *ledger.Ledger
	every time.Duration
	send  func(*lane) bool // has what is not known to be stored, and reports whether it is now
	next  int              // the first number that was never sent
	first int              // the first that is not known to be stored, or next
}

// resume learns where the process before this one was.
func (l *lane) resume(past []ledger.Entry) {
	for _, e := range past {
		switch {
		case e.Lane != l.name:
		case e.Kind == ledger.Sent:
			l.first, l.next = e.N, e.N+e.Count
		case e.Kind == ledger.Kept && e.N == l.next-1:
			l.first = l.next
		}
	}
}

func (l *lane) run(stop string) {
	for {
		if l.first == l.next {
			if _, err := os.Stat(stop); err == nil {
				l.note(ledger.Entry{Kind: ledger.Stopped})
				return
			}
			l.next += 1 + max(0, rand.IntN(12)-6) //nolint:gosec // half of them alone, half in batches
			l.note(ledger.Entry{Kind: ledger.Sent, N: l.first, Count: l.next - l.first})
		}
		if l.send(l) && rand.IntN(20) > 0 { //nolint:gosec // else the same again, as if the answer had been lost
			l.first = l.next
		}
		<-time.After(l.every)
	}
}

// note ends the process if it cannot write: nothing that it does would count.
func (l *lane) note(e ledger.Entry) {
	e.Lane = l.name
	if err := l.book.Append(e); err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		os.Exit(1)
	}
}

// event is a CloudEvent in structured form.
type event struct {
	SpecVersion string  `json:"specversion"`
	ID          string  `json:"id"`
	Source      string  `json:"source"`
	Type        string  `json:"type"`
	Subject     string  `json:"subject"`
	Data        payload `json:"data"`
}

type payload struct {
	Lane string `json:"lane"`
	N    int    `json:"n"`
	Bad  bool   `json:"bad"` // a picky subscriber refuses it
	Fill string `json:"fill"`
}

// badEach is how many events there are to each that is bad.
const badEach = 50

func (l *lane) event(n int) event {
	return event{
		SpecVersion: "1.0", ID: l.name + ":" + strconv.Itoa(n), Source: "/lanes", Type: "test", Subject: l.name,
		Data: payload{l.name, n, n%badEach == badEach-1, strings.Repeat("x", n*37%1500)},
	}
}

// post publishes what is not known to be stored, and reports whether it is now.
func (l *lane) post() bool {
	var body any = l.event(l.first)
	contentType := "application/cloudevents+json"
	if l.next-l.first > 1 {
		all := make([]event, 0, l.next-l.first)
		for n := l.first; n < l.next; n++ {
			all = append(all, l.event(n))
		}
		body, contentType = all, "application/cloudevents-batch+json"
	}
	status, answer := publishAll(l.url, contentType, body)
	var stored struct {
		Events []struct {
			Sequence  string `json:"sequence"`
			Duplicate bool   `json:"duplicate"`
		} `json:"events"`
	}
	switch {
	case status/100 == 2 && json.Unmarshal(answer, &stored) == nil && len(stored.Events) == l.next-l.first:
		for i, e := range stored.Events {
			l.note(ledger.Entry{Kind: ledger.Kept, N: l.first + i, Sequence: e.Sequence, Duplicate: e.Duplicate})
		}
		return true
	case status/100 == 4 && status != http.StatusTooManyRequests, status/100 == 2:
		l.note(ledger.Entry{Kind: ledger.Refused, N: l.first, Why: fmt.Sprintf("%d %s", status, answer)})
	}
	return false
}

// publishAll returns status 0 where no answer came.
func publishAll(url, contentType string, body any) (int, []byte) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", contentType)
	if delay := os.Getenv("DELAY"); delay != "" {
		req.Header.Set("Banyan-Delay", delay)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, answer
}
