package appfile

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// dashboard checks where the dashboard is.
func (v *validator) dashboard() {
	d := v.app.Dashboard
	if d == nil || v.isBad("dashboard") {
		return
	}
	if d.Off && (d.Listen != "" || d.URL != "" || d.OIDC != nil) {
		v.report(join("dashboard", "off"), "the dashboard is off, and the other keys say where it is", "remove off, or all other keys")
		return
	}
	v.dashboardURL(d.URL)
	if at := join("dashboard", "oidc"); d.OIDC != nil && !v.isBad(at) {
		v.oidc(at, d)
	}
	at := join("dashboard", "listen")
	if d.Listen == "" || v.isBad(at) {
		return
	}
	const fix = `write ":8800" for this machine only`
	host, text, err := net.SplitHostPort(d.Listen)
	port, _ := strconv.Atoi(text) // 0 is refused
	addr, noAddr := netip.ParseAddr(host)
	switch {
	case err != nil:
		v.report(at, fmt.Sprintf("listen must be HOST:PORT or :PORT, not %s", quote(d.Listen)), fix)
	case !isDigits(text) || port < 1 || port > 65535:
		v.report(at, fmt.Sprintf("listen has no valid port: %s", quote(d.Listen)), "ports are 1 to 65535")
	case port >= firstLeased && port <= lastLeased:
		v.report(at, fmt.Sprintf("port %d is among those that banyan gives out itself, %d to %d", port, firstLeased, lastLeased), "choose one below or above, or leave listen out")
	case host != "" && host != "localhost" && noAddr != nil:
		v.report(at, fmt.Sprintf("the host %s to listen on is not an IP address", quote(host)), fix)
	case noAddr == nil && !addr.IsLoopback() && d.URL == "":
		v.report(at, fmt.Sprintf("%s is open to the network, where others could read what browsers send", quote(d.Listen)),
			fix+", or let a proxy do TLS in front of it and write url: https://… with the address that browsers use")
	}
}

func (v *validator) dashboardURL(text string) {
	at := join("dashboard", "url")
	if text == "" || v.isBad(at) {
		return
	}
	const fix = "write url: https://dashboard.example.com"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		v.report(at, fmt.Sprintf("%s is no address of a dashboard", quote(text)), fix)
	case u.Scheme != "https":
		v.report(at, "without HTTPS others could read what browsers send, and act in their place", fix)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		v.report(at, "the dashboard has a host of its own, without a path", "write url: https://"+u.Host)
	}
}
