package appfile

// Saga is a sequence of calls of services that is completed, or undone by the
// opposite calls in reverse order. The texts that are said to be CEL are
// expressions of the Common Expression Language.
type Saga struct {
	// StartedBy are the services that may start and steer it. Empty: all.
	StartedBy []string `yaml:"started_by,omitempty" json:"started_by,omitempty"`
	// Input is a file, relative to the app file, with the JSON Schema (2020-12)
	// of the input. Empty: any JSON.
	Input string `yaml:"input,omitempty" json:"input,omitempty"`
	// Timeout ends a saga that takes longer: it is undone, or needs attention
	// where it is past its pivot. Above 0s. Default: 1h.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// Retention is how long a saga that ended is kept. Above 0s. Default: 7d.
	Retention Duration `yaml:"retention,omitempty" json:"retention,omitempty"`
	// Steps are done one after another.
	Steps []*SagaStep `yaml:"steps" json:"steps"`
}

// SagaStep is one step of a saga. Exactly one of Call, Parallel, Wait, Delay
// and Saga is set.
type SagaStep struct {
	// Name of the step, by which later expressions know its output. It is unique
	// in the saga. Parallel groups need none.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// When is CEL: the step is skipped where it is false. Empty: never skipped.
	When string `yaml:"when,omitempty" json:"when,omitempty"`
	// Call is a request to a service.
	Call *StepCall `yaml:"call,omitempty" json:"call,omitempty"`
	// Undo takes the call's effect back: none, or a request. Every call before the
	// pivot, or in a saga without one, must say it.
	Undo *StepUndo `yaml:"undo,omitempty" json:"undo,omitempty"`
	// Pivot makes the step the point of no return: once it is done nothing is
	// undone any more, and later steps are repeated until they succeed. Of calls
	// and sagas, and of one step at most. Default: false.
	Pivot bool `yaml:"pivot,omitempty" json:"pivot,omitempty"`
	// Timeout bounds one attempt of a call or undo. Above 0s, at most 1h. Default: 30s.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// Retry says how a call or undo is repeated whose outcome is unknown.
	Retry *StepRetry `yaml:"retry,omitempty" json:"retry,omitempty"`
	// Output is CEL over the answer, or over the event that was waited for, and
	// becomes the step's output. Default: response.body, or event.data.
	Output string `yaml:"output,omitempty" json:"output,omitempty"`
	// Schema is a file, relative to the app file, with the JSON Schema (2020-12)
	// of the output. Empty: any JSON.
	Schema string `yaml:"schema,omitempty" json:"schema,omitempty"`
	// Parallel are steps that are done at the same time. None of them is a pivot
	// or a group of its own.
	Parallel []*SagaStep `yaml:"parallel,omitempty" json:"parallel,omitempty"`
	// Wait waits for an event.
	Wait *StepWait `yaml:"wait,omitempty" json:"wait,omitempty"`
	// Delay waits for a time. Above 0s.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
	// Saga is another saga, which is run as a step of this one.
	Saga string `yaml:"saga,omitempty" json:"saga,omitempty"`
	// Input is CEL: the input of Saga. Default: the input of this one.
	Input string `yaml:"input,omitempty" json:"input,omitempty"`
}

// StepCall is a request of a step. It is sent with an idempotency key that is
// the same each time it is repeated.
type StepCall struct {
	// Service answers. It speaks http or h2c and need not be in anybody's calls.
	Service string `yaml:"service" json:"service"`
	// Method of the request: POST, PUT, PATCH, DELETE or GET. Default: POST.
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
	// Path of the request; CEL within { } is replaced by its value, escaped.
	Path string `yaml:"path" json:"path"`
	// Body is CEL: the JSON of the request. Empty: no body.
	Body string `yaml:"body,omitempty" json:"body,omitempty"`
}

// StepUndo is the request that takes back what a step did; in the file the word
// none, or a mapping. It is repeated until it succeeds.
type StepUndo struct {
	// None says that there is nothing to take back. Excludes the other keys. Default: false.
	None bool `yaml:"none,omitempty" json:"none,omitempty"`
	// Service answers. Default: that of the call.
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	// Method of the request: POST, PUT, PATCH, DELETE or GET. Default: POST.
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
	// Path of the request; CEL within { } is replaced by its value, escaped.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Body is CEL: the JSON of the request. The variable error has the step, kind,
	// message, status and body of what failed. Empty: no body.
	Body string `yaml:"body,omitempty" json:"body,omitempty"`
	// Absent is what an answer of 404 or 410 means: ok (there was nothing to take
	// back) or attention (a person must look). Default: attention.
	Absent string `yaml:"absent,omitempty" json:"absent,omitempty"`
}

// StepRetry says how a request is repeated whose outcome is unknown, or that no
// instance was there to take. The wait doubles from attempt to attempt; the actual
// one is drawn evenly between zero and it. An answer of 429 or 503 asks for
// patience: such a request is repeated for as long as the saga may take.
type StepRetry struct {
	// First is the wait after the first attempt. Above 0s, at most Most. Default: 200ms.
	First Duration `yaml:"first,omitempty" json:"first,omitempty"`
	// Most is the longest wait. Default: 30s, or First where that is longer.
	Most Duration `yaml:"most,omitempty" json:"most,omitempty"`
	// For is how long it is repeated: then the saga is undone, or needs attention
	// where the step is past the pivot or is being undone. Above 0s. Default: 10m.
	For Duration `yaml:"for,omitempty" json:"for,omitempty"`
}

// StepWait waits for an event of a topic.
type StepWait struct {
	// Topic is declared by a service that publishes it, or in topics.
	Topic string `yaml:"topic" json:"topic"`
	// Where is CEL over the event and the saga: it is true for the event that is
	// waited for.
	Where string `yaml:"where" json:"where"`
	// Deadline bounds the wait. Above 0s.
	Deadline Duration `yaml:"deadline" json:"deadline"`
	// Else is what happens at the deadline: abort (the saga is undone, or needs
	// attention where it is past its pivot) or continue (the output is null).
	// Default: abort.
	Else string `yaml:"else,omitempty" json:"else,omitempty"`
}
