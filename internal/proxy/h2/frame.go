package h2

import "encoding/binary"

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

const frameHeader = 9

// Frame types (RFC 9113 section 6).
const (
	typeData = iota
	typeHeaders
	typePriority
	typeReset
	typeSettings
	typePush
	typePing
	typeGoAway
	typeWindow
	typeContinuation
)

const typePriorityUpdate = 0x10 // RFC 9218 section 7.1

// Flags of frames.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// Settings (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).
const (
	setTableSize     = 0x1
	setPush          = 0x2
	setStreams       = 0x3
	setWindow        = 0x4
	setFrame         = 0x5
	setHeaderBytes   = 0x6
	setConnect       = 0x8
	setNoPriorities  = 0x9
	settingOctets    = 6
	maxSettingsSent  = 6
	windowOctets     = 4
	resetOctets      = 4
	pingOctets       = 8
	goAwayOctets     = 8
	priorityOctets   = 5
	highBit          = 1 << 31
	defaultMaxStream = 100 // that a server allows before it says so (RFC 9113 section 6.5.2 recommends no less)
)

// frame is a frame's header.
type frame struct {
	length int
	kind   uint8
	flags  uint8
	stream uint32
}

func (f frame) has(flag uint8) bool { return f.flags&flag != 0 }

// parseFrame reads a header; p has at least frameHeader bytes.
func parseFrame(p []byte) frame {
	return frame{
		length: int(p[0])<<16 | int(p[1])<<8 | int(p[2]),
		kind:   p[3],
		flags:  p[4],
		stream: binary.BigEndian.Uint32(p[5:]) &^ highBit,
	}
}

func appendFrame(dst []byte, length int, kind, flags uint8, stream uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), kind, flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

// putFrame is appendFrame for room that is there.
func putFrame(dst []byte, length int, kind, flags uint8, stream uint32) {
	_ = appendFrame(dst[:0], length, kind, flags, stream)
}

func appendSetting(dst []byte, id uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(dst, id), v)
}

func appendWindow(dst []byte, stream uint32, n int64) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, windowOctets, typeWindow, 0, stream), uint32(n))
}

func appendReset(dst []byte, stream uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, resetOctets, typeReset, 0, stream), uint32(code))
}

func appendPing(dst []byte, flags uint8, data uint64) []byte {
	return binary.BigEndian.AppendUint64(appendFrame(dst, pingOctets, typePing, flags, 0), data)
}

func appendGoAway(dst []byte, last uint32, code Code, text string) []byte {
	dst = appendFrame(dst, goAwayOctets+len(text), typeGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	return append(binary.BigEndian.AppendUint32(dst, uint32(code)), text...)
}
