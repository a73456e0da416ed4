package proxy

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// The answers to the offers: by the library that keeps what was said before as its
// dictionary, but has no windows other than of 32 KiB, and by the other.
const (
	wsOffer    = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
	wsTakes    = "permessage-deflate; client_no_context_takeover"
	wsForgets  = wsTakes + "; server_no_context_takeover"
	wsWindowed = "permessage-deflate;server_no_context_takeover;client_no_context_takeover;server_max_window_bits="
)

// wsDeflateCases are groups 12 and 13: permessage-deflate (RFC 7692) with different
// texts, and with different parameters. The suite sends 1000 messages of each size;
// here it is some 128 KiB of them, 2 to 10; in a brief run, 1 or 2. Its five files are
// replaced by made up ones of their kinds.
func wsDeflateCases() []wsCase {
	var list []wsCase
	add := func(group, sub int, path, offer, agreed string, opcode byte, file []byte) {
		for i, size := range wsDeflateSizes {
			list = append(list, wsCase{fmt.Sprintf("%d.%d.%d", group, sub, i+1), func() *wsScript {
				s := deflated(opcode, file, size.message, size.fragment)
				s.path, s.offer, s.agreed = path, offer, agreed
				return s
			}})
		}
	}
	json := wsFile("json")
	for i, kind := range []string{"json", "bitmap", "prose", "html", "compressed"} {
		opcode := byte(opData)
		if kind == "json" || kind == "html" {
			opcode = opText
		}
		add(12, i+1, "/takeover", wsOffer, wsTakes, opcode, wsFile(kind))
	}
	const forget, window = "; server_no_context_takeover", "; server_max_window_bits="
	for i, c := range []struct{ path, offer, agreed string }{
		{"/takeover", wsOffer, wsTakes},
		{"/takeover", wsOffer + forget, wsForgets},
		{"/echo", wsOffer + window + "9", wsWindowed + "9"},
		{"/echo", wsOffer + window + "15", wsWindowed + "15"},
		{"/echo", wsOffer + forget + window + "9", wsWindowed + "9"},
		{"/echo", wsOffer + forget + window + "15", wsWindowed + "15"},
		{"/takeover", wsOffer + forget + window + "9, " + wsOffer + forget + ", " + wsOffer, wsForgets}, // the second of three
	} {
		add(13, i+1, c.path, c.offer, c.agreed, opText, json)
	}
	return list
}

// wsDeflateSizes are of a message before it is deflated, and of a fragment of it
// after. 0: it is sent in one frame.
var wsDeflateSizes = []struct{ message, fragment int }{
	{16, 0},
	{64, 0},
	{256, 0},
	{1 << 10, 0},
	{4 << 10, 0},
	{8 << 10, 0},
	{16 << 10, 0},
	{32 << 10, 0},
	{64 << 10, 0},
	{128 << 10, 0},
	{8 << 10, 256},
	{16 << 10, 256},
	{32 << 10, 256},
	{64 << 10, 256},
	{128 << 10, 256},
	{128 << 10, 1 << 10},
	{128 << 10, 4 << 10},
	{128 << 10, 32 << 10},
}

// wsWriters are large.
var wsWriters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed)
	return w
}}

// deflated is a conversation of messages out of a file, each sent when the echo of
// the one before has come.
func deflated(opcode byte, file []byte, size, fragment int) *wsScript {
	count := min(max(2, 128<<10/size), 10)
	if brief() {
		count = min(max(1, count/4), 2)
	}
	var says []saying
	var heard []wsMessage
	var out bytes.Buffer
	w := wsWriters.Get().(*flate.Writer)
	defer wsWriters.Put(w)
	for i := range count {
		at := i * size % (len(file) - size)
		payload := file[at : at+size]
		out.Reset()
		w.Reset(&out)
		_, _ = w.Write(payload)
		_ = w.Flush()
		b := bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff")) // RFC 7692, 7.2.1
		f := frame(true, opcode, b)
		if fragment > 0 {
			f = fragments(opcode, b, fragment)
		}
		f[0] |= 0x40 // RSV1
		says = append(says, saying{bytes: f, after: i})
		heard = append(heard, wsMessage{opcode, payload})
	}
	return echoed(heard, says...)
}

// wsFile is some 256 KiB of a kind, the same each time, in ASCII where it is text.
func wsFile(kind string) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 500)
	for i := range words {
		for range 2 + random.IntN(8) {
			words[i] += string(rune('a' + random.IntN(26)))
		}
	}
	word := func() string { return words[min(random.IntN(500), random.IntN(500))] }
	var b bytes.Buffer
	for level := 0; b.Len() < 256<<10; {
		switch kind {
		case "json":
			_, _ = fmt.Fprintf(&b, `{"id": %d, "name": "%s", "tags": ["%s", "\u00%x"], "at": %.6f},`+"\n", random.IntN(1e6), word(), word(),
				0xa0+random.IntN(0x60), random.Float64())
		case "html":
			_, _ = fmt.Fprintf(&b, "<tr class=%q><td><a href=\"/%s/%d.html\">%s %s</a></td></tr>\n", word(), word(), random.IntN(1000), word(), word())
		case "prose":
			b.WriteString(strings.Join([]string{word(), word(), word() + ",", word(), word() + ".\r\n"}, " "))
		case "bitmap": // neighbours are alike
			level += random.IntN(9) - 4
			b.WriteByte(byte(level))
		default:
			b.WriteByte(byte(random.Uint32()))
		}
	}
	return b.Bytes()
}
