// Package rest stands for k8s.io/client-go/rest, whose warnings Prometheus' logging
// package wraps. Nothing here talks to Kubernetes.
package rest

import "context"

// WarningHandlerWithContext takes warnings.
type WarningHandlerWithContext interface {
	HandleWarningHeaderWithContext(ctx context.Context, code int, agent, text string)
}

// WarningLogger drops warnings.
type WarningLogger struct{}

// HandleWarningHeaderWithContext does nothing.
func (WarningLogger) HandleWarningHeaderWithContext(context.Context, int, string, string) {}
