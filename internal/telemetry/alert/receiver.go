package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Receiver is told of alerts. One of Webhook, Slack and Email is set. What is secret
// in them is in no log and no error.
type Receiver struct {
	// Name identifies it in logs, and across restarts.
	Name string
	// Webhook is a URL that takes the JSON that Prometheus' Alertmanager posts.
	Webhook string
	// Slack is the URL of an incoming webhook of Slack, Mattermost, Rocket.Chat, or
	// another that takes the same.
	Slack string
	Email *Email
	// Expand replaces references to secrets in the URLs, user and password. nil:
	// there are none.
	Expand func(text string) (string, error)
}

// expanded is the receiver with its secrets.
func (r *Receiver) expanded() (*Receiver, error) {
	if r.Expand == nil {
		return r, nil
	}
	full := *r
	texts := []*string{&full.Webhook, &full.Slack}
	if r.Email != nil {
		email := *r.Email
		full.Email = &email
		texts = append(texts, &email.User, &email.Password)
	}
	for _, text := range texts {
		if *text == "" {
			continue
		}
		value, err := r.Expand(*text)
		if err != nil {
			return nil, err
		}
		*text = value
	}
	return &full, nil
}

// message is a notice with what is said around it.
type message struct {
	notice

	app, dashboard string
}

// status is firing where anything fires.
func (m *message) status() State {
	if len(m.firing) > 0 {
		return Firing
	}
	return Resolved
}

// finalError is a failure that will not go away by itself.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func isFinal(err error) bool {
	_, ok := errors.AsType[finalError](err)
	return ok
}

func (r *Receiver) send(ctx context.Context, m message) error {
	r, err := r.expanded()
	if err != nil {
		return err
	}
	switch {
	case r.Webhook != "":
		return post(ctx, r.Webhook, webhookOf(m))
	case r.Slack != "":
		return post(ctx, r.Slack, slackOf(m))
	case r.Email != nil:
		return r.Email.send(ctx, m)
	}
	return finalError{errors.New("the receiver has no address")}
}

// client keeps no connection: minutes pass between two notices.
var client = &http.Client{
	Timeout: sendTimeout,
	// One that is followed loses the body, and its end says 200 to nothing.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second},
}

func post(ctx context.Context, to string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return finalError{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(text))
	if err != nil {
		return finalError{errors.New("the receiver's URL is none")} // err would say it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Banyan")
	resp, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	said := explained(resp.Body, req.URL)
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout:
		return finalError{fmt.Errorf("it answered %s: %q", resp.Status, said)}
	}
	return fmt.Errorf("it answered %s: %q", resp.Status, said)
}

// explained is the beginning of an answer that only explains the status, without
// the request's path and query, which servers like to repeat: a token is part of them.
func explained(body io.Reader, asked *url.URL) string {
	text, _ := io.ReadAll(io.LimitReader(body, 512))
	said := string(text)
	for _, part := range []string{asked.RequestURI(), asked.EscapedPath(), asked.Path, asked.RawQuery} {
		if len(part) > 1 {
			said = strings.ReplaceAll(said, part, "…")
		}
	}
	return said
}

// withoutURL is an error of package http without the URL: a token is part of it.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
