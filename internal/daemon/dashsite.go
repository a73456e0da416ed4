package daemon

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/ports"
)

const (
	// dashID is the dashboard's name among listeners. No service can have it.
	dashID = "dashboard"
	// dashPort is tried first, as people can remember it.
	dashPort = 8800
)

// dashSite opens the dashboard's listeners.
func (d *daemon) dashSite(ctx context.Context, wish appfile.Dashboard, app string) (dash.Site, error) {
	listeners, err := d.dashListen(ctx, wish.Listen)
	if err != nil {
		return dash.Site{}, err
	}
	site := dash.Site{Listeners: listeners, Opened: d.effects.Changed}
	if wish.URL != "" {
		var u *url.URL
		if u, err = url.Parse(wish.URL); err == nil {
			site.Host, site.URL, site.Secure = u.Hostname(), u.Scheme+"://"+u.Host, true
			site.SignIn = d.signIn(wish.OIDC, site.URL)
		}
	} else if site.Host, err = d.dashHost(ctx, app); err == nil {
		site.URL = "http://" + net.JoinHostPort(site.Host, strconv.Itoa(ports.PortOf(listeners[0].Addr().String())))
	}
	if err != nil {
		return dash.Site{}, errors.Join(err, closeAll(listeners))
	}
	return site, nil
}

// dashHost is the host name of the app's dashboard, which stays.
func (d *daemon) dashHost(ctx context.Context, app string) (string, error) {
	var host string
	if _, err := d.store.Get(ctx, kindMeta, keyDashHost, &host); err != nil {
		return "", err
	}
	if strings.HasPrefix(host, app+"-") {
		return host, nil
	}
	host = access.NewHost(app)
	return host, d.store.Put(ctx, kindMeta, keyDashHost, host)
}

// dashListen listens where the app file says; without that where it did before, at
// dashPort, or at a port of the app's own, on loopback.
func (d *daemon) dashListen(ctx context.Context, listen string) ([]net.Listener, error) {
	if listen != "" {
		listeners, err := listenAt(ctx, listen)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return nil, takenPort(ports.PortOf(listen), "dashboard.listen")
		case errors.Is(err, syscall.EACCES):
			return nil, fault.New(fault.Denied, "cannot listen on %s: %w", listen, err).Fix("use a port from 1024 on in dashboard.listen")
		case err != nil:
			return nil, fault.New(fault.Invalid, "cannot listen on %s: %w", listen, err).Fix("correct dashboard.listen")
		}
		return listeners, nil
	}
	var known string
	if _, err := d.store.Get(ctx, kindAddress, dashID, &known); err != nil {
		return nil, err
	}
	const tries = 20
	for n := range tries {
		port := dashPort
		switch {
		case n == 0 && ports.PortOf(known) != 0:
			port = ports.PortOf(known)
		case n > 0:
			leased, err := d.ports.Lease(dashID)
			if err != nil {
				return nil, err
			}
			port = leased
		}
		listeners, err := listenAt(ctx, ":"+strconv.Itoa(port))
		if err == nil {
			return listeners, d.store.Put(ctx, kindAddress, dashID, net.JoinHostPort(loopback, strconv.Itoa(port)))
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fault.New(fault.Unavailable, "cannot listen for the dashboard: %w", err)
		}
	}
	return nil, fault.New(fault.Conflict, "no port could be had for the dashboard").Fix("name one in dashboard.listen")
}

// listenAt listens at an address; without a host, or at localhost, on loopback, by
// IPv4 and by IPv6 where the machine has it.
func listenAt(ctx context.Context, addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if host == "" || host == "localhost" {
		hosts = []string{loopback, "::1"}
	}
	var all []net.Listener
	for n, h := range hosts {
		var c net.ListenConfig
		l, err := c.Listen(ctx, "tcp", net.JoinHostPort(h, port))
		if err != nil && n > 0 && noFamily(err) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) error {
	var err error
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}
