package appfile

// Export is somebody to whom telemetry is sent. Exactly one of its fields is set.
type Export struct {
	// OTLP is a collector, or another receiver of the OpenTelemetry protocol.
	OTLP *ExportOTLP `yaml:"otlp,omitempty" json:"otlp,omitempty"`
	// Elasticsearch is a server with the bulk interface of Elasticsearch, which
	// OpenSearch has too.
	Elasticsearch *ExportElasticsearch `yaml:"elasticsearch,omitempty" json:"elasticsearch,omitempty"`
	// Zipkin is a server that takes spans in Zipkin's JSON: /api/v2/spans is put behind
	// its URL.
	Zipkin *ExportHTTP `yaml:"zipkin,omitempty" json:"zipkin,omitempty"`
	// Loki is a server that takes log records in Loki's JSON: /loki/api/v1/push is put
	// behind its URL.
	Loki *ExportHTTP `yaml:"loki,omitempty" json:"loki,omitempty"`
}

// ExportHTTP is a server that takes one signal by HTTP.
type ExportHTTP struct {
	// URL is where it listens, with http or https. It may use ${secret.NAME}.
	URL string `yaml:"url" json:"url"`
	// Headers are sent with each request. Values may use ${secret.NAME}.
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
}

// ExportOTLP is a receiver of the OpenTelemetry protocol.
type ExportOTLP struct {
	// URL is where it listens, with http or https: /v1/traces and its likes are put
	// behind it. It may use ${secret.NAME}.
	URL string `yaml:"url" json:"url"`
	// Protocol is http (protobuf over HTTP) or grpc. Default: http.
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"`
	// Headers are sent with each request. Values may use ${secret.NAME}.
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	// Signals are what is sent. Default: [traces, logs, metrics].
	Signals StringList `yaml:"signals,omitempty" json:"signals,omitempty"`
}

// ExportElasticsearch is a server with Elasticsearch's bulk interface.
type ExportElasticsearch struct {
	// URL is where it listens, with http or https. It may use ${secret.NAME}.
	URL string `yaml:"url" json:"url"`
	// Index is the data stream or index that documents are created in; {signal} in it
	// stands for traces, logs or metrics. Default: "{signal}-banyan-default".
	Index string `yaml:"index,omitempty" json:"index,omitempty"`
	// APIKey is the encoded key of the server's API keys: write ${secret.NAME}.
	APIKey string `yaml:"api_key,omitempty" json:"api_key,omitempty"`
	// User is for servers that want a name and a password.
	User string `yaml:"user,omitempty" json:"user,omitempty"`
	// Password is the user's: write ${secret.NAME}.
	Password string `yaml:"password,omitempty" json:"password,omitempty"`
	// Signals are what is sent. Default: [traces, logs, metrics].
	Signals StringList `yaml:"signals,omitempty" json:"signals,omitempty"`
}
