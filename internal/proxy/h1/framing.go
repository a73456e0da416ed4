package h1

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// request completes a request's head by what its fields said.
func (s *said) request(h *message.Head) error {
	if err := s.requestHost(h); err != nil {
		return err
	}
	if err := s.coding(h); err != nil {
		return err
	}
	switch connect := string(h.Method) == "CONNECT"; {
	case connect && s.has&(saidLength|saidChunked) != 0:
		return errConnectBody
	case s.has&saidChunked != 0:
		h.Body = message.Streamed
	case s.has&saidLength != 0:
		h.Body, h.Length = message.Sized, s.length
	}
	if s.has&saidExpect != 0 && h.Minor == 1 {
		if s.has&saidExpectOther != 0 {
			return errExpect
		}
		h.Expect = h.Body == message.Streamed || h.Length > 0
	}
	h.TE = s.has&saidTrailers != 0
	s.connection(h)
	return nil
}

// requestHost finds the authority (RFC 9112, 3.2): Host's, which has to be the
// target's if that has one.
func (s *said) requestHost(h *message.Head) error {
	switch {
	case s.has&saidHostTwice != 0:
		return errHostTwice
	case s.has&saidHost == 0 && h.Minor == 1:
		return errHostMissing
	case s.has&saidHost == 0:
		return nil
	}
	if err := checkAuthority(s.host, false); err != nil {
		return err
	}
	if h.Authority == nil {
		h.Authority = s.host
		return nil
	}
	if !bytes.EqualFold(h.Authority, s.host) {
		return errHostMismatch
	}
	return nil
}

// response completes a response's head by what its fields said (RFC 9112, 6.3).
//
// Where there is no body though Content-Length tells of one (answers to HEAD,
// 304), Body is None and Length the number, so that it can be passed on; Sized if
// the number is 0.
func (s *said) response(h *message.Head, method []byte) error {
	if err := s.coding(h); err != nil {
		return err
	}
	s.connection(h)
	switch {
	case h.Status < 200 || h.Status == 204:
		if s.has&saidChunked != 0 || s.length > 0 {
			return errNoBody
		}
		if h.Status == 101 && len(h.Upgrade) == 0 {
			return errSwitch
		}
	case h.Status == 304 || string(method) == "HEAD":
		h.Length = s.length
		if s.has&saidLength != 0 && s.length == 0 {
			h.Body = message.Sized // which is as good as none, and tells the number
		}
	case h.Status < 300 && string(method) == "CONNECT": // RFC 9110, 9.3.6
	case s.has&saidChunked != 0:
		h.Body = message.Streamed
	case s.has&saidLength != 0:
		h.Body, h.Length = message.Sized, s.length
	default:
		h.Body, h.Close = message.UntilClose, true
	}
	return nil
}

// coding refuses what could frame a body in two ways.
func (s *said) coding(h *message.Head) error {
	switch {
	case s.has&saidChunked == 0:
		return nil
	case s.has&saidLength != 0:
		return errLengthCoding
	case h.Minor == 0:
		return errCodingVersion
	}
	return nil
}

// connection completes what concerns the connection (RFC 9112, 9.3; RFC 9110, 7.8).
func (s *said) connection(h *message.Head) {
	if s.options > 0 {
		dropNamed(h)
	}
	h.Close = s.has&saidClose != 0 || h.Minor == 0 && s.has&saidKeepAlive == 0
	if s.has&saidUpgradeOption != 0 && h.Minor == 1 {
		h.Upgrade = s.upgrade
	}
}
