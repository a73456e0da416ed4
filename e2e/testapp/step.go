package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

var stepping sync.Mutex

// step is the handler of a saga's steps. It notes each request in the file
// SERVICE.steps of the directory $LEDGER, and answers as the file SERVICE.mood says:
// abort (and an undo finds nothing), refuse, later (202, and who asks gets 200), or hold (no answer while it says so).
func step(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = noteStep(r, body)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for stepMood() == "hold" {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
	switch stepMood() {
	case "abort":
		if strings.HasSuffix(r.Header.Get("Idempotency-Key"), "/undo") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Banyan-Outcome", "abort")
		http.Error(w, "not with us", http.StatusConflict)
		return
	case "refuse":
		http.Error(w, "no such thing", http.StatusUnprocessableEntity)
		return
	case "later":
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted) // a callback tells
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"by": os.Getenv("BANYAN_SERVICE"), "key": r.Header.Get("Idempotency-Key")}) // the caller is gone, or it gets it
}

func stepMood() string {
	text, err := os.ReadFile(filepath.Join(os.Getenv("LEDGER"), os.Getenv("BANYAN_SERVICE")+".mood"))
	if err != nil {
		return "" // there is none
	}
	return strings.TrimSpace(string(text))
}

func noteStep(r *http.Request, body []byte) error {
	stepping.Lock()
	defer stepping.Unlock()
	f, err := os.OpenFile(filepath.Join(os.Getenv("LEDGER"), os.Getenv("BANYAN_SERVICE")+".steps"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // the test's file
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewEncoder(f).Encode(map[string]string{
		"key": r.Header.Get("Idempotency-Key"), "attempt": r.Header.Get("Banyan-Attempt"), "saga": r.Header.Get("Banyan-Saga"),
		"caller": r.Header.Get("Banyan-Caller"), "path": r.URL.Path, "body": string(body),
	})
}
