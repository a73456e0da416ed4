package view

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// TopicsOptions decide how Topics looks.
type TopicsOptions struct {
	Width int
	Color bool
}

var topicFaces = map[banyanv1.TopicState]face{
	banyanv1.TopicState_TOPIC_STATE_OK:       {word: "ok", style: Green},
	banyanv1.TopicState_TOPIC_STATE_DEGRADED: {word: "degraded", style: Yellow},
	banyanv1.TopicState_TOPIC_STATE_STOPPED:  {word: "stopped", style: Red},
}

var subscriptionFaces = map[banyanv1.SubscriptionState]face{
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE:      {word: "active", style: Green},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_BLOCKED:     {word: "blocked", style: Yellow},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_UNREACHABLE: {word: "unreachable", style: Yellow},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_WAITING:     {word: "waiting", style: Yellow},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_PAUSED:      {word: "paused", style: Yellow},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_GONE:        {word: "gone", style: Yellow},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_STOPPED:     {word: "stopped", style: Red},
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_ORPHANED:    {word: "orphaned", style: Dim},
}

// reasons are for states of which the daemon says no more.
var reasons = map[banyanv1.SubscriptionState]string{
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_BLOCKED:     "so many events wait for their next attempt that no more are read",
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_UNREACHABLE: "no instance gets what is sent; one event is tried now and then",
	banyanv1.SubscriptionState_SUBSCRIPTION_STATE_WAITING:     "the service asked for time",
}

// Topics is what `banyan topics` prints: a table of the topics, one of their
// subscriptions and one of the outboxes, each without those that would be empty,
// and what is wrong below a row. Rates are those from before to after; all else
// is of after.
func Topics(before, after *banyanv1.ListTopicsResponse, o TopicsOptions) []string {
	if len(after.GetTopics()) == 0 {
		return []string{"the app has no topics; services name them under publishes and subscribes"}
	}
	tables := [][]string{topics(after, newEventRates(before, after), o)}
	for _, more := range [][]string{subscriptions(after, newEventRates(before, after), o), outboxes(after, o)} {
		if more != nil {
			tables = append(tables, []string{""}, more)
		}
	}
	var out []string
	for _, t := range tables {
		out = append(out, t...)
	}
	return out
}

func topics(after *banyanv1.ListTopicsResponse, rate eventRates, o TopicsOptions) []string {
	headings := headings("TOPIC", "STATE", "EVENTS>", "SIZE>", "OLDEST>", "EVENTS/S>", "DUPLICATES>", "REFUSED>", "DELAYED>")
	var rows []row
	for _, t := range after.GetTopics() {
		look := lookOf(topicFaces, t.GetState())
		rows = append(rows, row{cells: []cell{
			{text: Clean(t.GetName())}, {text: look.word, style: look.style},
			{text: strconv.FormatUint(t.GetEvents(), 10), right: true}, {text: Bytes(t.GetBytes()), right: true},
			{text: ago(t.GetOldest(), after.GetTime()), right: true}, {text: short(rate.published(t)), right: true},
			{text: some(t.GetDuplicates()), right: true}, {text: some(t.GetRefused()), style: Yellow, right: true},
			{text: some(t.GetDelayed()), right: true},
		}})
		if t.GetReason() != "" {
			rows = append(rows, below(t.GetReason(), look.style))
		}
	}
	return table(headings, rows, o.Width, o.Color)
}

func subscriptions(after *banyanv1.ListTopicsResponse, rate eventRates, o TopicsOptions) []string {
	headings := headings("TOPIC", "SUBSCRIBER", "STATE", "LAG>", "BEHIND>", "IN FLIGHT>", "RETRYING>", "DEAD>", "EVENTS/S>")
	var rows []row
	for _, t := range after.GetTopics() {
		for _, s := range t.GetSubscriptions() {
			rows = append(rows, subscriptionRows(t, s, rate, after.GetTime())...)
		}
	}
	if rows == nil {
		return nil
	}
	return table(headings, rows, o.Width, o.Color)
}

func subscriptionRows(t *banyanv1.Topic, s *banyanv1.Subscription, rate eventRates, now *timestamppb.Timestamp) []row {
	look, dead := lookOf(subscriptionFaces, s.GetState()), Plain
	if s.GetDead() > 0 {
		dead = Red
	}
	rows := []row{{cells: []cell{
		{text: Clean(t.GetName())}, {text: Clean(s.GetService())}, {text: look.word, style: look.style},
		{text: strconv.FormatUint(s.GetLag(), 10), right: true}, {text: ago(s.GetOldest(), now), right: true},
		{text: strconv.FormatInt(s.GetInFlight(), 10), right: true}, {text: strconv.FormatInt(s.GetRetrying(), 10), right: true},
		{text: strconv.FormatInt(s.GetDead(), 10), style: dead, right: true}, {text: short(rate.delivered(t, s)), right: true},
	}}}
	reason := s.GetReason()
	if reason == "" {
		reason = reasons[s.GetState()]
	}
	if s.GetUntil() != nil {
		reason += "; again in " + Duration(s.GetUntil().AsTime().Sub(now.AsTime()))
	}
	if reason != "" {
		rows = append(rows, below(reason, look.style))
	}
	if n := s.GetLost(); n > 0 {
		rows = append(rows, below(fmt.Sprintf("%d events were lost before they were delivered: removed by retention, or given up in a repair", n), Red))
	}
	return rows
}

func outboxes(after *banyanv1.ListTopicsResponse, o TopicsOptions) []string {
	if len(after.GetOutboxes()) == 0 {
		return nil
	}
	var rows []row
	for _, b := range after.GetOutboxes() {
		refused := Plain
		if b.GetRefused() > 0 {
			refused = Red
		}
		rows = append(rows, row{cells: []cell{
			{text: Clean(b.GetService())}, {text: strconv.FormatInt(b.GetWaiting(), 10), right: true},
			{text: strconv.FormatInt(b.GetRefused(), 10), style: refused, right: true},
		}})
		if b.GetReason() != "" {
			rows = append(rows, below(b.GetReason(), Yellow))
		}
	}
	return table(headings("OUTBOX OF", "WAITING>", "REFUSED>"), rows, o.Width, o.Color)
}

// headings are a table's; those that end in > are of numbers.
func headings(names ...string) []cell {
	var out []cell
	for _, name := range names {
		right := name[len(name)-1] == '>'
		if right {
			name = name[:len(name)-1]
		}
		out = append(out, cell{text: name, style: Dim, right: right})
	}
	return out
}

// below is a line below a row.
func below(text string, style Style) row {
	return row{free: line{{"  └ " + Clean(text), style}}}
}

func lookOf[S comparable](faces map[S]face, state S) face {
	if f, ok := faces[state]; ok {
		return f
	}
	return face{word: "unknown"}
}

// some is a number, or nothing for 0.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// ago is how long before now a time was; nothing for none.
func ago(at, now *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return Duration(now.AsTime().Sub(at.AsTime()))
}

// eventRates are the events a second between two answers.
type eventRates struct {
	topics        map[string]int64
	subscriptions map[[2]string]int64
	passed        time.Duration
}

func newEventRates(before, after *banyanv1.ListTopicsResponse) eventRates {
	r := eventRates{topics: map[string]int64{}, subscriptions: map[[2]string]int64{}}
	since := before.GetTime().AsTime()
	if !before.GetSince().AsTime().Equal(after.GetSince().AsTime()) { // another daemon, which began to count in between
		before, since = nil, after.GetSince().AsTime()
	}
	for _, t := range before.GetTopics() {
		r.topics[t.GetName()] = t.GetPublished()
		for _, s := range t.GetSubscriptions() {
			r.subscriptions[[2]string{t.GetName(), s.GetService()}] = s.GetDelivered()
		}
	}
	r.passed = after.GetTime().AsTime().Sub(since)
	return r
}

func (r eventRates) published(t *banyanv1.Topic) float64 {
	return r.perSecond(t.GetPublished() - r.topics[t.GetName()])
}

func (r eventRates) delivered(t *banyanv1.Topic, s *banyanv1.Subscription) float64 {
	return r.perSecond(s.GetDelivered() - r.subscriptions[[2]string{t.GetName(), s.GetService()}])
}

func (r eventRates) perSecond(n int64) float64 {
	if r.passed <= 0 || n <= 0 {
		return 0
	}
	return float64(n) / r.passed.Seconds()
}
