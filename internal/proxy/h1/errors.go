package h1

// Kind groups errors for counters.
type Kind uint8

// The kinds of errors.
const (
	Syntax      Kind = iota // not what the grammar says
	Framing                 // where the message ends could be read in two ways, or is broken
	Target                  // the target or the host
	TooLarge                // over a limit
	Unsupported             // understood, and not served
	NotHTTP                 // another protocol, by its first line
)

var kindNames = [...]string{Syntax: "syntax", Framing: "framing", Target: "target", TooLarge: "too large", Unsupported: "unsupported", NotHTTP: "not http"}

// String is the kind in words, for labels.
func (k Kind) String() string { return kindNames[k] }

// Error says why a message was refused. Errors are constants: compare them by
// pointer only within this package, by Kind and Status elsewhere. The connection
// cannot be used for another message after one.
type Error struct {
	// Status is what to answer a request with. A response with an error is a bad
	// gateway (502), whatever stands here.
	Status int
	// Reason is a short constant text; it holds nothing of the message.
	Reason string
	Kind   Kind
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

// What is wrong with a line of a head.
var (
	errBareLF      = &Error{400, "bare LF", Syntax}
	errBareCR      = &Error{400, "bare CR", Syntax}
	errControl     = &Error{400, "control character", Syntax}
	errFold        = &Error{400, "obs-fold", Syntax}
	errNoName      = &Error{400, "empty field name", Syntax}
	errName        = &Error{400, "field name", Syntax}
	errDisguised   = &Error{400, "underscore in the name of a field that frames", Framing}
	errNameSpace   = &Error{400, "space before colon", Syntax}
	errNoColon     = &Error{400, "field without colon", Syntax}
	errHeadTooLong = &Error{431, "head too long", TooLarge}
	errManyFields  = &Error{431, "too many fields", TooLarge}
	errManyOptions = &Error{431, "too many connection options", TooLarge}
)

// What is wrong with the first line.
var (
	errLineTooLong = &Error{414, "request line too long", TooLarge}
	errMethod      = &Error{400, "method", Syntax}
	errParts       = &Error{400, "request line without three parts", Syntax}
	errSpaces      = &Error{400, "spaces in request line", Syntax}
	errVersion     = &Error{400, "version", Syntax}
	errNotHTTP     = &Error{400, "no version of HTTP", NotHTTP}
	errNotOne      = &Error{505, "version not 1.0 or 1.1", Unsupported}
	errStatusLine  = &Error{400, "status line", Syntax}
	errStatus      = &Error{400, "status", Syntax}
)

// What is wrong with target and host.
var (
	errTarget       = &Error{400, "target", Target}
	errFragment     = &Error{400, "fragment in target", Target}
	errEscape       = &Error{400, "percent-encoding in target", Target}
	errAsterisk     = &Error{400, "asterisk without OPTIONS", Target}
	errScheme       = &Error{400, "scheme", Target}
	errUserinfo     = &Error{400, "userinfo", Target}
	errConnect      = &Error{400, "CONNECT without host and port", Target}
	errHost         = &Error{400, "host", Target}
	errPort         = &Error{400, "port", Target}
	errHostMissing  = &Error{400, "no host", Target}
	errHostTwice    = &Error{400, "host twice", Target}
	errHostMismatch = &Error{400, "host is not the target's", Target}
)

// What is wrong with the fields that frame or end at the hop.
var (
	errLength        = &Error{400, "content-length", Framing}
	errLengthTwice   = &Error{400, "content-length twice", Framing}
	errLengthCoding  = &Error{400, "content-length with transfer-encoding", Framing}
	errCodingTwice   = &Error{400, "transfer-encoding twice", Framing}
	errCodingOrder   = &Error{400, "chunked not once and last", Framing}
	errCodingSyntax  = &Error{400, "transfer-encoding", Framing}
	errCodingVersion = &Error{400, "transfer-encoding on 1.0", Framing}
	errCoding        = &Error{501, "unknown transfer-encoding", Unsupported}
	errConnectBody   = &Error{400, "CONNECT with a body", Framing}
	errNoBody        = &Error{400, "body where there is none", Framing}
	errOption        = &Error{400, "connection option", Syntax}
	errUpgrade       = &Error{400, "upgrade", Syntax}
	errUpgradeTwice  = &Error{400, "upgrade twice", Syntax}
	errSwitch        = &Error{400, "101 without upgrade", Framing}
	errTrailer       = &Error{400, "trailer", Framing}
	errExpect        = &Error{417, "expect", Unsupported}
)

// What is wrong with a body.
var (
	errChunkSize    = &Error{400, "chunk size", Framing}
	errChunkTooBig  = &Error{400, "chunk too large", Framing}
	errChunkEnd     = &Error{400, "chunk without line end", Framing}
	errExtension    = &Error{400, "chunk extension", Framing}
	errExtensions   = &Error{400, "chunk extensions too long", TooLarge}
	errTrailersLong = &Error{431, "trailers too long", TooLarge}
	errManyTrailers = &Error{431, "too many trailers", TooLarge}
	errCut          = &Error{400, "body cut short", Framing}
)
