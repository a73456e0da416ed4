package appfile

import "fmt"

const (
	useTopics     = "write publishes: [order.placed] in the services that publish, and subscribes: {order.placed: /events/order-placed} in those that receive"
	usePublishes  = "write publishes: [order.placed]"
	useSubscribes = "write subscribes: {order.placed: /events/order-placed}"
	useBus        = "remove it: an engine of banyan's own keeps events on this machine; bus: says more about it"
	isGroup       = "remove it: each service is a group, and its instances share the events"
	useKey        = "write key: subject, for example: the attribute whose equal values are delivered in order"
	useSagas      = "sagas stand at the top of the file: write sagas: {NAME: {steps: […]}}"
	noPartitions  = "remove it: a topic has no partitions to choose; key: says which events are in order"
	useDeadLetter = "remove it: dead letters are kept anyway; dead_letter: NAME publishes them on a topic as well"
	useAnswers    = "remove it: the answer decides: 2xx is done, all else is tried again"
	isPost        = "remove it: deliveries are POST requests to path"
	useURL        = "write url"
	useAttempts   = "write max_attempts"
)

// busTopKeys are keys at the top of the file that speak of events and sagas.
var busTopKeys = map[string]string{
	"events": useTopics, "queue": useTopics, "queues": useTopics, "channels": useTopics, "streams": useTopics, "publishes": useTopics, "subscribes": useTopics,
	"subscriptions": useTopics, "messaging": useTopics, "pubsub": useTopics, "messages": useTopics,
	"broker": useBus, "brokers": useBus, "kafka": useBus, "nats": useBus, "rabbitmq": useBus, "mq": useBus, "eventbus": useBus, "event_bus": useBus,
	"saga": "write sagas", "workflows": "write sagas", "workflow": "write sagas",
}

// busServiceKeys are the same in services and jobs.
var busServiceKeys = map[string]string{
	"topics": useTopics, "events": useTopics, "messages": useTopics, "channels": useTopics,
	"publish": usePublishes, "produces": usePublishes, "emits": usePublishes, "publisher": usePublishes, "producer": usePublishes, "sends": usePublishes,
	"subscribe": useSubscribes, "subscriptions": useSubscribes, "consumes": useSubscribes, "consumer": useSubscribes, "listens": useSubscribes, "receives": useSubscribes,
	"on": useSubscribes, "handlers": useSubscribes, "queue": useSubscribes, "queues": useSubscribes,
	"consumer_group": isGroup, "group": isGroup, "group_id": isGroup,
	"saga": useSagas, "sagas": useSagas, "steps": useSagas,
	"outbox": "write database: {outbox: true}", "inbox": "remove it: a subscriber recognises a repeated delivery by the header Banyan-Delivery",
}

var busKeys = map[string]string{ //nolint:gosec // an example of a URL
	"type": "write engine", "kind": "write engine", "driver": "write engine", "broker": "write engine", "provider": "write engine",
	"servers": useURL, "server": useURL, "brokers": useURL, "bootstrap_servers": useURL, "hosts": useURL, "host": useURL, "address": useURL, "addr": useURL, "urls": useURL,
	"username": "write it in url: amqp://shop:${secret.BUS_PASSWORD}@127.0.0.1:5672", "user": "write it in url: amqp://shop:${secret.BUS_PASSWORD}@127.0.0.1:5672",
	"password": "write it in url: amqp://shop:${secret.BUS_PASSWORD}@127.0.0.1:5672",
	"size":     "write max_bytes", "max_size": "write max_bytes", "limit": "write max_bytes", "disk": "write max_bytes",
	"path": "remove it: events are in the state directory", "dir": "remove it: events are in the state directory",
	"partitions": noPartitions, "enabled": "remove it: the bus is there as soon as a service publishes or subscribes",
	"retention": "it belongs to a topic: topics: {NAME: {retention: {time: 7d}}}", "topics": "it belongs at the top of the file, without indentation",
}

var topicKeys = map[string]string{
	"partitions": noPartitions, "partition": noPartitions, "num_partitions": noPartitions,
	"partition_key": useKey, "ordering_key": useKey, "order_by": useKey, "ordering": useKey, "ordered": useKey, "routing_key": useKey, "group_by": useKey, "fifo": useKey,
	"queue": "remove it: a topic is one; the services that subscribe say so in subscribes:", "consumer_group": isGroup, "consumer_groups": isGroup, "groups": isGroup,
	"name": "remove it: the key is the name", "type": "remove it: each event says its type",
	"subscribers": "the services say so themselves: subscribes: {TOPIC: /path}",
	"consumers":   "the services say so themselves: subscribes: {TOPIC: /path}",
	"publishers":  "the services say so themselves: publishes: [TOPIC]",
	"producers":   "the services say so themselves: publishes: [TOPIC]",
	"replicas":    "remove it: how often an event is copied is the server's own setting",
	"replication": "remove it: how often an event is copied is the server's own setting",
	"ttl":         "write retention: {time: 7d}", "max_age": "write retention: {time: 7d}", "retention_ms": "write retention: {time: 7d}", "expires": "write retention: {time: 7d}",
	"max_bytes": "write retention: {size: 1Gi}", "retention_bytes": "write retention: {size: 1Gi}", "max_size": "write retention: {size: 1Gi}",
	"max_message_bytes": "write max_event", "max_message_size": "write max_event", "max_payload": "write max_event", "max_event_size": "write max_event",
	"dedup": "write dedup_window", "dedupe": "write dedup_window", "duplicate_window": "write dedup_window", "deduplication_window": "write dedup_window",
	"payload": "write schema: with a file of JSON Schema", "data": "write schema: with a file of JSON Schema", "json_schema": "write schema",
	"cleanup_policy": "write retention: {full: refuse} or {full: drop_oldest}; events are not compacted", "compact": "remove it: events are not compacted",
	"durable": "remove it: an event is on disk before publishing is answered", "persistent": "remove it: an event is on disk before publishing is answered",
	"dead_letter":  "it belongs to a subscription: subscribes: {TOPIC: {path: …, dead_letter: NAME}}",
	"max_attempts": "it belongs to a subscription: subscribes: {TOPIC: {path: …, max_attempts: 16}}",
}

var retentionKeys = map[string]string{
	"max_age": "write time", "age": "write time", "period": "write time", "duration": "write time", "ttl": "write time", "for": "write time", "days": "write time: 7d", "hours": "write time: 24h",
	"max_bytes": "write size", "bytes": "write size", "max_size": "write size", "policy": "write full: refuse or full: drop_oldest",
	"when_full": "write full", "overflow": "write full", "discard": "write full", "max_messages": "write size", "max_events": "write size", "count": "write size",
}

var subscriptionKeys = map[string]string{
	"consumer_group": isGroup, "group": isGroup, "group_id": isGroup, "queue_group": isGroup, "durable": isGroup, "durable_name": isGroup, "consumer": isGroup,
	"queue": isGroup, "partitions": noPartitions, "ordered": "remove it: the topic's key says which events are in order", "key": "it belongs to the topic: topics: {NAME: {key: subject}}",
	"url": "write path: the service's own address is put before it", "endpoint": "write path", "http": "write path", "handler": "write path", "to": "write path", "route": "write path", "webhook": "write path",
	"method": isPost, "retries": useAttempts, "max_retries": useAttempts, "max_deliver": useAttempts, "max_deliveries": useAttempts, "max_delivery_count": useAttempts, "attempts": useAttempts,
	"retry": "write max_attempts: 16 and backoff: {first: 200ms, most: 5m}", "delay": "write backoff: {first: 200ms, most: 5m}",
	"ack": useAnswers, "auto_ack": useAnswers, "ack_policy": useAnswers, "manual_ack": useAnswers,
	"ack_wait": "write timeout", "ack_timeout": "write timeout", "visibility_timeout": "write timeout", "deadline": "write timeout",
	"prefetch": "write concurrency", "prefetch_count": "write concurrency", "max_in_flight": "write concurrency", "max_ack_pending": "write concurrency", "workers": "write concurrency", "parallel": "write concurrency", "max_concurrency": "write concurrency",
	"offset": "write from: new or from: all", "auto_offset_reset": "write from: new or from: all", "start": "write from", "deliver_policy": "write from: new or from: all", "since": "write from", "replay": "write from: all, which holds for a new subscription",
	"dlq": useDeadLetter, "dead_letter_topic": "write dead_letter", "dead_letter_queue": useDeadLetter, "deadletter": "write dead_letter", "dlx": useDeadLetter,
	"batch": "remove it: events come one a request", "batch_size": "remove it: events come one a request", "max_batch": "remove it: events come one a request",
	"filter": "remove it: a subscription gets all events of its topic; answer 204 to those that are not wanted", "mode": "write content: binary or content: structured", "format": "write content: binary or content: structured", "encoding": "write content: binary or content: structured",
	"topic": "remove it: the key is the topic", "name": "remove it: the key is the topic",
}

var backoffKeys = map[string]string{
	"initial": "write first", "base": "write first", "min": "write first", "initial_interval": "write first", "delay": "write first", "start": "write first",
	"max": "write most", "max_interval": "write most", "cap": "write most", "limit": "write most",
	"multiplier": "remove it: the wait doubles", "factor": "remove it: the wait doubles", "type": "remove it: the wait doubles", "jitter": "remove it: the wait is drawn evenly between zero and the whole",
	"attempts": "write max_attempts, beside backoff", "max_attempts": "it stands beside backoff", "retries": "write max_attempts, beside backoff", "for": "write max_attempts, beside backoff",
}

var sagaKeys = map[string]string{
	"owner": "write started_by: [NAME] for the services that may start it", "callers": "write started_by", "starters": "write started_by", "allow": "write started_by",
	"schema": "write input", "name": "remove it: the key is the name", "deadline": "write timeout", "ttl": "write retention", "tasks": "write steps", "states": "write steps", "activities": "write steps",
	"retry": "it belongs to a step, beside call", "compensate": "write undo in the steps", "on_error": "write undo in the steps", "version": "remove it: a saga that runs keeps the definition that it began with",
}

var stepKeys = map[string]string{
	"id": "write name", "action": "write call", "do": "write call", "request": "write call", "http": "write call", "invoke": "write call", "task": "write call",
	"compensate": "write undo", "compensation": "write undo", "rollback": "write undo", "revert": "write undo", "cancel": "write undo",
	"if": "write when", "condition": "write when", "retries": "write retry: {for: 10m}", "sleep": "write delay", "await": "write wait", "event": "write wait: {topic: …, where: …, deadline: …}",
	"result": "write output", "outputs": "write output", "concurrent": "write parallel", "branches": "write parallel", "workflow": "write saga", "sub_saga": "write saga",
	"service": "it belongs below call: write call: {service: …, path: …}", "path": "it belongs below call: write call: {service: …, path: …}", "method": "it belongs below call: write call: {service: …, path: …}", "body": "it belongs below call: write call: {service: …, path: …}",
	"depends_on": "remove it: steps are done one after another, and those of parallel at the same time", "next": "remove it: steps are done one after another", "idempotent": "remove it: steps are sent with an idempotency key",
}

var stepRequestKeys = map[string]string{
	"url": "write service and path", "endpoint": "write path", "to": "write service", "verb": "write method", "json": "write body", "data": "write body", "payload": "write body",
	"timeout": "it stands beside call", "retry": "it stands beside call", "retries": "write retry beside call", "headers": "remove it: what the service needs goes into body",
}

// wordFixes are other programs' words for values, by Type.Field.
var wordFixes = map[string]map[string]string{
	"Bus.Engine":           {"jetstream": "nats", "amqp": "rabbitmq", "rabbit": "rabbitmq", "builtin": "embedded", "internal": "embedded", "local": "embedded", "memory": "embedded", "sqlite": "embedded", "redpanda": "kafka"},
	"Retention.Full":       {"drop": "drop_oldest", "discard": "drop_oldest", "discardold": "drop_oldest", "delete": "drop_oldest", "dropnewest": "refuse", "reject": "refuse", "rejectpublish": "refuse", "discardnew": "refuse", "block": "refuse", "error": "refuse"},
	"Topic.Compatibility":  {"full": "backward", "backwardtransitive": "backward", "off": "none", "false": "none"},
	"Subscription.Content": {"json": "structured", "cloudevents": "structured", "headers": "binary", "raw": "binary"},
	"StepWait.Else":        {"undo": "abort", "fail": "abort", "cancel": "abort", "compensate": "abort", "skip": "continue", "ignore": "continue", "proceed": "continue"},
	"StepUndo.Absent":      {"ignore": "ok", "skip": "ok", "done": "ok", "error": "attention", "fail": "attention"},
}

// busFix is mappingFix for the parts of the bus and of sagas.
func busFix(n *node, key, val, part string) string {
	switch part {
	case "Bus":
		return fmt.Sprintf("write bus: {engine: %s}", val)
	case "Topic":
		return fmt.Sprintf("write %s: {} for the defaults, or %s: {key: subject}", key, key)
	case "Retention":
		if _, err := ParseBytes(n.text); err == nil {
			return fmt.Sprintf("write retention: {size: %s}", val)
		}
		if _, err := ParseDuration(n.text); err == nil {
			return fmt.Sprintf("write retention: {time: %s}", val)
		}
		return "write retention: {time: 7d, size: 1Gi}"
	case "Backoff":
		return "write backoff: {first: 200ms, most: 5m}"
	case "Saga":
		return fmt.Sprintf("write %s: {steps: […]}", key)
	case "SagaStep":
		return "write - {name: reserve, call: {service: NAME, path: /reservations}, undo: none}"
	case "StepCall":
		if serviceName().MatchString(n.text) {
			return fmt.Sprintf("write call: {service: %s, path: /reservations}", val)
		}
		return "write call: {service: NAME, path: /reservations}"
	case "StepRetry":
		return "write retry: {for: 10m}"
	case "StepWait":
		return "write wait: {topic: NAME, where: …, deadline: 15m}"
	}
	return ""
}

// busForeign is foreignKeys for what is said of events in places that have other keys too.
func busForeign(part, key string) (fix string, ok bool) {
	switch part {
	case "App":
		fix, ok = busTopKeys[key]
	case "Service", "Job":
		fix, ok = busServiceKeys[key]
	}
	return fix, ok
}
