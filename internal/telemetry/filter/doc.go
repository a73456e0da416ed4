// Package filter is the language in which people and programs ask for spans and
// log records: it parses a filter, says which records it takes, what of them a
// store can leave unread, and what may be typed next.
//
//	service=order status=error duration>200ms
//	severity>=warn (text~timeout or "connection refused") not user.id=*
//	http.route="/orders/{id}" name~/^(GET|HEAD) /
//
// A filter is terms. Terms that stand beside each other must all hold, as with
// and; or holds if one of them does, and binds weaker; not and - turn a term or
// parentheses around. A term is FIELD OPERATOR VALUE, or a word, or a text in
// quotes, which is searched for in the record's text, in upper or lower case.
//
// Fields are those of [Fields]; all other names, and all in quotes, are attributes
// of the record, or else of its resource. The operators are = and !=, ~ and !~
// (contains; with /…/ a regular expression), < <= > >=; FIELD=* asks whether there is
// any. A * within a value without quotes stands for any text. != and !~ hold where
// = and ~ do not, so also where there is no value.
//
// It is for the rooms that keep telemetry and the doors that ask them. It does no
// input or output and reads no clock; a [Filter] may be used by many at a time, and
// does not allocate when it looks at a record (but as regular expressions do).
package filter
