// Package azidentity stands for Azure's azidentity, by which Prometheus says who it
// is when it writes to Azure. Every function panics: nothing here calls one.
package azidentity

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const gone = "Azure's SDK is not part of this program"

// Credential is no credential.
type Credential struct{}

// GetToken panics.
func (*Credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	panic(gone)
}

// ClientID names an identity.
type ClientID string

// ManagedIDKind is how an identity is named.
type ManagedIDKind interface{ String() string }

// String is the name.
func (c ClientID) String() string { return string(c) }

// Options of the credentials.
type (
	ManagedIdentityCredentialOptions struct {
		azcore.ClientOptions

		ID ManagedIDKind
	}
	WorkloadIdentityCredentialOptions struct {
		azcore.ClientOptions

		ClientID, TenantID, TokenFilePath string
	}
	ClientSecretCredentialOptions struct{ azcore.ClientOptions }
	DefaultAzureCredentialOptions struct {
		azcore.ClientOptions

		TenantID string
	}
	ClientCertificateCredentialOptions struct {
		azcore.ClientOptions

		SendCertificateChain bool
	}
)

// NewManagedIdentityCredential panics.
func NewManagedIdentityCredential(*ManagedIdentityCredentialOptions) (*Credential, error) {
	panic(gone)
}

// NewWorkloadIdentityCredential panics.
func NewWorkloadIdentityCredential(*WorkloadIdentityCredentialOptions) (*Credential, error) {
	panic(gone)
}

// NewClientSecretCredential panics.
func NewClientSecretCredential(_, _, _ string, _ *ClientSecretCredentialOptions) (*Credential, error) {
	panic(gone)
}

// NewDefaultAzureCredential panics.
func NewDefaultAzureCredential(*DefaultAzureCredentialOptions) (*Credential, error) { panic(gone) }

// ParseCertificates panics.
func ParseCertificates(_, _ []byte) ([]*x509.Certificate, crypto.PrivateKey, error) { panic(gone) }

// NewClientCertificateCredential panics.
func NewClientCertificateCredential(_, _ string, _ []*x509.Certificate, _ crypto.PrivateKey, _ *ClientCertificateCredentialOptions) (*Credential, error) {
	panic(gone)
}
