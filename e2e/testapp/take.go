package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// book is where a subscriber's instances note what they get.
var book = sync.OnceValues(func() (*ledger.Ledger, error) {
	return ledger.Open(filepath.Join(os.Getenv("LEDGER"), os.Getenv("BANYAN_SERVICE")+".got"))
})

// take is the handler of events. Until there is a file named calm in the directory
// $LEDGER it fails now and then if $MOOD is bad, refuses bad events if $MOOD is picky,
// and asks for time if $MOOD is closed.
func take(w http.ResponseWriter, r *http.Request) {
	var data payload
	l, err := book()
	body, broken := io.ReadAll(r.Body) // to its end: only then is it seen that the caller leaves
	if err == nil {
		err = errors.Join(broken, json.Unmarshal(body, &data))
	}
	lane, n, _ := strings.Cut(r.Header.Get("Ce-Id"), ":")
	if err == nil && (data.Lane != lane || strconv.Itoa(data.N) != n || r.Header.Get("Ce-Subject") != lane) {
		err = fmt.Errorf("the data is of %s:%d and the headers are %v", data.Lane, data.N, r.Header)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := mood(data.Bad)
	err = l.Append(ledger.Entry{
		Kind: ledger.Got, Lane: lane, N: data.N, Status: status, Sequence: r.Header.Get("Banyan-Sequence"),
		Attempt: r.Header.Get("Banyan-Attempt"), Delivery: r.Header.Get("Banyan-Delivery"), Replay: r.Header.Get("Banyan-Replay"),
		Instance: os.Getenv("BANYAN_INSTANCE"),
	})
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case status == 0:
		<-r.Context().Done()
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
	case status == http.StatusNoContent:
		w.WriteHeader(status)
	default:
		http.Error(w, "no taste for "+r.Header.Get("Ce-Id"), status)
	}
}

// mood is the status to answer with; 0: none.
func mood(bad bool) int {
	if _, err := os.Stat(filepath.Join(os.Getenv("LEDGER"), "calm")); err == nil {
		return http.StatusNoContent
	}
	switch os.Getenv("MOOD") {
	case "picky":
		if bad {
			return http.StatusUnprocessableEntity
		}
	case "closed":
		return http.StatusServiceUnavailable
	case "bad":
		switch n := rand.IntN(1000); { //nolint:gosec // a mood is no secret
		case n < 30:
			return http.StatusInternalServerError
		case n < 33:
			return 0
		case n < 34:
			return http.StatusTooManyRequests
		}
	}
	return http.StatusNoContent
}
