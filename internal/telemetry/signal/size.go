package signal

import "unsafe"

// SizeOfSpans is about what spans take up in memory. A resource counts where it is
// not the one of the span before.
func SizeOfSpans(spans []Span) int64 {
	size := int64(len(spans)) * int64(unsafe.Sizeof(Span{}))
	var last *Resource
	for i := range spans {
		s := &spans[i]
		if s.Resource != last {
			last = s.Resource
			size += sizeOfResource(last)
		}
		size += int64(len(s.Scope.Name)+len(s.Scope.Version)) + int64(len(s.Name)+len(s.Message)+len(s.State)) + sizeOfAttrs(s.Attrs)
		for k := range s.Events {
			size += int64(unsafe.Sizeof(s.Events[k])) + int64(len(s.Events[k].Name)) + sizeOfAttrs(s.Events[k].Attrs)
		}
		for k := range s.Links {
			size += int64(unsafe.Sizeof(s.Links[k])) + sizeOfAttrs(s.Links[k].Attrs)
		}
	}
	return size
}

// SizeOfLogs is about what log records take up in memory.
func SizeOfLogs(logs []Log) int64 {
	size := int64(len(logs)) * int64(unsafe.Sizeof(Log{}))
	var last *Resource
	for i := range logs {
		if logs[i].Resource != last {
			last = logs[i].Resource
			size += sizeOfResource(last)
		}
		size += int64(len(logs[i].Scope.Name)+len(logs[i].Scope.Version)) + int64(len(logs[i].Text)) + sizeOfAttrs(logs[i].Attrs)
	}
	return size
}

func sizeOfResource(r *Resource) int64 {
	return int64(unsafe.Sizeof(*r)) + int64(len(r.Service)+len(r.Instance)+len(r.Revision)) + sizeOfAttrs(r.Attrs)
}

func sizeOfAttrs(attrs Attrs) int64 {
	size := int64(len(attrs)) * int64(unsafe.Sizeof(Attr{}))
	for i := range attrs {
		size += int64(len(attrs[i].Key) + len(attrs[i].Value.Text))
	}
	return size
}
