package h2

import "encoding/binary"

// writeSettings appends our SETTINGS, which stay as they are.
func (c *Conn) writeSettings() {
	var buf [maxSettingsSent * settingOctets]byte
	p := buf[:0]
	if c.cfg.Server {
		p = appendSetting(p, setStreams, uint32(c.cfg.MaxStreams))
		if c.cfg.ExtendedConnect {
			p = appendSetting(p, setConnect, 1)
		}
	} else {
		p = appendSetting(p, setPush, 0)
	}
	if c.cfg.StreamWindow != defaultWindow {
		p = appendSetting(p, setWindow, uint32(c.cfg.StreamWindow))
	}
	if c.cfg.MaxFrame != minFrame {
		p = appendSetting(p, setFrame, uint32(c.cfg.MaxFrame))
	}
	p = appendSetting(p, setHeaderBytes, uint32(c.cfg.MaxHeaderBytes))
	p = appendSetting(p, setNoPriorities, 1)
	c.out = appendFrame(c.out, len(p), typeSettings, 0, 0)
	c.out = append(c.out, p...)
}

// initialWindow is what the peer may send on a new stream. Until it has
// acknowledged our settings it may go by the protocol's default.
func (c *Conn) initialWindow() int64 {
	if !c.acked {
		return max(int64(c.cfg.StreamWindow), defaultWindow)
	}
	return int64(c.cfg.StreamWindow)
}

// acknowledged applies a smaller initial window to the streams that there are.
func (c *Conn) acknowledged() {
	if c.acked {
		return
	}
	less := c.initialWindow()
	c.acked = true
	less -= c.initialWindow()
	for s := c.streams.first; s != nil && less > 0; s = s.next {
		s.recvWin -= less
	}
}

// settings takes SETTINGS and answers it (RFC 9113 section 6.5).
func (c *Conn) settings(f frame, p []byte) error {
	switch {
	case f.stream != 0:
		return c.violation(ProtocolError, "SETTINGS on a stream")
	case f.has(flagAck) && len(p) > 0, len(p)%settingOctets != 0:
		return c.violation(FrameSizeError, "SETTINGS of the wrong size")
	case f.has(flagAck):
		c.acknowledged()
		return nil
	}
	if !c.bounds.settings.take(c.cfg.Limits.Settings, c.now) {
		return c.flood(SettingsFlood, "too many SETTINGS frames")
	}
	first := !c.input.settled
	if first && !c.cfg.Server {
		c.peerMax = c.cfg.MaxStreams // unlimited unless it says so
	}
	c.input.settled = true
	window := c.peerWindow
	for ; len(p) > 0; p = p[settingOctets:] {
		v := binary.BigEndian.Uint32(p[2:])
		if id := binary.BigEndian.Uint16(p); id == setWindow {
			window = int64(v)
			if v > maxWindow {
				return c.violation(FlowControlError, "an initial window that is too large")
			}
		} else if err := c.setting(id, v); err != nil {
			return err
		}
	}
	if err := c.setPeerWindow(window); err != nil {
		return err
	}
	c.out = appendFrame(c.out, 0, typeSettings, flagAck, 0)
	c.reply(frameHeader)
	c.h.Settings()
	return nil
}

// setting applies one of the peer's settings. Those that are not known are ignored.
func (c *Conn) setting(id uint16, v uint32) error {
	switch id {
	case setTableSize:
		c.enc.SetTableSize(v)
	case setPush:
		if v > 1 || v == 1 && !c.cfg.Server {
			return c.violation(ProtocolError, "ENABLE_PUSH out of range")
		}
	case setStreams:
		c.peerMax = int(min(int64(v), int64(c.cfg.MaxStreams)))
	case setFrame:
		if v < minFrame || v > maxFrame { // we send none larger than minFrame
			return c.violation(ProtocolError, "MAX_FRAME_SIZE out of range")
		}
	}
	return nil
}

// setPeerWindow changes the window of all streams by the difference (RFC 9113 section 6.9.2).
func (c *Conn) setPeerWindow(window int64) error {
	delta := window - c.peerWindow
	if delta == 0 {
		return nil
	}
	c.peerWindow = window
	for s := c.streams.first; s != nil; s = s.next {
		if s.sendWin += delta; s.sendWin > maxWindow {
			return c.violation(FlowControlError, "an initial window that overflows a stream's")
		}
		c.wake(s)
	}
	return nil
}
