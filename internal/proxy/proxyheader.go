package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"

	"github.com/banyanrun/banyan/internal/proxy/loop"
)

// The PROXY protocol tells who connected to a load balancer, in a header before
// everything else: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt.
// Section numbers below are that text's.
const (
	maxProxyV1 = 107                      // bytes, with the line's end (2.1)
	maxProxyV2 = 4 << 10                  // bytes of addresses and TLVs
	proxyV1    = "PROXY "                 // begins version 1
	proxyV2    = "\r\n\r\n\x00\r\nQUIT\n" // begins version 2 (2.2)
	sizeV2     = len(proxyV2) + 4         // version and command, family, length
	addressesA = 2*net4 + 2*2             // IPv4: two addresses, two ports
	addressesB = 2*net6 + 2*2             // IPv6
	net4, net6 = 4, 16                    // bytes of an address
	v2Local    = 0x20                     // version 2, the balancer's own connection
	v2Proxy    = 0x21                     // version 2, a client's connection
	v2TCP4     = 0x11                     // family and transport
	v2TCP6     = 0x21                     //
)

var (
	errProxyHeader  = errors.New("no PROXY header")
	errProxyAddress = errors.New("a PROXY header with broken addresses")
	errProxyLong    = errors.New("a PROXY header that is too long")
)

// readProxyHeader takes the PROXY header that a connection has to begin with,
// and the client's address from it.
func (cl *client1) readProxyHeader(t *loop.Task, deadline int64) error {
	for {
		if b := cl.c.Buffered(); b != nil {
			n, from, err := parseProxyHeader(b)
			if err != nil {
				return err
			}
			if n > 0 {
				cl.c.Consume(n)
				if from.IsValid() {
					cl.c.Remote = from
				}
				return nil
			}
		}
		if err := cl.c.Fill(t, deadline); err != nil {
			return err
		}
	}
}

// parseProxyHeader reads the header, of version 1 or 2, that b begins with. n is
// its length; 0: more of b is needed, at most maxProxyV2 bytes and the fixed part.
// from is the client; the zero value: the header does not tell, and the socket's
// own address is all there is (UNKNOWN, LOCAL, other families).
func parseProxyHeader(b []byte) (n int, from netip.AddrPort, err error) {
	switch {
	case startsAs(b, proxyV1):
		return parseProxyV1(b)
	case startsAs(b, proxyV2):
		return parseProxyV2(b)
	}
	return 0, from, errProxyHeader
}

// startsAs reports whether b, as far as it is there, starts with prefix.
func startsAs(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

// parseProxyV1 reads "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n" (2.1).
func parseProxyV1(b []byte) (n int, from netip.AddrPort, err error) {
	window := b[:min(len(b), maxProxyV1)]
	end := bytes.IndexByte(window, '\n')
	switch {
	case end < 0 && len(b) >= maxProxyV1:
		return 0, from, errProxyLong
	case end < 0:
		return 0, from, nil
	case window[end-1] != '\r':
		return 0, from, errProxyHeader
	}
	n = end + 1
	parts := bytes.Split(window[len(proxyV1):end-1], []byte(" "))
	if string(parts[0]) == "UNKNOWN" { // what follows is not to be read
		return n, from, nil
	}
	if len(parts) != 5 || string(parts[0]) != "TCP4" && string(parts[0]) != "TCP6" {
		return 0, from, errProxyHeader
	}
	six := parts[0][3] == '6'
	from, ok := textAddress(parts[1], parts[3], six)
	if _, also := textAddress(parts[2], parts[4], six); !ok || !also {
		return 0, netip.AddrPort{}, errProxyAddress
	}
	return n, from, nil
}

// textAddress reads an address and a port of one spelling only: no leading
// zeros, no zone.
func textAddress(host, port []byte, six bool) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(string(host))
	if err != nil || addr.Is6() != six || addr.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil || port[0] == '0' && len(port) > 1 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}

// parseProxyV2 reads the binary form (2.2). What follows the addresses (TLVs) is
// skipped.
func parseProxyV2(b []byte) (n int, from netip.AddrPort, err error) {
	if len(b) < sizeV2 {
		return 0, from, nil
	}
	command, family := b[len(proxyV2)], b[len(proxyV2)+1]
	size := int(binary.BigEndian.Uint16(b[sizeV2-2:]))
	switch {
	case command != v2Local && command != v2Proxy, command == v2Proxy && (family>>4 > 3 || family&0xf > 2):
		return 0, from, errProxyHeader
	case size > maxProxyV2:
		return 0, from, errProxyLong
	case command == v2Proxy && (family == v2TCP4 && size < addressesA || family == v2TCP6 && size < addressesB):
		return 0, from, errProxyAddress
	case len(b) < sizeV2+size:
		return 0, from, nil
	}
	n, b = sizeV2+size, b[sizeV2:]
	if command == v2Local {
		return n, from, nil
	}
	switch family {
	case v2TCP4:
		from = binaryAddress(b[:net4], b[2*net4:])
	case v2TCP6:
		from = binaryAddress(b[:net6], b[2*net6:])
	}
	return n, from, nil
}

func binaryAddress(host, port []byte) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(host) // 4 or 16 bytes: cannot fail
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(port))
}

// appendProxyHeader appends the header of version 1 or 2 for a connection of
// from, accepted at to. If they are not two addresses of one family, the header
// says that nothing is known.
func appendProxyHeader(dst []byte, version int, from, to netip.AddrPort) []byte {
	a, b := from.Addr().Unmap(), to.Addr().Unmap()
	known := a.IsValid() && b.IsValid() && a.Is4() == b.Is4()
	if version == 1 {
		if !known {
			return append(dst, proxyV1+"UNKNOWN\r\n"...)
		}
		dst = append(dst, proxyV1+"TCP6 "...)
		if a.Is4() {
			dst[len(dst)-2] = '4'
		}
		dst = append(a.WithZone("").AppendTo(dst), ' ')
		dst = append(b.WithZone("").AppendTo(dst), ' ')
		dst = append(strconv.AppendUint(dst, uint64(from.Port()), 10), ' ')
		return append(strconv.AppendUint(dst, uint64(to.Port()), 10), "\r\n"...)
	}
	dst = append(dst, proxyV2...)
	if !known {
		return append(dst, v2Local, 0, 0, 0)
	}
	family, size := byte(v2TCP6), byte(addressesB)
	if a.Is4() {
		family, size = v2TCP4, addressesA
	}
	dst = append(dst, v2Proxy, family, 0, size)
	dst = append(append(dst, a.AsSlice()...), b.AsSlice()...)
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	return binary.BigEndian.AppendUint16(dst, to.Port())
}
