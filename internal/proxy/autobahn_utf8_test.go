package proxy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	wsGreek = "κ\u1f79σμε"
	// wsSpoilt has a surrogate in its midst.
	wsSpoilt = wsGreek + "\xed\xa0\x80" + "edited"
	// wsBeyond has what would be U+110000 there; its second octet spoils it.
	wsBeyond = wsGreek + "\xf4\x90\x80\x80" + "edited"
)

// wsUTF8Cases are group 6: text must be UTF-8, however it is cut, and the service
// fails the connection as soon as it cannot be.
func wsUTF8Cases() []wsCase {
	const umlauts = "Hello-µ@ßöäüàá-UTF-8!!"
	const left, right = "Hello-µ@ßöä", "üàá-UTF-8!!"
	one := func(s string) []wsMessage { return hears(wsMessage{opText, []byte(s)}) }
	part := func(fin bool, opcode byte, s string) []byte { return frame(fin, opcode, []byte(s)) }
	middle := "middle frame payload"
	valid, spoils := len(wsGreek), len(wsGreek)+4
	list := []wsCase{
		{"6.1.1", always(echoed(one(""), say(part(true, opText, ""))))},
		{"6.1.2", always(echoed(one(""), say(part(false, opText, "")), say(part(false, opMore, "")), say(part(true, opMore, ""))))},
		{"6.1.3", always(echoed(one(middle), say(part(false, opText, "")), say(part(false, opMore, middle)), say(part(true, opMore, ""))))},
		{"6.2.1", always(echoed(one(umlauts), say(part(true, opText, umlauts))))},
		{"6.2.2", always(echoed(one(left+right), say(part(false, opText, left)), say(part(true, opMore, right))))},
		{"6.2.3", always(echoed(one(umlauts), say(fragments(opText, []byte(umlauts), 1))))},
		{"6.2.4", always(echoed(one(wsGreek), say(fragments(opText, []byte(wsGreek), 1))))},
		{"6.3.1", always(failed(1007, nil, say(part(true, opText, wsSpoilt))))},
		{"6.3.2", always(failed(1007, nil, say(fragments(opText, []byte(wsSpoilt), 1))))},
		{"6.4.1", always(failsFast(part(false, opText, wsBeyond[:valid]), part(false, opMore, wsBeyond[valid:spoils]), part(true, opMore, wsBeyond[spoils:])))},
		{"6.4.2", always(failsFast(part(false, opText, wsBeyond[:valid+1]), part(false, opMore, wsBeyond[valid+1:valid+2]), part(true, opMore, wsBeyond[valid+2:])))},
	}
	const head = 2 + 4 // of the one frame whose payload is cut
	whole := part(true, opText, wsBeyond)
	list = append(list,
		wsCase{"6.4.3", always(failsFast(whole[:head+valid], whole[head+valid:head+spoils], whole[head+spoils:]))},
		wsCase{"6.4.4", always(failsFast(whole[:head+valid+1], whole[head+valid+1:head+valid+2], whole[head+valid+2:]))})
	for i, group := range wsSequences() {
		for j, s := range group {
			script := failed(1007, nil, say(part(true, opText, s)))
			if utf8.ValidString(s) {
				script = echoed(one(s), say(part(true, opText, s)))
			}
			list = append(list, wsCase{fmt.Sprintf("6.%d.%d", i+5, j+1), always(script)})
		}
	}
	return list
}

// failsFast says a beginning that is well, what spoils it, and, once the service has
// failed the connection, the rest.
func failsFast(well, spoils, rest []byte) *wsScript {
	s := failed(1007, nil, saying{bytes: well, step: true}, say(spoils), saying{bytes: rest, after: 1})
	s.failsAt = int64(len(well) + len(spoils))
	return s
}

// wsSequences are the texts of 6.5, 6.6 and so on. Which of them are UTF-8,
// RFC 3629 says, and package unicode/utf8.
func wsSequences() [][]string {
	lonely := func(from, to byte) string {
		var b strings.Builder
		for c := from; c < to; c++ {
			b.WriteByte(c)
			b.WriteByte(' ')
		}
		return b.String()
	}
	var prefixes []string
	for i := range len(wsGreek) {
		prefixes = append(prefixes, wsGreek[:i+1])
	}
	var allContinuations strings.Builder
	for c := byte(0x80); c < 0xbf; c++ {
		allContinuations.WriteByte(c)
	}
	cut := []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
	var pairs []string
	for _, high := range []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"} {
		pairs = append(pairs, high+"\xed\xb0\x80", high+"\xed\xbf\xbf")
	}
	noncharacters := []string{"\ufffe", "\uffff"}
	for plane := rune(1); plane <= 16; plane++ {
		noncharacters = append(noncharacters, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return [][]string{
		{"hello$world", "hello¢world", "hello€world", "hello\U00024b62world", wsGreek}, // 6.5: some UTF-8
		prefixes, // 6.6: all that it begins with
		{"\x00", "\u0080", "\u0800", "\U00010000"},                               // 6.7: the first of each length
		{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},                     // 6.8: of five and six octets
		{"\x7f", "\u07ff", "\uffff", "\U0010ffff"},                               // 6.9: the last of each length
		{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}, // 6.10: beyond U+10FFFF
		{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"},         // 6.11: other borders
		{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", allContinuations.String()}, // 6.12
		{lonely(0xc0, 0xdf), lonely(0xe0, 0xef), lonely(0xf0, 0xf7), lonely(0xf8, 0xfb), lonely(0xfc, 0xfd)},                                            // 6.13: a beginning and no more
		cut,                                  // 6.14: the last octet is missing
		{strings.Join(cut, "")},              // 6.15
		{"\xfe", "\xff", "\xfe\xfe\xff\xff"}, // 6.16: octets that are in no UTF-8
		{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},             // 6.17: "/", too long
		{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},             // 6.18: the last that are too long
		{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},             // 6.19: NUL, too long
		{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}, // 6.20: surrogates
		pairs,         // 6.21: pairs of them
		noncharacters, // 6.22: which are UTF-8
		{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}, // 6.23: specials
	}
}
