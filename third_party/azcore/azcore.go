// Package azcore stands for Azure's azcore, which Prometheus uses to write to
// Azure. Nothing here asks Azure for anything.
package azcore

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// AccessToken is a token and its end.
type AccessToken struct {
	Token     string
	ExpiresOn time.Time
}

// TokenCredential gets tokens.
type TokenCredential interface {
	GetToken(ctx context.Context, options policy.TokenRequestOptions) (AccessToken, error)
}

// ClientOptions say which cloud is meant.
type ClientOptions struct {
	Cloud cloud.Configuration
}
