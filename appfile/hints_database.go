package appfile

const (
	isMade    = "remove it: banyan makes the database and tells its address in DATABASE_URL"
	useServer = "the server stands at the top of the file: resources: {postgres: {url: ${secret.PG_URL}}}"
	inPGURL   = "write it in the url: postgres://USER:PASSWORD@HOST:5432/postgres, which is the value of a secret: url: ${secret.PG_URL}"
	ofService = "it belongs to a service, without the level above"
)

var databaseKeys = map[string]string{
	"type": "write engine", "kind": "write engine", "driver": "write engine", "dialect": "write engine",
	"url": isMade, "name": isMade, "database": isMade, "dsn": isMade, "user": isMade, "username": isMade, "password": isMade, "schema": isMade,
	"host": useServer, "port": useServer, "server": useServer,
	"path": "remove it: banyan makes the file and tells its path in DATABASE_PATH", "file": "remove it: banyan makes the file and tells its path in DATABASE_PATH",
	"migrations": "write migrate: with the command that brings the schema up to date", "migration": "write migrate", "migrate_command": "write migrate", "init": "write migrate", "setup": "write migrate",
	"max_connections": "write connections", "pool_size": "write connections: 20, which bounds those of all instances together", "connection_limit": "write connections",
	"version": "remove it: the version is the server's",
}

var resourcesKeys = map[string]string{
	"cpu": ofService, "memory": ofService, "limits": ofService,
	"postgresql": "write postgres", "pg": "write postgres", "database": "write postgres", "databases": "write postgres", "db": "write postgres", "url": "write postgres: {url: ${secret.PG_URL}}",
	"kafka": useBus, "nats": useBus, "rabbitmq": useBus,
	"sqlite": "remove it: an SQLite file needs no server",
}

var postgresKeys = map[string]string{
	"host": inPGURL, "port": inPGURL, "user": inPGURL, "username": inPGURL, "password": inPGURL, "sslmode": inPGURL, "database": inPGURL, "dbname": inPGURL,
	"dsn": "write url", "address": "write url", "addr": "write url", "uri": "write url", "server": "write url", "connection_string": "write url",
}

// databaseWords are other words for engines of databases.
var databaseWords = map[string]string{
	"postgresql": "write postgres", "pg": "write postgres", "pgsql": "write postgres", "sqlite3": "write sqlite", "file": "write sqlite",
}
