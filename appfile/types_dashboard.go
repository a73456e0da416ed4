package appfile

// Dashboard is where people see the app in a browser.
type Dashboard struct {
	// Off: there is none. Written as dashboard: off. Default: false.
	Off bool `yaml:"off,omitempty" json:"off,omitempty"`
	// Listen is the address: ":8800" means loopback, IPv4 and IPv6;
	// "0.0.0.0:8800" opens it to the network, which needs url. Default: a port on
	// loopback that stays the app's, 8800 if that is free at first.
	Listen string `yaml:"listen,omitempty" json:"listen,omitempty"`
	// URL is how browsers reach it, where that is not loopback: HTTPS, by a proxy
	// that is in front of it. Requests by any other host name are refused. Default:
	// a host name below banyan.localhost that is the app's own.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
}
