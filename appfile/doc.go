// Package appfile reads the app file, banyan.yaml: one system's services,
// jobs, gateway and secrets, and how they belong together.
//
// [Load] and [Parse] go from text to an [App] that needs no further care: the
// overlay is merged, ${env.NAME} is replaced, every default is filled in, and
// all is checked. What is wrong is reported as [Problems], all of it in one
// run, each with file, line, column, what is wrong and what to write instead.
// A program that makes an App itself calls [App.ApplyDefaults] and
// [App.Validate].
//
// # References
//
// Values can hold references. ${env.NAME} and ${env.NAME:-default} are
// replaced when the file is loaded, in every value; a command is split into
// words before. The others are known only once the app runs:
// ${services.NAME.url}, .addr, .host and .port of a declared callee, ${port}
// and ${host} where the instance listens, ${out} that its build filled,
// ${data_dir}, ${database.url} and ${database.path}, and ${secret.NAME}.
// They work in command, build, environment, readiness and liveness exec, and
// in the gateway's jwks, the last one in the bus's url too, and stay in the
// loaded App for [Expand]. All other strings of a loaded App are final. $$ stands for a dollar everywhere, in
// quoted words of a command as well; an environment file, which is read as it
// is, has no references.
//
// # Short forms
//
// Command, Environment, StringList, Calls, DependsOn, ServiceSecrets, Volume,
// Update, Balance, Cache, Concurrency, Subscription and StepUndo have a short
// form besides the full one; JSON and YAML read both and write the full one. An
// App survives a round trip through JSON unchanged.
//
// # Overlays
//
// banyan.prod.yaml is laid over banyan.yaml where Options.Env is prod:
// mappings are merged key by key, lists and values are replaced, and null
// deletes a key.
//
// The package depends on nothing else of Banyan, and everybody may use it.
// Its functions are safe for concurrent use; an App is not safe to change
// while others read it.
package appfile
