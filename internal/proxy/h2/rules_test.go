package h2

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

func TestConnectionErrors(t *testing.T) {
	big := strings.Repeat("x", minFrame+1)
	for name, tc := range map[string]struct {
		client bool
		code   Code
		frames func(r *rig) [][]byte
	}{
		"data on idle":           {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{data(1, true, "x")} }},
		"data on 0":              {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{data(0, true, "x")} }},
		"reset on idle":          {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeReset, 0, 1, "\x00\x00\x00\x00")} }},
		"reset on 0":             {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeReset, 0, 0, "\x00\x00\x00\x00")} }},
		"short reset":            {code: FrameSizeError, frames: func(r *rig) [][]byte { return [][]byte{r.post(1), raw(typeReset, 0, 1, "\x00")} }},
		"window on idle":         {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{window(1, 1)} }},
		"window of nothing":      {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{window(0, 0)} }},
		"window overflow":        {code: FlowControlError, frames: func(*rig) [][]byte { return [][]byte{window(0, maxWindow)} }},
		"short window":           {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeWindow, 0, 0, "\x01")} }},
		"initial window":         {code: FlowControlError, frames: func(*rig) [][]byte { return [][]byte{settings(setWindow, 1<<31)} }},
		"initial overflow":       {code: FlowControlError, frames: func(r *rig) [][]byte { return [][]byte{r.post(1), window(1, 1000), settings(setWindow, maxWindow)} }},
		"push setting":           {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{settings(setPush, 2)} }},
		"push for client":        {client: true, code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{settings(setPush, 1)} }},
		"frame setting small":    {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{settings(setFrame, minFrame-1)} }},
		"frame setting large":    {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{settings(setFrame, maxFrame+1)} }},
		"settings on stream":     {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeSettings, 0, 1, "")} }},
		"settings size":          {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeSettings, 0, 0, "1234567")} }},
		"settings ack size":      {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeSettings, flagAck, 0, "123456")} }},
		"ping on stream":         {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typePing, 0, 1, "12345678")} }},
		"ping size":              {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typePing, 0, 0, "1")} }},
		"goaway on stream":       {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeGoAway, 0, 1, "12345678")} }},
		"goaway size":            {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeGoAway, 0, 0, "1234567")} }},
		"goaway takes back":      {client: true, code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{appendGoAway(nil, 1, 0, ""), appendGoAway(nil, 3, 0, "")} }},
		"priority on 0":          {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typePriority, 0, 0, "\x00\x00\x00\x01\x01")} }},
		"priority on itself":     {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typePriority, 0, 3, "\x80\x00\x00\x03\x01")} }},
		"priority size":          {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typePriority, 0, 3, "\x01")} }},
		"push promise":           {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typePush, flagEndHeaders, 1, "\x00\x00\x00\x02")} }},
		"push promise to client": {client: true, code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typePush, flagEndHeaders, 1, "\x00\x00\x00\x02")} }},
		"large frame":            {code: FrameSizeError, frames: func(r *rig) [][]byte { return [][]byte{r.post(1), data(1, true, big)} }},
		"large unknown frame":    {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(99, 0, 0, big)} }},
		"even stream":            {code: ProtocolError, frames: func(r *rig) [][]byte { return [][]byte{r.get(2)} }},
		"stream from server":     {client: true, code: ProtocolError, frames: func(r *rig) [][]byte { return [][]byte{r.headers(2, true, ":status", "200")} }},
		"response to nothing":    {client: true, code: ProtocolError, frames: func(r *rig) [][]byte { return [][]byte{r.headers(1, true, ":status", "200")} }},
		"headers on 0":           {code: ProtocolError, frames: func(r *rig) [][]byte { return [][]byte{r.get(0)} }},
		"lower stream":           {code: ProtocolError, frames: func(r *rig) [][]byte { return [][]byte{r.post(5), r.post(3)} }},
		"bad block":              {code: CompressionError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, flagEndHeaders, 1, "\xff\xff\xff\xff\xff\xff")} }},
		"bad block, refused":     {code: CompressionError, frames: func(r *rig) [][]byte { return [][]byte{r.get(1), raw(typeHeaders, flagEndHeaders, 1, "\x80")} }},
		"headers pad":            {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, flagEndHeaders|flagPadded, 1, "\x05abc")} }},
		"headers no pad":         {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, flagEndHeaders|flagPadded, 1, "")} }},
		"headers no priority":    {code: FrameSizeError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, flagEndHeaders|flagPriority, 1, "abc")} }},
		"data pad": {code: ProtocolError, frames: func(r *rig) [][]byte {
			return [][]byte{r.post(1), raw(typeData, flagPadded, 1, "\x03abc"), raw(typeData, flagPadded, 1, "\x04abc")}
		}},
		"data no pad":        {code: FrameSizeError, frames: func(r *rig) [][]byte { return [][]byte{r.post(1), raw(typeData, flagPadded, 1, "")} }},
		"continuation alone": {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeContinuation, flagEndHeaders, 1, "")} }},
		"block interrupted":  {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, 0, 1, ""), appendPing(nil, 0, 1)} }},
		"other continuation": {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, 0, 1, ""), raw(typeContinuation, 0, 3, "")} }},
		"unknown in block":   {code: ProtocolError, frames: func(*rig) [][]byte { return [][]byte{raw(typeHeaders, 0, 1, ""), raw(77, 0, 0, "")} }},
		"headers after end": {code: StreamClosed, frames: func(r *rig) [][]byte {
			r.recorder.answer = true
			return [][]byte{r.get(1), r.get(1)}
		}},
		"connection window": {code: FlowControlError, frames: func(r *rig) [][]byte {
			frames := [][]byte{r.post(1), r.post(3), r.post(5), r.post(7), r.post(9)}
			for i := range 65 { // 16 KiB each, 15 on the busiest stream
				frames = append(frames, data(uint32(1+i/15*2), false, big[1:]))
			}
			return frames
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Server: !tc.client})
			r.feed(tc.frames(r)...)
			r.fails(tc.code, Violation)
		})
	}
}

func TestFirstFrame(t *testing.T) {
	for name, tc := range map[string]struct{ preface, frame string }{
		"no preface":        {"GET / HTTP/1.1\r\n\r\n", ""},
		"preface cut wrong": {Preface[:20] + "XXXX", ""},
		"ping first":        {Preface, string(appendPing(nil, 0, 1))},
		"ack first":         {Preface, string(raw(typeSettings, flagAck, 0, ""))},
		"unknown first":     {Preface, string(raw(50, 0, 0, ""))},
	} {
		r := &rig{T: t}
		r.c = New(Config{Server: true}, &r.recorder)
		t.Log(name)
		r.feed([]byte(tc.preface), []byte(tc.frame))
		r.fails(ProtocolError, Violation)
	}
}

// TestStreamErrors has requests and frames that end a stream and nothing else.
func TestStreamErrors(t *testing.T) {
	post := func(more ...string) func(r *rig) [][]byte {
		return func(r *rig) [][]byte { return [][]byte{r.post(1, more...)} }
	}
	only := func(pairs ...string) func(r *rig) [][]byte {
		return func(r *rig) [][]byte { return [][]byte{r.headers(1, true, pairs...)} }
	}
	then := func(frames ...[]byte) func(r *rig) [][]byte {
		return func(r *rig) [][]byte { return append([][]byte{r.post(1)}, frames...) }
	}
	for name, tc := range map[string]struct {
		code   Code
		frames func(r *rig) [][]byte
	}{
		"upper case name":      {ProtocolError, post("X-Upper", "1")},
		"empty name":           {ProtocolError, post("", "1")},
		"name with space":      {ProtocolError, post("a b", "1")},
		"name with colon":      {ProtocolError, post("a:b", "1")},
		"value NUL":            {ProtocolError, post("a", "b\x00c")},
		"value LF":             {ProtocolError, post("a", "b\nc")},
		"value CR":             {ProtocolError, post("a", "b\rc")},
		"value leading space":  {ProtocolError, post("a", " b")},
		"value trailing tab":   {ProtocolError, post("a", "b\t")},
		"connection":           {ProtocolError, post("connection", "close")},
		"keep-alive":           {ProtocolError, post("keep-alive", "1")},
		"proxy-connection":     {ProtocolError, post("proxy-connection", "close")},
		"transfer-encoding":    {ProtocolError, post("transfer-encoding", "chunked")},
		"upgrade":              {ProtocolError, post("upgrade", "x")},
		"te":                   {ProtocolError, post("te", "gzip")},
		"content-length twice": {ProtocolError, post("content-length", "1", "content-length", "1")},
		"content-length sign":  {ProtocolError, post("content-length", "+1")},
		"content-length empty": {ProtocolError, post("content-length", "")},
		"content-length long":  {ProtocolError, post("content-length", "1234567890123456789")},
		"content-length list":  {ProtocolError, post("content-length", "1, 1")},
		"host differs":         {ProtocolError, post("host", "other")},
		"host that folds": {ProtocolError, func(r *rig) [][]byte {
			return [][]byte{r.headers(1, true, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "k", "host", "\u212a")}
		}},
		"host twice":           {ProtocolError, post("host", "h", "host", "h")},
		"pseudo after field":   {ProtocolError, only(":method", "GET", ":scheme", "http", "a", "b", ":path", "/", ":authority", "h")},
		"pseudo twice":         {ProtocolError, only(append([]string{":path", "/"}, getRequest...)...)},
		"pseudo unknown":       {ProtocolError, only(append([]string{":foo", "/"}, getRequest...)...)},
		"pseudo of response":   {ProtocolError, only(append([]string{":status", "200"}, getRequest...)...)},
		"extended connect":     {ProtocolError, only(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "h")},
		"no method":            {ProtocolError, only(":scheme", "http", ":path", "/", ":authority", "h")},
		"no scheme":            {ProtocolError, only(":method", "GET", ":path", "/", ":authority", "h")},
		"no path":              {ProtocolError, only(":method", "GET", ":scheme", "http", ":authority", "h")},
		"no authority":         {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "/")},
		"empty path":           {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "", ":authority", "h")},
		"relative path":        {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "a", ":authority", "h")},
		"path with fragment":   {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "/#a", ":authority", "h")},
		"path with space":      {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "/a b", ":authority", "h")},
		"path beyond ASCII":    {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "/\xc3", ":authority", "h")},
		"asterisk":             {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "*", ":authority", "h")},
		"method no token":      {ProtocolError, only(":method", "G T", ":scheme", "http", ":path", "/", ":authority", "h")},
		"scheme unknown":       {ProtocolError, only(":method", "GET", ":scheme", "ftp", ":path", "/", ":authority", "h")},
		"user information":     {ProtocolError, only(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@h")},
		"connect with path":    {ProtocolError, only(":method", "CONNECT", ":path", "/", ":authority", "h:1")},
		"connect no authority": {ProtocolError, only(":method", "CONNECT")},
		"length without body":  {ProtocolError, only(append([]string{}, append(getRequest, "content-length", "1")...)...)},
		"depends on itself": {ProtocolError, func(r *rig) [][]byte {
			return [][]byte{raw(typeHeaders, flagEndHeaders|flagPriority, 1, "\x00\x00\x00\x01\x05"+string(r.fields(getRequest...)))}
		}},
		"window of nothing":     {ProtocolError, then(window(1, 0))},
		"window overflow":       {FlowControlError, then(window(1, maxWindow))},
		"data after end":        {StreamClosed, then(data(1, true, "x"), data(1, true, "x"))},
		"body too long":         {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1, "content-length", "1"), data(1, false, "xx")} }},
		"body too short":        {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1, "content-length", "3"), data(1, true, "xx")} }},
		"body too short, empty": {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1, "content-length", "3"), data(1, true, "")} }},
		"short with trailers":   {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1, "content-length", "3"), r.headers(1, true, "a", "b")} }},
		"trailers without end":  {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1), r.headers(1, false, "a", "b")} }},
		"trailers pseudo":       {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1), r.headers(1, true, ":path", "/")} }},
		"trailers connection":   {ProtocolError, func(r *rig) [][]byte { return [][]byte{r.post(1), r.headers(1, true, "connection", "x")} }},
		"headers after end":     {StreamClosed, func(r *rig) [][]byte { return [][]byte{r.get(1), r.get(1)} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := server(t)
			r.feed(tc.frames(r)...)
			if got, want := r.sent(), "RST_STREAM 1 "+tc.code.String(); got != want {
				t.Fatalf("sent %q, want %q (%v)", got, want, r.c.Err())
			}
			if got := r.recorder.got(); strings.Contains(got, "request") != strings.HasSuffix(got, "reset 1 "+tc.code.String()) {
				t.Errorf("the handler got %q", got)
			}
			r.feed(data(1, true, "late"), r.headers(1, true, "late", "1"), window(1, 5)) // ignored
			r.want("", "")
			r.feed(r.get(3))
			r.want("", "request 3 GET true")
		})
	}
}

func TestClosedByPeer(t *testing.T) {
	r := server(t)
	r.recorder.release = true
	r.feed(r.post(1), raw(typeReset, 0, 1, "\x00\x00\x00\x08"))
	r.want("", "request 1 POST false, reset 1 CANCEL")
	r.feed(data(1, true, "x"))
	r.want("RST_STREAM 1 STREAM_CLOSED", "")
	r.feed(data(1, true, "x"), window(1, 1), raw(typeReset, 0, 1, "\x00\x00\x00\x08"))
	r.want("", "")
	r.feed(r.post(3), raw(typeReset, 0, 3, "\x00\x00\x00\x08"), r.headers(3, true, "a", "b"))
	r.want("RST_STREAM 3 STREAM_CLOSED", "request 3 POST false, reset 3 CANCEL")
	if r.c.Streams() != 0 {
		t.Error("streams left")
	}
}

func TestAuthority(t *testing.T) {
	for s, want := range map[string]bool{
		"h": true, "h:80": true, "a.b-c_d~e": true, "127.0.0.1:65535": true, "[::1]": true, "[::1]:80": true, "%41": true,
		"": false, ":80": false, "h:": false, "h:x": false, "h:123456": false, "h:1:2": false, "a b": false, "h/": false, "u@h": false,
		"[": false, "[]": false, "[::1": false, "::1": false, "[::1]x": false, "[::1]80": false, "x[::1]": false, "[[::1]]": false, "h\x80": false,
	} {
		if got := isAuthority([]byte(s)); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestRequestHead(t *testing.T) {
	r := server(t)
	r.feed(r.headers(1, false, ":method", "PUT", ":path", "/a?b", ":scheme", "https", "host", "example.com:80", "te", "trailers",
		"cookie", "a=1", "x-one", "1", "cookie", "b=2", "expect", "100-Continue", "cookie", "c=3", "trailer", "x-a", "trailer", "x-b",
		"content-length", "12", "accept", "*/*"))
	h := r.heads[1]
	if string(h.Method) != "PUT" || string(h.Path) != "/a?b" || string(h.Scheme) != "https" || string(h.Authority) != "example.com:80" {
		t.Errorf("%s %s %s %s", h.Method, h.Path, h.Scheme, h.Authority)
	}
	if !h.TE || !h.Expect || string(h.Trailer) != "x-a, x-b" || h.Body != message.Sized || h.Length != 12 || h.Major != 2 {
		t.Errorf("%+v", h)
	}
	if got := h.Header(); len(got) != 3 || got.Get("Cookie") != "a=1; b=2; c=3" || got.Get("X-One") != "1" || got.Get("Accept") != "*/*" {
		t.Errorf("%v", got)
	}
	r.feed(r.headers(3, true, ":method", "OPTIONS", ":path", "*", ":scheme", "http", ":authority", "H", "host", "h"))
	r.feed(r.headers(5, false, ":method", "CONNECT", ":authority", "h:1"))
	r.feed(r.post(7))
	r.want("", "request 1 PUT false, request 3 OPTIONS true, request 5 CONNECT false, request 7 POST false")
	if r.heads[3].Body != message.None || r.heads[5].Body != message.Streamed || r.heads[7].Body != message.Streamed || len(r.heads[3].Fields) != 0 {
		t.Error("bodies")
	}
}

// TestResponses has what a client may get.
func TestResponses(t *testing.T) {
	status := func(s string, more ...string) []string { return append([]string{":status", s}, more...) }
	for name, tc := range map[string]struct {
		method string
		fields []string
		end    bool
		want   string
		body   message.Body
		length int64
	}{
		"plain":             {"GET", status("200"), true, "response 1 200 true", message.None, 0},
		"streamed":          {"GET", status("200"), false, "response 1 200 false", message.Streamed, 0},
		"sized":             {"GET", status("200", "content-length", "3"), false, "response 1 200 false", message.Sized, 3},
		"empty":             {"GET", status("200", "content-length", "0"), true, "response 1 200 true", message.Sized, 0},
		"head":              {"HEAD", status("200", "content-length", "3"), true, "response 1 200 true", message.Sized, 3},
		"304":               {"GET", status("304", "content-length", "3"), true, "response 1 304 true", message.Sized, 3},
		"204":               {"GET", status("204", "content-length", "0"), true, "response 1 204 true", message.None, 0},
		"interim":           {"GET", status("103", "link", "x"), false, "response 1 103 false", message.None, 0},
		"connect":           {"CONNECT", status("200", "content-length", "9"), false, "response 1 200 false", message.Streamed, 0},
		"too short":         {"GET", status("200", "content-length", "3"), true, "reset 1 PROTOCOL_ERROR", 0, 0},
		"interim with end":  {"GET", status("100"), true, "reset 1 PROTOCOL_ERROR", 0, 0},
		"switching":         {"GET", status("101"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"no status":         {"GET", []string{"a", "b"}, false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"two statuses":      {"GET", status("200", ":status", "200"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"status of two":     {"GET", status("20"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"status of letters": {"GET", status("2x0"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"status below 100":  {"GET", status("099"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"with a method":     {"GET", status("200", ":method", "GET"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
		"connection":        {"GET", status("200", "connection", "close"), false, "reset 1 PROTOCOL_ERROR", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := client(t)
			h := &message.Head{Method: []byte(tc.method), Authority: []byte("h"), Path: []byte("/")}
			if _, err := r.c.Open(h, true); err != nil {
				t.Fatal(err)
			}
			r.feed(r.headers(1, tc.end, tc.fields...))
			if got := r.recorder.got(); got != tc.want {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			if got := r.heads[1]; got != nil && (got.Body != tc.body || got.Length != tc.length) {
				t.Errorf("body %v of %d", got.Body, got.Length)
			}
		})
	}
}

func TestBodyWhereNoneMayBe(t *testing.T) {
	for _, tc := range []struct{ method, status string }{{"HEAD", "200"}, {"GET", "304"}, {"GET", "204"}} {
		r := client(t)
		if _, err := r.c.Open(&message.Head{Method: []byte(tc.method), Authority: []byte("h"), Path: []byte("/")}, true); err != nil {
			t.Fatal(err)
		}
		r.sent()
		r.feed(r.headers(1, false, ":status", tc.status, "content-length", "1"), data(1, true, "x"))
		r.want("RST_STREAM 1 PROTOCOL_ERROR", "response 1 "+tc.status+" false, reset 1 PROTOCOL_ERROR")
	}
}

func TestTrailers(t *testing.T) {
	r := server(t)
	r.feed(r.post(1, "content-length", "1"), data(1, false, "x"), r.headers(1, true, "x-sum", "5", "content-length", "7", "host", "evil"))
	r.want("", "request 1 POST false, data 1 x false, trailers 1")
	if got := r.heads[1].Header(); len(got) != 1 || got.Get("X-Sum") != "5" {
		t.Errorf("trailers %v", got)
	}
}
