package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// answer is what came back of a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string {
	return fmt.Sprintf("%d %v %s", a.status, a.header, clip(string(a.body), 500))
}

// decode reads the body as JSON.
func (a answer) decode(t *testing.T, to any) {
	t.Helper()
	if err := json.Unmarshal(a.body, to); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
}

// problem is RFC 9457 with the members that the shop and Banyan add.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Code    string `json:"code"`
	Service string `json:"service"`
	Caller  string `json:"caller"`
}

// problem reads the body as problem details with this status and code.
func (a answer) problem(t *testing.T, status int, code string) problem {
	t.Helper()
	var p problem
	if ct := a.header.Get("Content-Type"); a.status != status || ct != "application/problem+json" {
		t.Fatalf("got %s, want problem details with status %d", a, status)
	}
	a.decode(t, &p)
	if p.Code != code || p.Detail == "" && p.Title == "" {
		t.Fatalf("got %s, want the code %s and words for a person", a, code)
	}
	return p
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// header is a list of name, value, name, value.
func send(method, url string, body any, header ...string) (answer, error) {
	var data io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		data = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, data)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n+1 < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, text}, err
}

// ask sends a request that has to be answered, in whatever way.
func ask(t *testing.T, method, url string, body any, header ...string) answer {
	t.Helper()
	a, err := send(method, url, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

// get asks for something that has to be there.
func get(t *testing.T, url string, header ...string) answer {
	t.Helper()
	a := ask(t, http.MethodGet, url, nil, header...)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %s", url, a)
	}
	return a
}

// put changes something that has to let itself be changed.
func put(t *testing.T, url string, body any) answer {
	t.Helper()
	a := ask(t, http.MethodPut, url, body)
	if a.status >= 300 {
		t.Fatalf("PUT %s: %s", url, a)
	}
	return a
}
