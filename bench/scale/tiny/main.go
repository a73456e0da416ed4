// Command tiny is the smallest service there is: it answers 200 on $PORT. The
// scale benchmark runs hundreds of it.
package main

import (
	"net/http"
	"os"
)

func main() {
	err := http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // a client that went away is no matter
	}))
	println(err.Error())
	os.Exit(1)
}
