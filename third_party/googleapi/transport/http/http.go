// Package http stands for google.golang.org/api/transport/http, by which Prometheus
// writes to Google.
package http

import (
	"context"
	"net/http"

	"google.golang.org/api/option"
)

// NewTransport panics: nothing here calls it.
func NewTransport(context.Context, http.RoundTripper, ...option.ClientOption) (http.RoundTripper, error) {
	panic("Google's SDK is not part of this program")
}
