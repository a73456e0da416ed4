package rabbitmq

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/fault"
)

const example = "write amqp://HOST:5672, or amqp://USER:PASSWORD@HOST:5672,HOST:5672/VHOST; characters other than letters and digits in a password or vhost are written as %XX"

// parse returns the URL of each server in Config.URL. Its errors say what is wrong
// without the URL itself.
func parse(text string) ([]string, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "amqp" && scheme != "amqps" {
		return nil, wrong("has another scheme than amqp and amqps")
	}
	user, at := "", strings.LastIndex(rest, "@")+1
	user, rest = rest[:at], rest[at:]
	hosts, vhost, named := strings.Cut(rest, "/")
	switch {
	case strings.ContainsAny(rest, "?#"):
		return nil, wrong("may have nothing behind the vhost")
	case strings.Contains(vhost, "/"):
		return nil, wrong("names a vhost with a / in it, which is written as %2F")
	}
	if named && vhost != "" {
		vhost = "/" + vhost
	}
	var all []string
	for host := range strings.SplitSeq(hosts, ",") {
		host = strings.TrimSpace(host)
		one := scheme + "://" + user + host + vhost
		uri, err := amqp.ParseURI(one)
		if err != nil || host == "" || strings.HasPrefix(host, ":") || uri.Host == "" {
			return nil, wrong("cannot be read")
		}
		all = append(all, one)
	}
	return all, nil
}

func wrong(what string) error {
	return fault.New(fault.Invalid, "the address of rabbitmq %s", what).At("bus.url").Fix("%s", example)
}
