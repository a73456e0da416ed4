package cloudevent

// Names of the attributes that the specification defines. Those of extensions
// are lower-case letters and digits too.
const (
	ID              = "id"
	Source          = "source"
	Type            = "type"
	Subject         = "subject"
	Time            = "time"
	DataContentType = "datacontenttype"
	DataSchema      = "dataschema"

	specVersion = "specversion"
	data        = "data"
	dataBase64  = "data_base64"
)

// Bounds of an event's attributes.
const (
	MaxAttrs     = 100      // how many
	MaxAttrBytes = 64 << 10 // of all names and values
	MaxName      = 64       // bytes; the specification advises against more than 20
)

// Attr is a context attribute in its canonical string form.
type Attr struct{ Name, Value string }

// Event is a CloudEvent of version 1.0. It is a plain value: nothing in it is safe
// for concurrent changes.
type Event struct {
	// Attrs in the order in which they came (in binary mode by name). No name
	// comes twice, and specversion is not among them.
	Attrs []Attr
	// Data is the payload as DataContentType says. None and an empty one are the same.
	Data []byte
}

// Get returns the value of an attribute, and whether the event has it.
func (e *Event) Get(name string) (value string, ok bool) {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			return e.Attrs[i].Value, true
		}
	}
	return "", false
}

// Set adds an attribute or replaces its value. It checks nothing; Check does.
func (e *Event) Set(name, value string) {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			e.Attrs[i].Value = value
			return
		}
	}
	e.Attrs = append(e.Attrs, Attr{name, value})
}

// Default adds an attribute unless the event has it.
func (e *Event) Default(name, value string) {
	if _, ok := e.Get(name); !ok {
		e.Attrs = append(e.Attrs, Attr{name, value})
	}
}

// Check returns an *Error unless the event has all required attributes and every
// attribute is as its rules want it. Its Index is -1.
func (e *Event) Check() error {
	for _, name := range [...]string{ID, Source, Type} {
		if _, ok := e.Get(name); !ok {
			return invalid(name, "is required")
		}
	}
	for i, a := range e.Attrs {
		if err := checkName(a.Name); err != nil {
			return err
		}
		for _, b := range e.Attrs[:min(i, MaxAttrs)] {
			if a.Name == b.Name {
				return invalid(a.Name, "is there twice")
			}
		}
		if err := checkValue(a.Name, a.Value); err != nil {
			return err
		}
	}
	if err := checkSize(e); err != nil {
		return err
	}
	return nil
}

func checkSize(e *Event) *Error {
	if len(e.Attrs) > MaxAttrs {
		return newError(EventTooLarge, "", "it has more than %d attributes", MaxAttrs)
	}
	size := 0
	for i := range e.Attrs {
		size += len(e.Attrs[i].Name) + len(e.Attrs[i].Value)
	}
	if size > MaxAttrBytes {
		return newError(EventTooLarge, "", "its attributes are %d bytes; at most %d are taken", size, MaxAttrBytes)
	}
	return nil
}
