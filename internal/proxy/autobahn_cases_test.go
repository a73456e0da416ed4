package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	opMore = 0x0
	opText = 0x1
	opData = 0x2
	opPing = 0x9
	opPong = 0xa
)

// wsHello and wsBytes are the small payloads of many cases.
var (
	wsHello = []byte("Hello, world!")
	wsBytes = []byte{0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff}
)

// reserved is a frame with reserved bits: RSV1 is 4, RSV3 is 1.
func reserved(rsv, opcode byte, payload []byte) []byte {
	b := frame(true, opcode, payload)
	b[0] |= rsv << 4
	return b
}

// repeated is a pattern up to n octets.
func repeated(pattern string, n int) []byte {
	return bytes.Repeat([]byte(pattern), n/len(pattern)+1)[:n]
}

// fragments is a message in frames of at most size octets of payload.
func fragments(opcode byte, payload []byte, size int) []byte {
	var b []byte
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		b = append(b, frame(end == len(payload), opcode, payload[at:end])...)
		opcode = opMore
	}
	return b
}

// always is a script that is made already.
func always(s *wsScript) func() *wsScript { return func() *wsScript { return s } }

// wsBasicCases are groups 1 to 5: framing, pings, reserved bits, opcodes, fragments.
func wsBasicCases() []wsCase {
	return slices.Concat(wsFramingCases(), wsPingCases(), wsReservedCases(), wsFragmentCases())
}

func wsFramingCases() []wsCase {
	var list []wsCase
	for i, opcode := range []byte{opText, opData} {
		for j, n := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
			payload := repeated([]string{"*", "\xfe"}[i], n)
			said := say(frame(true, opcode, payload))
			if j == 7 {
				said.chop, said.step = 997, true
			}
			list = append(list, wsCase{fmt.Sprintf("1.%d.%d", i+1, j+1), always(echoed(hears(wsMessage{opcode, payload}), said))})
		}
	}
	return list
}

func wsPingCases() []wsCase {
	longest := repeated("\xfe", 125)
	pong := func(payload []byte) []wsMessage { return hears(wsMessage{opPong, payload}) }
	unasked := frame(true, opPong, []byte("unsolicited pong payload"))
	closed := closeFrame(1000, "")
	var pings, pongs = []byte{}, []wsMessage{}
	for i := range 10 {
		payload := fmt.Appendf(nil, "payload-%d", i)
		pings = append(pings, frame(true, opPing, payload)...)
		pongs = append(pongs, wsMessage{opPong, payload})
	}
	quiet := func(f []byte) *wsScript { // the client closes at once, and that is all that is answered
		return &wsScript{path: "/echo", says: []saying{say(f), say(closed)}, codes: []int{1000}}
	}
	return []wsCase{
		{"2.1", always(echoed(pong(nil), say(frame(true, opPing, nil))))},
		{"2.2", always(echoed(pong(wsHello), say(frame(true, opPing, wsHello))))},
		{"2.3", always(echoed(pong(wsBytes), say(frame(true, opPing, wsBytes))))},
		{"2.4", always(echoed(pong(longest), say(frame(true, opPing, longest))))},
		{"2.5", always(failed(1002, nil, say(frame(true, opPing, repeated("\xfe", 126)))))},
		{"2.6", always(echoed(pong(longest), octets(frame(true, opPing, longest))))},
		{"2.7", always(quiet(frame(true, opPong, nil)))},
		{"2.8", always(quiet(unasked))},
		{"2.9", always(echoed(pong([]byte("ping payload")), say(unasked), say(frame(true, opPing, []byte("ping payload")))))},
		{"2.10", always(echoed(pongs, say(pings)))},
		{"2.11", always(echoed(pongs, octets(pings)))},
	}
}

// wsReservedCases are groups 3 and 4: what is reserved must not be used.
func wsReservedCases() []wsCase {
	hello, ping := frame(true, opText, wsHello), frame(true, opPing, nil)
	echo := hears(wsMessage{opText, wsHello})
	const some = "reserved opcode payload"
	return []wsCase{
		{"3.1", always(failed(1002, nil, say(reserved(1, opText, wsHello))))},
		{"3.2", always(failed(1002, echo, say(hello), say(reserved(2, opText, wsHello)), say(ping)))},
		{"3.3", always(failed(1002, echo, framewise(hello, reserved(3, opText, wsHello), ping)...))},
		{"3.4", always(failed(1002, echo, octets(hello, reserved(4, opText, wsHello), ping)))},
		{"3.5", always(failed(1002, nil, say(reserved(5, opData, wsBytes))))},
		{"3.6", always(failed(1002, nil, say(reserved(6, opPing, wsHello))))},
		{"3.7", always(failed(1002, nil, say(reserved(7, 8, nil))))},
		{"4.1.1", always(failed(1002, nil, say(frame(true, 3, nil))))},
		{"4.1.2", always(failed(1002, nil, say(frame(true, 4, []byte(some)))))},
		{"4.1.3", always(failed(1002, echo, say(hello), say(frame(true, 5, nil)), say(ping)))},
		{"4.1.4", always(failed(1002, echo, say(hello), say(frame(true, 6, wsHello)), say(ping)))},
		{"4.1.5", always(failed(1002, echo, octets(hello, frame(true, 7, wsHello), ping)))},
		{"4.2.1", always(failed(1002, nil, say(frame(true, 11, nil))))},
		{"4.2.2", always(failed(1002, nil, say(frame(true, 12, []byte(some)))))},
		{"4.2.3", always(failed(1002, echo, say(hello), say(frame(true, 13, nil)), say(ping)))},
		{"4.2.4", always(failed(1002, echo, say(hello), say(frame(true, 14, wsHello)), say(ping)))},
		{"4.2.5", always(failed(1002, echo, octets(hello, frame(true, 15, wsHello), ping)))},
	}
}

func wsFragmentCases() []wsCase {
	part := func(fin bool, opcode byte, n int) []byte {
		return frame(fin, opcode, fmt.Appendf(nil, "fragment%d", n))
	}
	first, second := part(false, opText, 1), part(true, opMore, 2)
	ping := frame(true, opPing, []byte("ping payload"))
	whole := wsMessage{opText, []byte("fragment1fragment2")}
	both := hears(wsMessage{opPong, []byte("ping payload")}, whole)
	hello := frame(true, opText, wsHello)
	stray, strayOn := frame(true, opMore, []byte("non-continuation payload")), frame(false, opMore, []byte("non-continuation payload"))
	twice := func(frames ...[]byte) saying { return say(append(frames, frames...)...) }
	list := []wsCase{
		{"5.1", always(failed(1002, nil, say(part(false, opPing, 1)), say(second)))},
		{"5.2", always(failed(1002, nil, say(part(false, opPong, 1)), say(second)))},
		{"5.3", always(echoed(hears(whole), say(first), say(second)))},
		{"5.4", always(echoed(hears(whole), framewise(first, second)...))},
		{"5.5", always(echoed(hears(whole), octets(first, second)))},
		{"5.6", always(echoed(both, say(first), say(ping), say(second)))},
		{"5.7", always(echoed(both, framewise(first, ping, second)...))},
		{"5.8", always(echoed(both, octets(first, ping, second)))},
		{"5.9", always(failed(1002, nil, say(stray), say(hello)))},
		{"5.10", always(failed(1002, nil, framewise(stray, hello)...))},
		{"5.11", always(failed(1002, nil, octets(stray, hello)))},
		{"5.12", always(failed(1002, nil, say(strayOn), say(hello)))},
		{"5.13", always(failed(1002, nil, framewise(strayOn, hello)...))},
		{"5.14", always(failed(1002, nil, octets(strayOn, hello)))},
		{"5.15", always(failed(1002, hears(whole), say(first), say(second), say(part(false, opMore, 3)), say(part(true, opText, 4))))},
		{"5.16", always(failed(1002, nil, twice(part(false, opMore, 1), part(false, opText, 2), part(true, opMore, 3))))},
		{"5.17", always(failed(1002, nil, twice(part(true, opMore, 1), part(false, opText, 2), part(true, opMore, 3))))},
		{"5.18", always(failed(1002, nil, say(first), say(part(true, opText, 2))))},
	}
	// Five fragments, two pings between them, and a rest after the first ping.
	pings := []wsMessage{{opPong, []byte("pongme 1!")}, {opPong, []byte("pongme 2!")}}
	five := hears(pings[0], pings[1], wsMessage{opText, []byte("fragment1fragment2fragment3fragment4fragment5")})
	before := [][]byte{first, part(false, opMore, 2), frame(true, opPing, pings[0].payload)}
	then := [][]byte{part(false, opMore, 3), part(false, opMore, 4), frame(true, opPing, pings[1].payload), part(true, opMore, 5)}
	rested := func(says []saying) []saying { // waits for the first pong
		says[0].after = 1
		return says
	}
	return append(list,
		wsCase{"5.19", always(echoed(five, append([]saying{say(before...)}, rested([]saying{say(then...)})...)...))},
		wsCase{"5.20", always(echoed(five, append(framewise(before...), rested(framewise(then...))...)...))})
}

// wsCloseCases are group 7.
func wsCloseCases() []wsCase {
	hello := frame(true, opText, wsHello)
	normal := closeFrame(1000, "")
	closes := func(codes []int, heard []wsMessage, frames ...[]byte) func() *wsScript {
		s := &wsScript{path: "/echo", hears: heard, codes: codes}
		for _, f := range frames {
			s.says = append(s.says, say(f))
		}
		return always(s)
	}
	fails := func(code int, f []byte) func() *wsScript { return always(failed(code, nil, say(f))) }
	usual := []int{1000}
	large := repeated("BAsd7&jh23", 256<<10)
	list := []wsCase{
		{"7.1.1", always(echoed(hears(wsMessage{opText, wsHello}), say(hello)))},
		{"7.1.2", closes(usual, nil, normal, frame(true, 8, nil))},
		{"7.1.3", closes(usual, nil, normal, frame(true, opPing, nil))},
		{"7.1.4", closes(usual, nil, normal, hello)},
		{"7.1.5", closes(usual, nil, frame(false, opText, []byte("fragment1")), normal, frame(true, opMore, []byte("fragment2")))},
		{"7.1.6", closes(usual, hears(wsMessage{opText, large}, wsMessage{opText, wsHello}),
			frame(true, opText, large), hello, normal, frame(true, opPing, nil))},
		{"7.3.1", closes([]int{1000, 1005}, nil, frame(true, 8, nil))},
		{"7.3.2", fails(1002, frame(true, 8, []byte("a")))},
		{"7.3.3", closes(usual, nil, normal)},
		{"7.3.4", closes(usual, nil, closeFrame(1000, "Hello World!"))},
		{"7.3.5", closes(usual, nil, closeFrame(1000, strings.Repeat("*", 123)))},
		{"7.3.6", fails(1002, closeFrame(1000, strings.Repeat("*", 124)))},
		{"7.5.1", fails(1002, closeFrame(1000, wsSpoilt))},
		// What becomes of these codes is not laid down.
		{"7.13.1", closes(nil, nil, closeFrame(5000, ""))},
		{"7.13.2", closes(nil, nil, closeFrame(65535, ""))},
	}
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		list = append(list, wsCase{fmt.Sprintf("7.7.%d", i+1), closes([]int{1000, int(code)}, nil, closeFrame(code, ""))})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		list = append(list, wsCase{fmt.Sprintf("7.9.%d", i+1), fails(1002, closeFrame(code, ""))})
	}
	return list
}

// wsLimitCases are groups 9 and 10: large messages, many fragments, many writes,
// many messages. In 9.7 and 9.8 the suite sends 1000 messages, here it is 200. In a
// brief run it is 20, and what is larger than 64 KiB is a sixteenth as large.
func wsLimitCases() []wsCase {
	least := func(n int) int {
		if brief() && n > 64<<10 {
			return max(64<<10, n/16)
		}
		return n
	}
	const mixed, high = "BAsd7&jh23", "\x00\xfe\x23\xfa\xf0"
	var list []wsCase
	add := func(group, i int, opcode byte, pattern string, size int, cut func(opcode byte, payload []byte) saying) {
		list = append(list, wsCase{fmt.Sprintf("9.%d.%d", group, i+1), func() *wsScript {
			payload := repeated(pattern, size)
			return echoed(hears(wsMessage{opcode, payload}), cut(opcode, payload))
		}})
	}
	for i, kib := range []int{64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10} {
		whole := func(opcode byte, payload []byte) saying { return say(frame(true, opcode, payload)) }
		add(1, i, opText, mixed, least(kib<<10), whole)
		add(2, i, opData, high, least(kib<<10), whole)
	}
	for i, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		cut := func(opcode byte, payload []byte) saying { return say(fragments(opcode, payload, size)) }
		add(3, i, opText, "*", least(4<<20), cut)
		add(4, i, opData, "\xfe", least(4<<20), cut)
	}
	for i, size := range []int{64, 128, 256, 512, 1024, 2048} {
		cut := func(opcode byte, payload []byte) saying {
			return saying{bytes: frame(true, opcode, payload), chop: size}
		}
		add(5, i, opText, mixed, least(1<<20), cut)
		add(6, i, opData, high, least(1<<20), cut)
	}
	for i, size := range []int{0, 16, 64, 256, 1024, 4096} {
		list = append(list,
			wsCase{fmt.Sprintf("9.7.%d", i+1), func() *wsScript { return wsPingPong(opText, repeated("*", size)) }},
			wsCase{fmt.Sprintf("9.8.%d", i+1), func() *wsScript { return wsPingPong(opData, repeated("\xfe", size)) }})
	}
	return append(list, wsCase{"10.1.1", func() *wsScript {
		payload := repeated("*", 65536)
		return echoed(hears(wsMessage{opText, payload}), say(fragments(opText, payload, 1300)))
	}})
}

// wsPingPong sends a message, waits for its echo, and again.
func wsPingPong(opcode byte, payload []byte) *wsScript {
	times := 200
	if brief() {
		times = 20
	}
	said := frame(true, opcode, payload)
	var says []saying
	var heard []wsMessage
	for i := range times {
		says = append(says, saying{bytes: said, after: i})
		heard = append(heard, wsMessage{opcode, payload})
	}
	return echoed(heard, says...)
}
