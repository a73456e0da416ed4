package audit

import (
	"fmt"
	"strings"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// describe says what a call is about, without what may be secret in it.
func describe(message any) string {
	switch m := message.(type) {
	case *banyanv1.ApplyRequest:
		return words(m.GetPath(), labelled("env", m.GetEnvironment()), labelled("profiles", strings.Join(m.GetProfiles(), ",")))
	case *banyanv1.RestartRequest:
		return m.GetService()
	case *banyanv1.ScaleRequest:
		return fmt.Sprintf("%s to %d", m.GetService(), m.GetReplicas())
	case *banyanv1.RunJobRequest:
		return m.GetJob()
	case *banyanv1.DownRequest:
		if m.GetForce() {
			return "force"
		}
		return ""
	case *banyanv1.StartSagaRequest:
		return words(m.GetName(), labelled("key", m.GetKey()))
	case *banyanv1.SteerSagaRequest:
		action := strings.ToLower(strings.TrimPrefix(m.GetAction().String(), "SAGA_ACTION_"))
		return words(m.GetId(), action, labelled("step", m.GetStep()), labelled("reason", m.GetReason()))
	}
	return describeEvents(message)
}

// describeEvents is describe for calls about topics.
func describeEvents(message any) string {
	switch m := message.(type) {
	case *banyanv1.PublishEventsRequest:
		return fmt.Sprintf("%s: %d events", m.GetTopic(), len(m.GetEvents()))
	case *banyanv1.RedriveRequest:
		return words(m.GetTopic(), m.GetService(), numbered(m.GetId()))
	case *banyanv1.ReplayRequest:
		return words(m.GetTopic(), m.GetService(), labelled("from", m.GetFrom()), labelled("until", m.GetUntil()))
	case *banyanv1.SetSubscriptionRequest:
		if m.GetPaused() {
			return words(m.GetTopic(), m.GetService(), "pause")
		}
		return words(m.GetTopic(), m.GetService(), "resume")
	case *banyanv1.DropEventsRequest:
		kind := "dead"
		if m.GetDelayed() {
			kind = "delayed"
		}
		return words(m.GetTopic(), m.GetService(), kind, numbered(m.GetId()))
	case *banyanv1.RepairTopicRequest:
		switch how := m.GetHow().(type) {
		case *banyanv1.RepairTopicRequest_Skip:
			return words(m.GetTopic(), fmt.Sprintf("skip %d", how.Skip))
		case *banyanv1.RepairTopicRequest_BeginAnew:
			return words(m.GetTopic(), "begin anew")
		}
		return words(m.GetTopic(), "look")
	}
	return ""
}

func numbered(id int64) string {
	if id == 0 {
		return "all"
	}
	return fmt.Sprintf("#%d", id)
}

func labelled(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + value
}

// words joins those that are not empty.
func words(all ...string) string {
	var some []string
	for _, w := range all {
		if w != "" {
			some = append(some, w)
		}
	}
	return strings.Join(some, " ")
}
