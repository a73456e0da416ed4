package daemon

import (
	"slices"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

// TestGatewayURLs: what people are told is what a browser can open.
func TestGatewayURLs(t *testing.T) {
	for name, c := range map[string]struct {
		gateway *appfile.Gateway
		addrs   []string
		want    []string
	}{
		"plain":        {&appfile.Gateway{}, []string{"127.0.0.1:8080", "[::1]:8080"}, []string{"http://127.0.0.1:8080", "http://[::1]:8080"}},
		"to all":       {&appfile.Gateway{}, []string{"0.0.0.0:80"}, []string{"http://127.0.0.1:80"}},
		"with TLS":     {&appfile.Gateway{TLS: &appfile.TLS{}}, []string{"127.0.0.1:8443"}, []string{"https://127.0.0.1:8443"}},
		"TLS to all":   {&appfile.Gateway{TLS: &appfile.TLS{}}, []string{"[::]:443"}, []string{"https://127.0.0.1:443"}},
		"no gateway":   {nil, nil, nil},
		"a name stays": {&appfile.Gateway{}, []string{"box"}, []string{"http://box"}},
	} {
		now := applied{app: &model.App{Gateway: c.gateway}, addrs: map[string]string{"edge/a/b": "127.0.0.1:20000"}}
		for _, addr := range c.addrs {
			now.addrs[route.GatewayID(addr)] = addr
		}
		if got := gatewayURLs(now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
