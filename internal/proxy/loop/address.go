package loop

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// Address is where Dial connects to: an IP address and a port, or a unix socket.
type Address struct {
	ip   netip.AddrPort
	path string // of a unix socket; "": it is ip
}

// unixPrefix begins the text of a unix socket's address.
const unixPrefix = "unix:"

// maxUnixPath is how long a unix socket's path may be on every system.
const maxUnixPath = 103

// ParseAddress reads "127.0.0.1:80", "[::1]:80" or "unix:/path".
func ParseAddress(s string) (Address, error) {
	path, ok := strings.CutPrefix(s, unixPrefix)
	switch {
	case !ok:
		ip, err := netip.ParseAddrPort(s)
		return Address{ip: ip}, err
	case !strings.HasPrefix(path, "/") || len(path) > maxUnixPath || strings.IndexByte(path, 0) >= 0:
		return Address{}, errors.New("the path of a unix socket is absolute and of 103 bytes at most")
	}
	return Address{path: path}, nil
}

// String returns what ParseAddress reads.
func (a Address) String() string {
	if a.path != "" {
		return unixPrefix + a.path
	}
	return a.ip.String()
}

func (a Address) sockaddr() (int, unix.Sockaddr) {
	if a.path != "" {
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: a.path}
	}
	port := int(a.ip.Port())
	if ip := a.ip.Addr(); ip.Is4() || ip.Is4In6() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: a.ip.Addr().As16()}
}
