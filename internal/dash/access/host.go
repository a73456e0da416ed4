package access

import (
	"crypto/rand"
	"net"
	"strings"
)

// Domain is what the dashboards' host names end with. Browsers resolve names
// below localhost to the machine itself (RFC 6761, section 6.3).
const Domain = ".banyan.localhost"

// NewHost makes the host name of an app's dashboard. Browsers send a host's
// cookies to all its ports, so that any program of the machine that got a person
// to open a page of its own at that name would get the cookie: the name has a
// part that cannot be guessed.
func NewHost(app string) string {
	const letters = 8 // of 5 bits
	return app + "-" + strings.ToLower(rand.Text()[:letters]) + Domain
}

// HostIs reports whether the field Host of a request names the host. The port
// says nothing, as it may be forwarded; who controls the name does: a page of
// somebody else's whose name was bound to this machine's address has another one.
func HostIs(field, host string) bool {
	name, _, err := net.SplitHostPort(field)
	if err != nil {
		name = field
	}
	return strings.EqualFold(strings.TrimSuffix(name, "."), host)
}
