package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/saga/call"
)

// services are those that steps call, behind one address: each reads the request
// and answers with a small body at once.
type services struct {
	server *http.Server
	target call.Target
	client *http.Client // of the naive contenders
}

func startServices() (*services, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &services{server: &http.Server{Handler: http.HandlerFunc(serve), ReadHeaderTimeout: 5 * time.Second}, target: call.Target{Address: l.Addr().String()}}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxIdleConns: 512}}
	go func() { _ = s.server.Serve(l) }() // ended by close
	return s, nil
}

func serve(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"7f3a","ok":true}`)
}

func (s *services) close() error {
	s.client.CloseIdleConnections()
	return s.server.Close()
}

func (s *services) caller() *call.Caller {
	return call.New(call.Options{Target: func(string) (call.Target, bool) { return s.target, true }})
}

// ask makes one plain request, as a program without sagas would.
func (s *services) ask(ctx context.Context, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.target.Address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
