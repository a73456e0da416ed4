package otlp

// shape is where a message has others in it: by field number.
type shape struct {
	fields [17]*shape
	// legacy is the field 1000 of old senders.
	legacy *shape
	// value says that it is a value, which alone can be nested at will.
	value bool
}

// within returns the shape of the messages in a field; nil: it has none.
func (s *shape) within(field int32) *shape {
	switch {
	case field < int32(len(s.fields)):
		return s.fields[field]
	case field == legacyField:
		return s.legacy
	}
	return nil
}

const legacyField = 1000

var tracesShape, logsShape, metricsShape = shapes()

// shapes follow opentelemetry-proto 1.x.
func shapes() (traces, logs, metrics *shape) {
	value := &shape{value: true}
	pair := with(in{2: value})
	value.fields[5], value.fields[6] = with(in{1: value}), with(in{1: pair})
	flat := &shape{}
	// resources are what the three requests have in common, around a kind of record.
	resources := func(record *shape) *shape {
		scope := with(in{1: with(in{3: pair}), 2: record})
		resource := with(in{1: with(in{1: pair, 3: flat}), 2: scope})
		resource.legacy = scope
		return with(in{1: resource})
	}
	span := with(in{9: pair, 11: with(in{3: pair}), 13: with(in{4: pair}), 15: flat})
	exemplar := with(in{7: pair})
	numbers := with(in{1: with(in{7: pair, 5: exemplar})})
	metric := with(in{
		5:  numbers,                                                        // a gauge
		7:  numbers,                                                        // a sum
		9:  with(in{1: with(in{9: pair, 8: exemplar})}),                    // a histogram
		10: with(in{1: with(in{1: pair, 8: flat, 9: flat, 11: exemplar})}), // an exponential one
		11: with(in{1: with(in{7: pair, 6: flat})}),                        // a summary
		12: pair,
	})
	return resources(span), resources(with(in{5: value, 6: pair})), resources(metric)
}

// in are the messages in a message, by field number.
type in map[int]*shape

func with(all in) *shape {
	s := &shape{}
	for field, part := range all {
		s.fields[field] = part
	}
	return s
}
