package appfile

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxTopicName is in bytes; topics are names of directories.
const maxTopicName = 100

const topicRule = "use lower-case letters, digits and -, in words with . between them, a letter first, at most 100 characters"

var (
	topicName     = pattern(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$`)
	attributeName = pattern(`^[a-z0-9]{1,64}$`) // of CloudEvents
	fieldPath     = pattern(`^\$|^/|\.|\[`)     // of a value in JSON
)

// bus checks topics, who publishes them and who subscribes to them.
func (v *validator) bus() {
	uses := v.topicUses()
	for _, name := range v.serviceNames() {
		if s := v.app.Services[name]; s != nil {
			v.publishes("service "+name, join("services", name), s.Publishes)
			v.subscribes(name, s, uses)
			if s.Database != nil && s.Database.Outbox && len(s.Publishes) == 0 {
				v.warn(v.at(join("services", name, "database", "outbox")),
					fmt.Sprintf("service %s has an outbox and publishes nothing, so every row of it is refused", name),
					"write publishes: with the topics of its rows")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Jobs)) {
		if j := v.app.Jobs[name]; j != nil {
			v.publishes("job "+name, join("jobs", name), j.Publishes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Topics)) {
		if t := v.app.Topics[name]; t != nil {
			v.topic(name, t, uses)
		}
	}
	v.deadLetters()
	if b := v.app.Bus; b != nil && !v.isBad("bus") {
		v.engine(b)
	}
}

// topicUses are who the app's topics are for.
type topicUses struct{ published, subscribed map[string]bool }

func (v *validator) topicUses() topicUses {
	u := topicUses{map[string]bool{}, map[string]bool{}}
	for _, s := range v.app.Services {
		if s == nil {
			continue
		}
		for _, topic := range s.Publishes {
			u.published[topic] = true
		}
		for topic, sub := range s.Subscribes {
			u.subscribed[topic] = true
			if sub != nil && sub.DeadLetter != "" {
				u.published[sub.DeadLetter] = true
			}
		}
	}
	for _, j := range v.app.Jobs {
		if j != nil {
			for _, topic := range j.Publishes {
				u.published[topic] = true
			}
		}
	}
	return u
}

func (v *validator) publishes(who, path string, topics []string) {
	lines := map[string]int{}
	for i, topic := range topics {
		at := join(path, "publishes", strconv.Itoa(i))
		v.topicName(at, topic)
		if _, double := lines[topic]; double {
			v.report(at, fmt.Sprintf("%s publishes %s, and says it twice", who, quote(topic)), "keep one of the two")
		}
		lines[topic] = i
	}
}

// topicName refuses what cannot be a topic.
func (v *validator) topicName(at, name string) {
	if topicName().MatchString(name) && len(name) <= maxTopicName {
		return
	}
	fix := topicRule
	if good := topicNameOf(name); topicName().MatchString(good) && len(good) <= maxTopicName {
		fix = "write " + good + ": " + topicRule
	}
	v.report(at, fmt.Sprintf("%s cannot be the name of a topic", quote(name)), fix)
}

// topicNameOf writes OrderPlaced, orders/placed and order_placed as topics.
func topicNameOf(name string) string {
	var b strings.Builder
	lower := false // the letter before
	for _, r := range name {
		switch {
		case unicode.IsUpper(r) && lower:
			b.WriteByte('-')
			fallthrough
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		case strings.ContainsRune("./:", r):
			b.WriteByte('.')
		default:
			b.WriteByte('-')
		}
		lower = unicode.IsLower(r)
	}
	return strings.Trim(b.String(), ".-")
}

func (v *validator) topic(name string, t *Topic, uses topicUses) {
	path := join("topics", name)
	if _, written := v.ix.find(path); written || v.ix == nil {
		v.topicName(path, name)
		if !uses.published[name] && !uses.subscribed[name] {
			used := slices.Concat(slices.Collect(maps.Keys(uses.published)), slices.Collect(maps.Keys(uses.subscribed)))
			slices.Sort(used)
			fix := orElse(didYouMean(name, slices.Compact(used), ""), fmt.Sprintf("remove it, or write publishes: [%s] in a service", name))
			v.warn(v.at(path), fmt.Sprintf("no service publishes the topic %s or subscribes to it", name), fix)
		}
	}
	if t.Key != nil && *t.Key != "" {
		v.key(join(path, "key"), *t.Key)
	}
	v.homePath(join(path, "schema"), t.Schema)
}

// key checks the name of the attribute by which events are ordered.
func (v *validator) key(at, key string) {
	message := fmt.Sprintf("%s is not the name of a CloudEvents attribute", quote(key))
	switch {
	case key == "none":
		v.report(at, "there is no attribute none", `write key: "" for events in no order`)
	case key == "data":
		v.report(at, "data is no attribute: events are ordered by one", "let the publisher put the value into subject, and leave key out")
	case fieldPath().MatchString(key):
		v.report(at, message+": events are ordered by an attribute, and their data is not looked at", "let the publisher put the value into subject, and leave key out")
	case !attributeName().MatchString(key):
		v.report(at, message, "attributes such as subject, or partitionkey, have lower-case letters and digits only")
	}
}

func (v *validator) subscribes(name string, s *Service, uses topicUses) {
	at := join("services", name, "subscribes")
	if len(s.Subscribes) > 0 && s.Protocol == ProtocolTCP {
		v.report(at, fmt.Sprintf("service %s speaks tcp, and events are delivered by HTTP", name), "write protocol: http or h2c, or let another service subscribe")
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(s.Subscribes)) {
		path := join(at, topic)
		v.topicName(path, topic)
		if !uses.published[topic] && topicName().MatchString(topic) {
			published := slices.Sorted(maps.Keys(uses.published))
			fix := orElse(didYouMean(topic, published, ""), fmt.Sprintf("write publishes: [%s] in the service that publishes it", topic))
			v.warn(v.at(path), fmt.Sprintf("%s subscribes to %s, which no service publishes", name, topic), fix)
		}
		if sub := s.Subscribes[topic]; sub != nil && !v.isBad(path) {
			v.subscription(path, topic, sub)
		}
	}
}

func (v *validator) subscription(path, topic string, s *Subscription) {
	v.requestPath(join(path, "path"), "path", s.Path)
	if _, ok := s.FromTime(); !ok && s.From != "" && s.From != FromNew && s.From != FromAll {
		v.report(join(path, "from"), fmt.Sprintf("%s is no place to begin", quote(s.From)), fromFix(s.From))
	}
	if b := s.Backoff; b != nil && b.Most > 0 && b.First > b.Most {
		v.report(join(path, "backoff", "most"), fmt.Sprintf("the longest wait, most, is %s and the first one is %s", b.Most, b.First), "exchange the two")
	}
	switch at := join(path, "dead_letter"); {
	case s.DeadLetter == "":
	case s.DeadLetter == topic:
		v.report(at, "what cannot be delivered would be published again on the same topic, and go round for ever", "name another topic, such as "+topic+".dead, or leave dead_letter out: dead letters are kept anyway")
	default:
		v.topicName(at, s.DeadLetter)
	}
}

// deadLetters refuses circles of topics in which an event that nobody can take
// would be published for ever.
func (v *validator) deadLetters() {
	next := func(topic string) []string {
		var letters []string
		for _, s := range v.app.Services {
			if s != nil && s.Subscribes[topic] != nil && s.Subscribes[topic].DeadLetter != topic { // which is reported
				letters = append(letters, s.Subscribes[topic].DeadLetter)
			}
		}
		slices.Sort(letters)
		return slices.Compact(letters)
	}
	knots(slices.Sorted(maps.Keys(v.app.Topics)), next, func(circle []string) {
		for _, name := range v.serviceNames() {
			s := v.app.Services[name]
			if s == nil {
				continue
			}
			if sub := s.Subscribes[circle[0]]; sub != nil && sub.DeadLetter == circle[1] {
				v.report(join("services", name, "subscribes", circle[0], "dead_letter"), "dead letters go in a circle: "+strings.Join(circle, " → "), "remove one of these; dead letters are kept anyway")
				return
			}
		}
	})
}

// FromTime is the time that From names; ok is false where it is a word.
func (s *Subscription) FromTime() (at time.Time, ok bool) {
	err := at.UnmarshalText([]byte(s.From)) // RFC 3339, and no more than that
	return at, err == nil
}

// fromWords are other programs' words.
var fromWords = map[string]string{
	"earliest": FromAll, "beginning": FromAll, "oldest": FromAll, "first": FromAll, "start": FromAll, "0": FromAll,
	"latest": FromNew, "now": FromNew, "end": FromNew, "last": FromNew, "tail": FromNew,
}

func fromFix(from string) string {
	if word := fromWords[strings.ToLower(from)]; word != "" {
		return "write " + word
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, from); err == nil {
			return "write " + at.Format(time.RFC3339) + ", with the time zone"
		}
	}
	return orElse(didYouMean(from, []string{FromNew, FromAll}, ""), "write new, all, or a time such as 2026-01-31T12:00:00Z")
}

// requestPath checks a path that requests are sent to.
func (v *validator) requestPath(at, key, path string) {
	if path == "" || isPath(path) {
		return
	}
	fix := "write a path such as /healthz"
	if key == "path" {
		fix = "write a path such as /events"
	}
	rest := strings.TrimPrefix(path, "//")
	if _, after, ok := strings.Cut(path, "://"); ok {
		rest = after
	}
	if i := strings.IndexByte(rest, '/'); i > 0 && isPath(rest[i:]) {
		fix = "write " + rest[i:] + ": the service's own address is put before it"
	} else if isPath("/"+path) && !strings.HasPrefix(path, "/") && !strings.Contains(path, ":") {
		fix = "write /" + path
	}
	v.report(at, fmt.Sprintf("%s must be a path, not %s", key, quote(path)), fix)
}

// isPath says whether a request can have the path, with or without a query.
func isPath(path string) bool {
	u, err := url.ParseRequestURI(path)
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && u.Host == "" && !strings.ContainsFunc(path, func(r rune) bool {
		return r <= ' ' || r == '#' || r == 0x7f
	})
}
