package serviceapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

// Code says why a request was refused. It stands in the header Banyan-Error and
// in the problem's `code`.
type Code string

// The codes. The data plane answers with others of its own.
const (
	NoRoute         Code = "no-route"              // nothing is there
	MethodNotOK     Code = "method-not-allowed"    // Allow lists what is
	CallerUnknown   Code = "caller-unknown"        // it did not come by $BANYAN_URL
	TokenInvalid    Code = "token-invalid"         // a token that is not the caller's
	BodyBroken      Code = "body-broken"           // the body did not come to its end
	EventInvalid    Code = "event-invalid"         // not CloudEvents 1.0, or a delay that cannot be
	PublishRefused  Code = "publish-refused"       // the service does not declare that it publishes to the topic
	NoTopic         Code = "no-topic"              // no service declares it
	EventTooLarge   Code = "event-too-large"       // more than the topic's max_event
	BatchTooLarge   Code = "batch-too-large"       // too many events, or too many bytes
	MediaType       Code = "media-type"            // the body has none of the forms of events
	SchemaMismatch  Code = "schema-mismatch"       // the data does not satisfy the topic's schema
	TopicBusy       Code = "topic-busy"            // too much waits to be stored
	TopicStopped    Code = "topic-stopped"         // what is stored is damaged, or the disk fails
	TopicFull       Code = "topic-full"            // what subscriptions still need takes up all there is
	EngineAway      Code = "engine-unreachable"    // the engine outside does not answer
	Restarting      Code = "platform-restarting"   // Banyan is ending; another is there soon
	PublisherAbsent Code = "publisher-unavailable" // this daemon has no bus
	SagaRefused     Code = "saga-refused"          // the service is not among those that may start and steer the saga
	NoSaga          Code = "no-saga"               // there is none of this name or id
	SagaState       Code = "saga-state"            // the saga's state does not allow it
	SagaEnded       Code = "saga-ended"            // a step's result comes after the saga's end
	SagaInvalid     Code = "saga-invalid"          // a body, filter or step that cannot be
	InputTooLarge   Code = "input-too-large"       // more than 1 MiB
	KeyMissing      Code = "key-missing"           // no Idempotency-Key, or none that can be one
	KeyReused       Code = "key-reused"            // the key started a saga with another input
	SagasStopped    Code = "sagas-stopped"         // what is stored of sagas is damaged, or the disk fails
	SagasFull       Code = "sagas-full"            // the disk has no room for another
	SagasAbsent     Code = "sagas-unavailable"     // they are not run at the moment
	TelemetryOff    Code = "telemetry-off"         // this daemon takes none
	Internal        Code = "internal"              // a defect of Banyan
)

// seeLog is the detail of defects.
const seeLog = "`banyan logs daemon` says more"

// meaning is what a code is in HTTP.
type meaning struct {
	status int
	title  string
}

var meanings = map[Code]meaning{
	NoRoute:         {http.StatusNotFound, "Nothing is here"},
	MethodNotOK:     {http.StatusMethodNotAllowed, "The method is not for this"},
	CallerUnknown:   {http.StatusForbidden, "Nobody knows who calls"},
	TokenInvalid:    {http.StatusUnauthorized, "The token is not the caller's"},
	BodyBroken:      {http.StatusBadRequest, "The body was not sent to its end"},
	EventInvalid:    {http.StatusBadRequest, "The event is not valid"},
	PublishRefused:  {http.StatusForbidden, "The service does not publish to this topic"},
	NoTopic:         {http.StatusNotFound, "There is no such topic"},
	EventTooLarge:   {http.StatusRequestEntityTooLarge, "The event is too large"},
	BatchTooLarge:   {http.StatusRequestEntityTooLarge, "The batch is too large"},
	MediaType:       {http.StatusUnsupportedMediaType, "The body has no form of events"},
	SchemaMismatch:  {http.StatusUnprocessableEntity, "The data does not satisfy the schema"},
	TopicBusy:       {http.StatusTooManyRequests, "The topic is busy"},
	TopicStopped:    {http.StatusServiceUnavailable, "The topic is stopped"},
	TopicFull:       {http.StatusInsufficientStorage, "The topic is full"},
	EngineAway:      {http.StatusServiceUnavailable, "The engine does not answer"},
	Restarting:      {http.StatusServiceUnavailable, "Banyan is being restarted"},
	PublisherAbsent: {http.StatusServiceUnavailable, "Events are not taken"},
	SagaRefused:     {http.StatusForbidden, "The saga is not for this service"},
	NoSaga:          {http.StatusNotFound, "There is no such saga"},
	SagaState:       {http.StatusConflict, "The saga's state does not allow it"},
	SagaEnded:       {http.StatusGone, "The saga has ended"},
	SagaInvalid:     {http.StatusBadRequest, "The request is not valid"},
	InputTooLarge:   {http.StatusRequestEntityTooLarge, "The body is too large"},
	KeyMissing:      {http.StatusBadRequest, "The request has no idempotency key"},
	KeyReused:       {http.StatusConflict, "The idempotency key was used for something else"},
	SagasStopped:    {http.StatusServiceUnavailable, "Sagas are stopped"},
	SagasFull:       {http.StatusInsufficientStorage, "There is no room for sagas"},
	SagasAbsent:     {http.StatusServiceUnavailable, "Sagas are not run at the moment"},
	TelemetryOff:    {http.StatusNotFound, "Telemetry is not taken"},
	Internal:        {http.StatusInternalServerError, "A defect of Banyan"},
}

// Problem is a refusal. It is an error that says itself how it is answered.
type Problem struct {
	Code Code
	// Detail is for people: what, where, and what to do.
	Detail string
	Topic  string
	// Saga is the name or the id that the request is about.
	Saga string
	// Index of the event in its batch, from 0. Nil: it is not about one event of a batch.
	Index *int
	// Errors are where data does not satisfy its schema.
	Errors []Mismatch
	// RetryAfter is when trying again may help, in whole seconds, at least one. 0: not said.
	RetryAfter time.Duration
}

var _ error = (*Problem)(nil)

// Error says what happened.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// Mismatch is one place where data does not satisfy its schema.
type Mismatch struct {
	Path    string `json:"path"` // a JSON pointer into the data; empty: all of it
	Message string `json:"message"`
}

// details is RFC 9457's problem details with our members.
type details struct {
	Type    string     `json:"type"`
	Title   string     `json:"title"`
	Status  int        `json:"status"`
	Code    Code       `json:"code"`
	Detail  string     `json:"detail,omitempty"`
	Caller  string     `json:"caller,omitempty"`
	Service string     `json:"service"`
	Topic   string     `json:"topic,omitempty"`
	Saga    string     `json:"saga,omitempty"`
	Index   *int       `json:"index,omitempty"`
	Errors  []Mismatch `json:"errors,omitempty"`
	Request string     `json:"request_id,omitempty"`
}

// answer sends a problem.
func answer(w http.ResponseWriter, r *http.Request, p *Problem) {
	m, ok := meanings[p.Code]
	if !ok {
		m = meanings[Internal]
	}
	h := w.Header()
	h.Set(errorHeader, string(p.Code))
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	if m.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Set("Cache-Control", "no-store")
	send(w, "application/problem+json", m.status, details{
		Type: "about:blank", Title: m.title, Status: m.status, Code: p.Code, Detail: p.Detail,
		Caller: r.Header.Get(callerHeader), Service: platform, Topic: p.Topic, Saga: p.Saga, Index: p.Index, Errors: p.Errors,
		Request: r.Header.Get(requestIDHeader),
	})
}

func send(w http.ResponseWriter, mediaType string, status int, v any) {
	body, _ := json.Marshal(v) // plain data: cannot fail
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone, or it gets it
}

// kinds maps what is wrong with a request's form.
var kinds = map[cloudevent.Kind]Code{
	cloudevent.Invalid: EventInvalid, cloudevent.MediaType: MediaType,
	cloudevent.EventTooLarge: EventTooLarge, cloudevent.BatchTooLarge: BatchTooLarge,
}

// problemOf says how an error is answered.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*cloudevent.Error](err); ok {
		p := &Problem{Code: kinds[e.Kind], Detail: e.Error()}
		if e.Index >= 0 {
			p.Index = &e.Index
		}
		return p
	}
	switch {
	case fault.CodeOf(err) == fault.Unavailable:
		return &Problem{Code: EngineAway, Detail: err.Error(), RetryAfter: time.Second}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Problem{Code: Restarting, Detail: "it is not known whether the request was carried out; send it again", RetryAfter: time.Second}
	}
	return &Problem{Code: Internal, Detail: seeLog}
}
