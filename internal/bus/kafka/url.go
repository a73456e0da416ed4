package kafka

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/banyanrun/banyan/internal/fault"
)

const example = "write HOST:9092, or HOST:9092,HOST:9092 for more of a cluster's brokers"

// parse reads Config.URL. Its errors say what is wrong without the URL itself.
func parse(text string) ([]kgo.Opt, error) {
	if !strings.Contains(text, "://") {
		text = "kafka://" + text
	}
	scheme, rest, _ := strings.Cut(text, "://")
	if scheme != "kafka" && scheme != "kafka+tls" {
		return nil, wrong("the address of kafka has another scheme than kafka and kafka+tls")
	}
	rest, query, _ := strings.Cut(rest, "?")
	user, hosts, ok := cutLast(rest, "@")
	if !ok {
		user, hosts = "", rest
	}
	brokers := strings.Split(strings.TrimSuffix(hosts, "/"), ",")
	for i := range brokers {
		brokers[i] = strings.TrimSpace(brokers[i])
		u, err := url.Parse("kafka://" + brokers[i])
		if err != nil || u.Hostname() == "" || u.Path != "" {
			return nil, wrong("the address of kafka names a broker that cannot be read")
		}
	}
	opts := []kgo.Opt{kgo.SeedBrokers(brokers...)}
	if scheme == "kafka+tls" {
		opts = append(opts, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	mechanism, err := login(user, query)
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// login returns how to say who we are; nil: not at all.
func login(user, query string) (sasl.Mechanism, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, wrong("what follows the ? in the address of kafka cannot be read")
	}
	how := values.Get("sasl")
	delete(values, "sasl")
	if len(values) > 0 {
		return nil, wrong("only sasl may follow the ? in the address of kafka")
	}
	if user == "" {
		if how != "" {
			return nil, wrong("the address of kafka names a way to log in, and no user")
		}
		return nil, nil
	}
	name, password, _ := strings.Cut(user, ":")
	name, err1 := url.PathUnescape(name)
	password, err2 := url.PathUnescape(password)
	if errors.Join(err1, err2) != nil {
		return nil, wrong("the user in the address of kafka cannot be read; characters other than letters and digits are written as %XX")
	}
	auth := scram.Auth{User: name, Pass: password}
	switch how {
	case "", "scram-sha-512":
		return auth.AsSha512Mechanism(), nil
	case "scram-sha-256":
		return auth.AsSha256Mechanism(), nil
	case "plain":
		return plain.Auth{User: name, Pass: password}.AsMechanism(), nil
	}
	return nil, wrong("the address of kafka names an unknown way to log in: plain, scram-sha-256 and scram-sha-512 are known")
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

func wrong(what string) error {
	return fault.New(fault.Invalid, "%s", what).At("bus.url").Fix("%s", example)
}
