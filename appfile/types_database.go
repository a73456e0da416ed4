package appfile

// Database is a database of the service's own.
type Database struct {
	// Engine is sqlite (a file in the service's data directory) or postgres (a
	// database and a role of its own on the server of resources). Default: sqlite.
	Engine string `yaml:"engine,omitempty" json:"engine,omitempty"`
	// Migrate brings the database's schema up to date, in WorkingDir and with the
	// service's environment: once for each revision, before any instance of it is
	// started. Exit code 0 is success. Empty: nothing is run.
	Migrate Command `yaml:"migrate,omitempty" json:"migrate,omitempty"`
	// Outbox publishes the rows of the database's table outbox. Default: false.
	Outbox bool `yaml:"outbox,omitempty" json:"outbox,omitempty"`
	// Connections bounds the connections to the database, from all instances
	// together. Postgres only. Range 1–100000. Default: what the server allows.
	Connections int `yaml:"connections,omitempty" json:"connections,omitempty"`
}

// AppResources are the servers that the app uses and Banyan does not run.
type AppResources struct {
	// Postgres is the server on which databases with the engine postgres are made.
	Postgres *Postgres `yaml:"postgres,omitempty" json:"postgres,omitempty"`
}

// Postgres is a PostgreSQL server.
type Postgres struct {
	// URL is the server's address with a role that may create roles and
	// databases: postgres://USER:PASSWORD@HOST:5432/postgres. It is a secret as a
	// whole, or its password is one.
	URL string `yaml:"url" json:"url"`
}

// Engines of databases.
const (
	EngineSQLite   = "sqlite"
	EnginePostgres = "postgres"
)
