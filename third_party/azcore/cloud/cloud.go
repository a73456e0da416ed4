// Package cloud stands for azcore's cloud: the names of Azure's clouds, without
// their addresses.
package cloud

// Configuration is that of a cloud.
type Configuration struct{}

// The clouds.
var (
	AzureChina      Configuration
	AzureGovernment Configuration
	AzurePublic     Configuration
)
