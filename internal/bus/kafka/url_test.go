package kafka

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
)

func TestURL(t *testing.T) {
	open := func(url string) error {
		e, err := Open(Config{URL: url, App: "shop", Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = e.Close()
		}
		return err
	}
	for _, good := range []string{
		"127.0.0.1:9092", "a:9092,b:9092", "a", "[::1]:9092", "kafka://a:9092, b:9092/", "kafka+tls://shop:s3cr%40t@a:9093",
		"shop:pass@word@a:9092?sasl=plain", "kafka://shop:x@a?sasl=scram-sha-256", "kafka://shop:x@a?sasl=scram-sha-512",
	} {
		if err := open(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                             "broker",
		"a:9092,":                      "broker",
		"http://a:9092":                "scheme",
		"kafka://a:9092/topic":         "broker",
		"kafka://a:s3cr3t":             "broker",
		"shop:s3cr3t@a?sasl=gssapi":    "unknown way",
		"a?sasl=plain":                 "no user",
		"shop:s3cr3t@a?tls=yes":        "only sasl",
		"shop:s3cr3t%@a":               "%XX",
		"kafka://shop:s3cr3t@a?sasl=%": "follows the ?",
	} {
		err := open(bad)
		if fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the password is told: %v", err)
		}
	}
}
