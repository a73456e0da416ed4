package rabbitmq

import (
	"net"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
)

// silent is the address of a server that takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestURL(t *testing.T) {
	for good, want := range map[string]string{
		"amqp://a":                        "amqp://a",
		"amqp://127.0.0.1:5672/":          "amqp://127.0.0.1:5672",
		"amqp://[::1]:5672/shop":          "amqp://[::1]:5672/shop",
		"amqps://shop:s3cr%40t@a, b:5671": "amqps://shop:s3cr%40t@a amqps://shop:s3cr%40t@b:5671",
		"amqp://shop:x@a,b/my%2Fhost":     "amqp://shop:x@a/my%2Fhost amqp://shop:x@b/my%2Fhost",
	} {
		if got, err := parse(good); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", good, got, err)
		}
	}
	for bad, want := range map[string]string{
		"":                             "scheme",
		"127.0.0.1:5672":               "scheme",
		"http://a:5672":                "scheme",
		"amqp://":                      "cannot be read",
		"amqp://a:5672,":               "cannot be read",
		"amqp://shop:s3cr3t@a:s3cr3t":  "cannot be read",
		"amqp://shop:s3cr3t%@a":        "cannot be read",
		"amqp://shop:s3cr3t@a/b/c":     "%2F",
		"amqp://shop:s3cr3t@a?x=1":     "behind the vhost",
		"amqp://shop:s3cr3t@a/v?hb=30": "behind the vhost",
	} {
		_, err := parse(bad)
		if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the password is told: %v", err)
		}
	}
}
