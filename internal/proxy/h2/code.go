package h2

import "strconv"

// Code is an HTTP/2 error code (RFC 9113 section 7).
type Code uint32

// The error codes.
const (
	NoError Code = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String is the code's name in RFC 9113, or its number.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return strconv.FormatUint(uint64(c), 10)
}

// Kind says why a connection was given up, for counters.
type Kind uint8

// The kinds of connection errors. All but Violation are bounds of [Limits].
const (
	Violation     Kind = iota // the peer broke a rule of the protocol
	RapidReset                // streams opened and reset again (CVE-2023-44487)
	ProvokedReset             // streams that the peer made us reset (CVE-2025-8671)
	SettingsFlood             // SETTINGS
	PingFlood                 // PING
	EmptyFrames               // DATA and CONTINUATION without content, unknown frames, interim responses
	HeaderFlood               // a header block without end (CVE-2024-27316)
	WindowFlood               // WINDOW_UPDATE
	PriorityFlood             // PRIORITY, PRIORITY_UPDATE
	SlowRead                  // replies that the peer causes and does not read
)

var kindNames = [...]string{
	"violation", "rapid_reset", "provoked_reset", "settings_flood", "ping_flood", "empty_frames", "header_flood",
	"window_flood", "priority_flood", "slow_read",
}

// String is the kind's name in snake case.
func (k Kind) String() string { return kindNames[k] }

// Error is why a connection was given up. GOAWAY with Code is the last frame of [Conn.Out].
type Error struct {
	Code Code
	Kind Kind
	Text string // what the peer did
}

// Error implements error.
func (e *Error) Error() string { return "h2: " + e.Code.String() + ": " + e.Text }
