package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// shown is the certificate that the gateway shows. It is kept over tables while
// the files' content is the same, and with it the keys by which clients resume
// their sessions.
type shown struct {
	cert, key []byte
	config    *tls.Config // nil: there was none
}

// tlsFor reads the certificate anew: a renewed one takes effect with the next
// snapshot. One that cannot be used now, perhaps because it is just being
// written, must not keep other changes from taking effect: the one before is
// shown, and people are told. e.mu is held.
func (e *Engine) tlsFor(cfg *route.TLS) (*tls.Config, error) {
	if cfg == nil {
		e.keepers.shown = shown{}
		return nil, nil
	}
	before := e.keepers.shown
	now, err := readCertificate(cfg, before)
	switch {
	case err == nil:
		e.keepers.shown = now
	case before.config == nil:
		return nil, fmt.Errorf("the gateway's certificate: %w", err)
	default:
		e.log.Error("the gateway's certificate cannot be used; the one before is shown", "error", err)
		e.events.send(link.Event{Kind: "certificate", Detail: "the one before is shown: " + err.Error()})
	}
	return e.keepers.shown.config, nil
}

func readCertificate(cfg *route.TLS, before shown) (shown, error) {
	cert, err := os.ReadFile(cfg.Cert)
	if err != nil {
		return shown{}, err
	}
	key, err := os.ReadFile(cfg.Key)
	if err != nil {
		return shown{}, err
	}
	if before.config != nil && bytes.Equal(cert, before.cert) && bytes.Equal(key, before.key) {
		return before, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return shown{}, err
	}
	return shown{cert: cert, key: key, config: &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}}, nil
}
