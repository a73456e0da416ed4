// Package option stands for google.golang.org/api/option, by which Prometheus says
// how it reaches Google. Nothing here is read.
package option

// ClientOption is an option.
type ClientOption interface{}

// CredentialsType is the type of a file with credentials.
type CredentialsType string

// ServiceAccount is a type.
const ServiceAccount CredentialsType = "service_account"

// WithScopes returns nothing.
func WithScopes(...string) ClientOption { return nil }

// WithAuthCredentialsFile returns nothing.
func WithAuthCredentialsFile(CredentialsType, string) ClientOption { return nil }

// WithCredentials returns nothing.
func WithCredentials(any) ClientOption { return nil }
